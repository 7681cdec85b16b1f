"""A stream that broke off, as a new request: the same, with what came of its answer, to go on from there.

For answers of plain text at OpenAI's doors: of a tool's call, a schema or several choices no model can write the rest.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from router.kinds import Asked
from router.wires.bodies import encode
from router.wires.reading import BROKEN, fields_of, read_request
from router.wires.sse import cut, payload_of

GO_ON = (
    "Your answer broke off there. Go on with the very next character: repeat nothing of it, and say nothing about "
    "this. End where the whole answer would have ended."
)
CHARACTERS_A_TOKEN = 4
FEWEST_TOKENS = 16  # that are left for the rest, where the client set a limit


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []


_chunk = msgspec.json.Decoder(_Chunk).decode


def may_continue(asked: Asked) -> bool:
    """Whether another model could write the rest of an answer to this."""
    return asked.stream and asked.door in ("chat", "completions") and not (asked.tools or asked.json_output)


def continued(asked: Asked, events: bytes) -> Asked | None:
    """What to ask for the rest, after the client got `events`; None where that is not text alone."""
    text = _text_of(events)
    if not text:
        return None
    try:
        fields = fields_of(asked.body)
        if asked.door == "chat":
            turns = msgspec.json.decode(fields["messages"], type=list[Any])
            fields["messages"] = [*turns, {"role": "assistant", "content": text}, {"role": "user", "content": GO_ON}]
        else:
            prompt = msgspec.json.decode(fields["prompt"])
            if not isinstance(prompt, str):
                return None
            fields["prompt"] = prompt + text
        for name in ("max_tokens", "max_completion_tokens"):
            limit = msgspec.json.decode(fields.get(name, b"null"))
            if limit:
                fields[name] = max(limit - len(text) // CHARACTERS_A_TOKEN, FEWEST_TOKENS)
        return replace(read_request(asked.door, encode(fields)), text=asked.text)  # what the classifier read
    except (KeyError, *BROKEN):
        return None


def _text_of(events: bytes) -> str:
    """All that was said so far, or nothing where that is not text alone."""
    parts: list[str] = []
    for event in cut(events):
        payload = payload_of(event)
        if not payload or payload.startswith(b"[DONE]"):
            continue
        try:
            choices = _chunk(payload).choices
        except BROKEN:
            return ""
        for choice in choices:
            said = choice.delta or _Delta()
            if choice.index or said.tool_calls or said.function_call or said.refusal:
                return ""
            parts.append(said.content or choice.text or "")
    return "".join(parts)
