"""OpenAI's chat requests, read from a client for another protocol.

Source: OpenAI's API reference, Chat completions; DeepSeek's for `reasoning_content`; Gemini's OpenAI compatibility
page for `extra_content`.
"""

import re
from typing import Any, Literal

import msgspec
from msgspec import Raw

from router.wires.forms import Unusable
from router.wires.strict import CachePoint, Strict, read_strictly
from router.wires.talk import SOUNDS, Ask, Call, Choice, Effort, Format, Media, Result, Text, Thinking, Tool, Turn

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*;base64,(.*)", re.DOTALL)
ANSWER_FORMAT = "answer"

# What another provider may do without: it changes no word of the answer, or only hints.
HARMLESS = frozenset(
    [
        "store",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "service_tier",
        "prediction",
        "verbosity",
        "stream_options",
        "safety_identifier",
    ]
)
# What no other protocol has, with the values that ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
}


class TextPart(Strict, frozen=True, tag_field="type", tag="text"):
    text: str
    cache_control: CachePoint | None = None
    prompt_cache_breakpoint: CachePoint | None = None

    def read(self) -> Text:
        return Text(self.text, self.cache_control is not None or self.prompt_cache_breakpoint is not None)


class _ImageUrl(Strict, frozen=True):
    url: str
    detail: str | None = None


class ImagePart(Strict, frozen=True, tag_field="type", tag="image_url"):
    image_url: _ImageUrl
    cache_control: CachePoint | None = None
    prompt_cache_breakpoint: CachePoint | None = None

    def read(self) -> Media:
        return _media("image", self.image_url.url, cache=self.cache_control is not None)


class _Sound(Strict, frozen=True):
    data: str
    format: Literal["wav", "mp3"]


class SoundPart(Strict, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: _Sound

    def read(self) -> Media:
        return Media("audio", SOUNDS[self.input_audio.format], self.input_audio.data)


class _File(Strict, frozen=True):
    file_data: str
    filename: str = ""


class FilePart(Strict, frozen=True, tag_field="type", tag="file"):
    file: _File
    cache_control: CachePoint | None = None

    def read(self) -> Media:
        return _media("document", self.file.file_data, self.file.filename, cache=self.cache_control is not None)


class RefusalPart(Strict, frozen=True, tag_field="type", tag="refusal"):
    refusal: str

    def read(self) -> Text:
        return Text(self.refusal)


class _Function(Strict, frozen=True):
    name: str
    arguments: str = ""


class _Google(msgspec.Struct, frozen=True):
    thought_signature: str = ""


class _Extra(msgspec.Struct, frozen=True):
    google: _Google = _Google()


class CallForm(Strict, frozen=True):
    function: _Function
    id: str = ""
    type: Literal["function"] = "function"
    index: int | None = None
    extra_content: _Extra | None = None

    def read(self) -> Call:
        signature = self.extra_content.google.thought_signature if self.extra_content else ""
        return Call(self.id, self.function.name, self.function.arguments or "{}", signature)


class ThinkingForm(msgspec.Struct, frozen=True):
    """Anthropic's thinking as it is handed through OpenAI's messages: as LiteLLM's `thinking_blocks`."""

    type: str = "thinking"
    thinking: str = ""
    signature: str = ""
    data: str = ""

    def read(self) -> Thinking:
        return Thinking(self.thinking, self.signature, self.data)


class _System(Strict, frozen=True, tag_field="role", tag="system"):
    content: str | list[TextPart]
    name: str | None = None


class _Developer(Strict, frozen=True, tag_field="role", tag="developer"):
    content: str | list[TextPart]
    name: str | None = None


class _User(Strict, frozen=True, tag_field="role", tag="user"):
    content: str | list[TextPart | ImagePart | SoundPart | FilePart]
    name: str | None = None


class _Assistant(Strict, frozen=True, tag_field="role", tag="assistant"):
    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[CallForm] | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[ThinkingForm] | None = None
    annotations: list[Any] | None = None  # of an earlier answer: say nothing to the model
    audio: None = None

    def read(self, ordinal: int) -> Turn:
        thinking = [block.read() for block in self.thinking_blocks or ()]
        if not thinking and (shown := self.reasoning_content or self.reasoning):
            thinking = [Thinking(shown)]
        calls = [call.read() for call in self.tool_calls or ()]
        if self.function_call is not None:
            calls.append(Call(_function_id(ordinal), self.function_call.name, self.function_call.arguments or "{}"))
        return Turn("assistant", (*thinking, *_texts(self.content), *_texts(self.refusal), *calls))


class _Tool(Strict, frozen=True, tag_field="role", tag="tool"):
    content: str | list[TextPart | ImagePart]
    tool_call_id: str
    name: str | None = None

    def read(self) -> Result:
        return Result(self.tool_call_id, _content(self.content))


class _FunctionResult(Strict, frozen=True, tag_field="role", tag="function"):
    name: str
    content: str | None = None

    def read(self, ordinal: int) -> Result:
        return Result(_function_id(ordinal), _content(self.content or ""))


Message = _System | _Developer | _User | _Assistant | _Tool | _FunctionResult


class _FunctionForm(Strict, frozen=True):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None

    def read(self, cache: bool = False) -> Tool:
        schema = bytes(self.parameters)
        if schema in {b"", b"null", b"{}"}:
            return Tool(self.name, self.description or "", strict=self.strict, cache=cache)
        return Tool(self.name, self.description or "", schema, self.strict, cache)


class _ToolForm(Strict, frozen=True, tag_field="type", tag="function"):
    function: _FunctionForm
    cache_control: CachePoint | None = None


class _Named(Strict, frozen=True):
    name: str


class _OneTool(Strict, frozen=True, tag_field="type", tag="function"):
    function: _Named


class _SchemaForm(Strict, frozen=True):
    name: str = ANSWER_FORMAT
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class _AnyText(Strict, frozen=True, tag_field="type", tag="text"):
    pass


class _AnyJson(Strict, frozen=True, tag_field="type", tag="json_object"):
    pass


class _ByschemaJson(Strict, frozen=True, tag_field="type", tag="json_schema"):
    json_schema: _SchemaForm


class ChatForm(Strict, frozen=True, kw_only=True):
    """A request's top level as far as other protocols have a place for it."""

    messages: list[Message]
    model: str = ""
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    tools: list[_ToolForm] | None = None
    functions: list[_FunctionForm] | None = None
    tool_choice: Literal["none", "auto", "required"] | _OneTool | None = None
    function_call: Literal["none", "auto"] | _Named | None = None
    parallel_tool_calls: bool | None = None
    response_format: _AnyText | _AnyJson | _ByschemaJson | None = None
    reasoning_effort: Effort | None = None
    user: str | None = None


def read_chat(body: bytes, target: str) -> Ask:
    """A client's chat request. Raises `Unusable` for what `target` has no place for."""
    form, left_out = read_strictly(body, ChatForm, harmless=HARMLESS, neutral=NEUTRAL, target=target)
    system, turns = _turns(form.messages)
    stop = (form.stop,) if isinstance(form.stop, str) else tuple(form.stop or ())
    names = {"messages.name" for message in form.messages if not isinstance(message, _FunctionResult) and message.name}
    return Ask(
        turns=turns,
        system=system,
        tools=tuple(
            [tool.function.read(tool.cache_control is not None) for tool in form.tools or ()]
            + [function.read() for function in form.functions or ()]
        ),
        choice=_choice(form),
        parallel=form.parallel_tool_calls,
        max_tokens=form.max_completion_tokens or form.max_tokens or 0,
        temperature=form.temperature,
        top_p=form.top_p,
        top_k=form.top_k,
        stop=stop,
        seed=form.seed,
        frequency_penalty=form.frequency_penalty or None,
        presence_penalty=form.presence_penalty or None,
        format=_format(form),
        effort=form.reasoning_effort,
        user=form.user or "",
        stream=form.stream is True,
        left_out=(*left_out, *names),
    )


def _turns(messages: list[Message]) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """System messages come to the front, wherever they stood; results of tools are the user's."""
    system: list[Text] = []
    turns: list[Turn] = []
    called = 0  # where the last function was called
    for ordinal, message in enumerate(messages):
        if isinstance(message, _System | _Developer):
            system += _texts(message.content)
        elif isinstance(message, _User):
            turns.append(Turn("user", _content(message.content)))
        elif isinstance(message, _Assistant):
            turns.append(message.read(ordinal))
            called = ordinal
        else:
            result = message.read() if isinstance(message, _Tool) else message.read(called)
            together = turns and turns[-1].role == "user" and isinstance(turns[-1].parts[-1], Result)
            turns[-1:] = (
                [Turn("user", (*turns[-1].parts, result))] if together else [*turns[-1:], Turn("user", (result,))]
            )
    return tuple(system), tuple(turns)


def _texts(content: str | list[TextPart] | list[TextPart | RefusalPart] | None) -> list[Text]:
    if content is None or isinstance(content, str):
        return [Text(content)] if content else []
    return [part.read() for part in content]


def _content(content: Any) -> tuple[Any, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(part.read() for part in content)


def _media(kind: Literal["image", "document"], url: str, name: str = "", *, cache: bool = False) -> Media:
    if found := DATA_URL.fullmatch(url):
        return Media(kind, found[1], found[2], name=name, cache=cache)
    if url.startswith(("http://", "https://")):
        return Media(kind, url=url, name=name, cache=cache)
    if kind == "document" and url:
        return Media(kind, "application/pdf", url, name=name, cache=cache)  # bare base64
    raise Unusable("an image must be an http(s) URL or a base64 `data:` URL", param="messages")


def _function_id(ordinal: int) -> str:
    """The old `functions` have no ids; a result belongs to the call before it."""
    return f"call_{ordinal}"


def _choice(form: ChatForm) -> Choice | None:
    chosen = form.tool_choice if form.tool_choice is not None else form.function_call
    if chosen is None:
        return None
    if isinstance(chosen, _OneTool):
        return Choice("one", chosen.function.name)
    if isinstance(chosen, _Named):
        return Choice("one", chosen.name)
    return Choice("any" if chosen == "required" else chosen)


def _format(form: ChatForm) -> Format | None:
    asked = form.response_format
    if isinstance(asked, _AnyJson):
        return Format()
    if isinstance(asked, _ByschemaJson):
        return Format(bytes(asked.json_schema.schema), asked.json_schema.name, asked.json_schema.strict)
    return None
