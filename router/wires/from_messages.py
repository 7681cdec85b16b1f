"""Anthropic's Messages requests, read from a client for another protocol. Source: its API reference, Messages."""

from typing import Any, Literal

import msgspec
from msgspec import Raw

from router.wires.forms import Unusable
from router.wires.strict import CachePoint, Strict, read_strictly
from router.wires.talk import Ask, Call, Choice, Effort, Format, Media, Result, Text, Thinking, Tool, Turn

HARMLESS = frozenset(["metadata", "service_tier", "cache_control", "diagnostics", "speed", "context_management"])


class _TextBlock(Strict, frozen=True, tag_field="type", tag="text"):
    text: str
    cache_control: CachePoint | None = None
    citations: list[Any] | None = None  # of an earlier answer

    def read(self) -> Text:
        return Text(self.text, self.cache_control is not None)


class _Base64(Strict, frozen=True, tag_field="type", tag="base64"):
    data: str
    media_type: str


class _Url(Strict, frozen=True, tag_field="type", tag="url"):
    url: str


class _Plain(Strict, frozen=True, tag_field="type", tag="text"):
    data: str
    media_type: str = "text/plain"


class _ImageBlock(Strict, frozen=True, tag_field="type", tag="image"):
    source: _Base64 | _Url
    cache_control: CachePoint | None = None

    def read(self) -> Media:
        return _read_media("image", self.source, "", self.cache_control)


class _Citations(Strict, frozen=True):
    enabled: Literal[False] | None = None


class _DocumentBlock(Strict, frozen=True, tag_field="type", tag="document"):
    source: _Base64 | _Url | _Plain
    title: str | None = None
    context: str | None = None
    citations: _Citations | None = None
    cache_control: CachePoint | None = None

    def read(self) -> Media | Text:
        if isinstance(self.source, _Plain):
            heads = [text for text in (self.title, self.context) if text]
            return Text("\n\n".join([*heads, self.source.data]), self.cache_control is not None)
        if self.context:
            raise Unusable("`context` of a document is taken by Anthropic only; put it into a text", param="context")
        return _read_media("document", self.source, self.title or "", self.cache_control)


class _CallBlock(Strict, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw
    cache_control: CachePoint | None = None
    caller: Any = None

    def read(self) -> Call:
        return Call(self.id, self.name, bytes(self.input).decode(), cache=self.cache_control is not None)


class _ResultBlock(Strict, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[_TextBlock | _ImageBlock | _DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: CachePoint | None = None

    def read(self) -> Result:
        return Result(
            self.tool_use_id, _read_content(self.content or ""), self.is_error is True, self.cache_control is not None
        )


class _ThinkingBlock(Strict, frozen=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str = ""

    def read(self) -> Thinking:
        return Thinking(self.thinking, self.signature)


class _HiddenBlock(Strict, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: str

    def read(self) -> Thinking:
        return Thinking("", hidden=self.data)


Block = (
    _TextBlock | _ImageBlock | _DocumentBlock | _CallBlock | _ResultBlock | _ThinkingBlock | _HiddenBlock
)  # fmt: skip


class _Message(Strict, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class _ToolForm(Strict, frozen=True):
    name: str
    input_schema: Raw
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: CachePoint | None = None
    eager_input_streaming: bool | None = None  # how its arguments are streamed, not what they are
    defer_loading: Literal[False] | None = None
    input_examples: Any = None

    def read(self) -> Tool:
        return Tool(
            self.name, self.description or "", bytes(self.input_schema), self.strict, self.cache_control is not None
        )


class _Auto(Strict, frozen=True, tag_field="type", tag="auto"):
    disable_parallel_tool_use: bool | None = None


class _Any(Strict, frozen=True, tag_field="type", tag="any"):
    disable_parallel_tool_use: bool | None = None


class _One(Strict, frozen=True, tag_field="type", tag="tool"):
    name: str
    disable_parallel_tool_use: bool | None = None


class _No(Strict, frozen=True, tag_field="type", tag="none"):
    pass


class _Enabled(Strict, frozen=True, tag_field="type", tag="enabled"):
    budget_tokens: int
    display: str | None = None


class _Adaptive(Strict, frozen=True, tag_field="type", tag="adaptive"):
    display: str | None = None


class _BetweenTools(Strict, frozen=True, tag_field="type", tag="between_tools"):
    pass


class _Disabled(Strict, frozen=True, tag_field="type", tag="disabled"):
    pass


class _SchemaForm(Strict, frozen=True, tag_field="type", tag="json_schema"):
    schema: Raw


class _OutputConfig(Strict, frozen=True):
    effort: Effort | None = None
    format: _SchemaForm | None = None


class _Metadata(msgspec.Struct, frozen=True):
    user_id: str | None = None


class MessagesForm(Strict, frozen=True, kw_only=True):
    """A request's top level as far as other protocols have a place for it."""

    messages: list[_Message]
    model: str = ""
    max_tokens: int = 0
    system: str | list[_TextBlock] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[_ToolForm] | None = None
    tool_choice: _Auto | _Any | _One | _No | None = None
    thinking: _Enabled | _Adaptive | _BetweenTools | _Disabled | None = None
    output_config: _OutputConfig | None = None
    metadata: _Metadata | None = None


def read_messages(body: bytes, target: str) -> Ask:
    """A client's Messages request. Raises `Unusable` for what `target` has no place for."""
    form, left_out = read_strictly(body, MessagesForm, harmless=HARMLESS, neutral={}, target=target)
    choice = form.tool_choice
    single = getattr(choice, "disable_parallel_tool_use", None)
    output = form.output_config or _OutputConfig()
    system = [part for part in _read_content(form.system or "") if isinstance(part, Text) and part.text]
    for message in form.messages:
        if message.role == "system":
            system += [part for part in _read_content(message.content) if isinstance(part, Text)]
    return Ask(
        turns=tuple(
            Turn("user" if message.role == "user" else "assistant", _read_content(message.content))
            for message in form.messages
            if message.role != "system"
        ),
        system=tuple(system),
        tools=tuple(tool.read() for tool in form.tools or ()),
        choice=_read_choice(choice),
        parallel=not single if single is not None else None,
        max_tokens=form.max_tokens,
        temperature=form.temperature,
        top_p=form.top_p,
        top_k=form.top_k,
        stop=tuple(form.stop_sequences or ()),
        format=Format(bytes(output.format.schema), strict=True) if output.format else None,
        effort=_read_effort(form, output),
        thinking_tokens=form.thinking.budget_tokens if isinstance(form.thinking, _Enabled) else 0,
        show_thinking=isinstance(form.thinking, _Enabled | _Adaptive | _BetweenTools),
        user=(form.metadata and form.metadata.user_id) or "",
        stream=form.stream is True,
        left_out=left_out,
    )


def _read_effort(form: MessagesForm, output: _OutputConfig) -> Effort | None:
    if isinstance(form.thinking, _Disabled):
        return "none"
    if isinstance(form.thinking, _Adaptive | _BetweenTools):
        return output.effort or "medium"
    return output.effort if form.thinking is None else None


def _read_content(content: Any) -> tuple[Any, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(block.read() for block in content)


def _read_choice(choice: _Auto | _Any | _One | _No | None) -> Choice | None:
    if choice is None:
        return None
    if isinstance(choice, _One):
        return Choice("one", choice.name)
    return Choice("auto" if isinstance(choice, _Auto) else "any" if isinstance(choice, _Any) else "none")


def _read_media(
    kind: Literal["image", "document"], source: _Base64 | _Url, name: str, cache: CachePoint | None
) -> Media:
    if isinstance(source, _Url):
        return Media(kind, url=source.url, name=name, cache=cache is not None)
    return Media(kind, source.media_type, source.data, name=name, cache=cache is not None)
