"""A conversation in nobody's protocol: what the three can say, so that each is read and written once.

Readers refuse what has no place here; writers refuse what their protocol has no place for.
"""

from typing import Literal

from hone.records import Record
from router.kinds import Usage
from router.wires.forms import Finish

GEMINI_SIGNATURE = "gemini:"  # before a signature of Gemini's, where it stands in Anthropic's place
SOUNDS = {"wav": "audio/wav", "mp3": "audio/mp3"}  # OpenAI's names


class Text(Record, frozen=True):
    """Words of a turn."""

    text: str
    cache: bool = False  # the provider may cache the prompt up to here


class Media(Record, frozen=True):
    """An image, a document or a sound: base64 in `data`, or a `url`."""

    kind: Literal["image", "document", "audio"]
    media_type: str = ""  # empty with a url
    data: str = ""
    url: str = ""
    name: str = ""
    cache: bool = False


class Thinking(Record, frozen=True):
    """Reasoning that was shown, or kept hidden. Its signature counts only for the wire that made it."""

    text: str
    signature: str = ""
    hidden: str = ""  # Anthropic's redacted thinking


class Call(Record, frozen=True):
    """A call of a tool. `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str
    signature: str = ""  # Gemini's, which must come back with the call
    cache: bool = False


class Result(Record, frozen=True):
    """What a tool gave back."""

    id: str
    content: tuple[Text | Media, ...]
    failed: bool = False
    cache: bool = False


Part = Text | Media | Thinking | Call | Result


class Turn(Record, frozen=True):
    """What one side says."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


class Tool(Record, frozen=True):
    """A function that the model may call; `schema` is JSON."""

    name: str
    description: str = ""
    schema: bytes = b'{"type":"object","properties":{}}'
    strict: bool | None = None
    cache: bool = False


class Choice(Record, frozen=True):
    """Which tools may or must be called."""

    how: Literal["auto", "none", "any", "one"] = "auto"
    name: str = ""  # of the one


class Format(Record, frozen=True):
    """JSON as the answer; without a schema any object will do."""

    schema: bytes = b""
    name: str = "answer"
    strict: bool | None = None


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Ask(Record, frozen=True):
    """A whole request."""

    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None  # False: at most one call at a time
    max_tokens: int = 0  # 0: not said
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    format: Format | None = None
    effort: Effort | None = None
    thinking_tokens: int = 0  # a budget, where one was named
    show_thinking: bool = False  # the client reads thinking
    user: str = ""
    stream: bool = False
    left_out: tuple[str, ...] = ()  # harmless parameters that the reader has already dropped


class Reply(Record, frozen=True):
    """A whole answer."""

    id: str
    model: str
    parts: tuple[Text | Thinking | Call, ...]
    finish: Finish
    stop_sequence: str = ""
    usage: Usage | None = None


# What a stream says, piece by piece. A piece that is not of the kind that is open closes it.


class Began(Record, frozen=True):
    """Before everything else."""

    id: str
    model: str


class Said(Record, frozen=True):
    """More words."""

    text: str


class Thought(Record, frozen=True):
    """More thinking, or the signature that closes it."""

    text: str = ""
    signature: str = ""
    hidden: str = ""


class CallBegan(Record, frozen=True):
    """A call; its arguments follow."""

    index: int  # of calls, from 0
    id: str
    name: str
    signature: str = ""


class CallSaid(Record, frozen=True):
    """More of a call's arguments."""

    index: int
    arguments: str


class Ended(Record, frozen=True):
    """Why it ended. Only counts and `Over` follow."""

    finish: Finish
    stop_sequence: str = ""


class Counted(Record, frozen=True):
    """Tokens so far; a later count replaces an earlier one."""

    usage: Usage


class Over(Record, frozen=True):
    """The formal end of the protocol."""


Piece = Began | Said | Thought | CallBegan | CallSaid | Ended | Counted | Over
