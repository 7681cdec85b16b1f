"""A client's request, read as far as the choice of a provider needs it. What is only passed on is not decoded."""

from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Raw

from router.kinds import Asked, Door
from router.wires.forms import Unusable
from router.wires.tokens import PER_FILE, PER_REQUEST, PER_TURN, Tokenizer, measure

T = TypeVar("T", bound=msgspec.Struct)
LONGEST_TEXT = 8_000  # characters of the last turn that the classifier reads
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what msgspec raises on bytes that are not JSON
_NULL, _NOTHING = Raw(b"null"), Raw(b"[]")


class _Part(msgspec.Struct, frozen=True):
    type: str = "text"
    text: str = ""
    content: "str | list[_Part] | None" = None  # of Anthropic's tool results
    input: Raw = Raw()  # of Anthropic's tool calls
    thinking: str = ""


class _Turn(msgspec.Struct, frozen=True):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: Raw = Raw()
    reasoning_content: str | None = None


class _Kind(msgspec.Struct, frozen=True):
    type: str = ""


class _OutputConfig(msgspec.Struct, frozen=True):
    format: _Kind | None = None


class _Metadata(msgspec.Struct, frozen=True):
    user_id: str | None = None


class _Shared(msgspec.Struct, frozen=True, kw_only=True):
    model: str = ""
    stream: bool | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class _Chat(_Shared, frozen=True, kw_only=True):
    messages: list[_Turn]
    max_completion_tokens: int | None = None
    tools: Raw = Raw()
    functions: Raw = Raw()
    response_format: _Kind | None = None
    n: int | None = None
    user: str | None = None


class _Completion(_Shared, frozen=True, kw_only=True):
    prompt: str | list[str | int | list[int]] | None = None
    suffix: str | None = None
    n: int | None = None
    best_of: int | None = None
    user: str | None = None


class _Embedding(msgspec.Struct, frozen=True, kw_only=True):
    input: str | list[str | int | list[int]]
    model: str = ""
    user: str | None = None


class _Messages(_Shared, frozen=True, kw_only=True):
    messages: list[_Turn]
    system: str | list[_Part] | None = None
    tools: Raw = Raw()
    output_config: _OutputConfig | None = None
    metadata: _Metadata | None = None


class _GenerationConfig(msgspec.Struct, frozen=True, rename="camel"):
    max_output_tokens: int | None = None
    temperature: float | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None


class _GeminiPart(msgspec.Struct, frozen=True, rename="camel"):
    text: str = ""
    inline_data: Raw = Raw()
    file_data: Raw = Raw()
    function_call: Raw = Raw()
    function_response: Raw = Raw()


class _GeminiContent(msgspec.Struct, frozen=True):
    parts: list[_GeminiPart] = []
    role: str = "user"


class _Generate(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    contents: list[_GeminiContent]
    system_instruction: _GeminiContent = _GeminiContent()
    tools: Raw = Raw()
    generation_config: _GenerationConfig = _GenerationConfig()


_generate = msgspec.json.Decoder(_Generate)
_chat = msgspec.json.Decoder(_Chat)
_completion = msgspec.json.Decoder(_Completion)
_embedding = msgspec.json.Decoder(_Embedding)
_messages = msgspec.json.Decoder(_Messages)


def read_request(
    door: Door, body: bytes, tokenizer: Tokenizer | None = None, *, model: str = "", stream: bool = False
) -> Asked:
    """Reads a request. Raises `Unusable` that names the field which is missing or wrong.

    Fields that only the provider understands are not looked at here: it judges them. With a tokenizer `input_tokens` is
    exact but for what a chat template and images add, else a bound for any. `model` and `stream` are for Gemini's door,
    where they stand in the path.
    """
    if door == "chat":
        return _read_chat(body, tokenizer)
    if door == "completions":
        return _read_completion(body, tokenizer)
    if door == "embeddings":
        return _read_embedding(body, tokenizer)
    if door == "generate":
        return _read_generate(body, tokenizer, model, stream)
    return _read_messages(door, body, tokenizer)


def _read_chat(body: bytes, tokenizer: Tokenizer | None) -> Asked:
    asked = decode(_chat, body)
    if not asked.messages:
        raise Unusable("`messages` is empty; give at least one message", param="messages")
    counted = _Counted()
    for turn in asked.messages:
        counted.add(turn)
    for raw in (asked.tools, asked.functions):
        counted.raw(raw)
    return Asked(
        door="chat",
        body=body,
        model=asked.model,
        stream=asked.stream is True,
        input_tokens=counted.tokens(len(asked.messages), tokenizer),
        max_output_tokens=_limit(asked.max_completion_tokens, "max_completion_tokens")
        or _limit(asked.max_tokens, "max_tokens"),
        tools=given(asked.tools) or given(asked.functions),
        images=counted.images > 0,
        json_output=asked.response_format is not None and asked.response_format.type not in {"", "text"},
        deterministic=asked.temperature == 0 and asked.n in {None, 1},
        user=asked.user or "",
        text=_last_text(asked.messages),
    )


def _read_completion(body: bytes, tokenizer: Tokenizer | None) -> Asked:
    asked = decode(_completion, body)
    texts, ids = _strings(asked.prompt)
    suffix = asked.suffix or ""
    tokens = sum(measure(text, tokenizer) for text in (*texts, suffix)) + ids
    return Asked(
        door="completions",
        body=body,
        model=asked.model,
        stream=asked.stream is True,
        input_tokens=tokens + PER_REQUEST,
        max_output_tokens=_limit(asked.max_tokens, "max_tokens"),
        suffix=bool(suffix),
        deterministic=asked.temperature == 0 and asked.n in {None, 1} and asked.best_of in {None, 1},
        user=asked.user or "",
        text=texts[-1][-LONGEST_TEXT:] if texts else "",
    )


def _read_embedding(body: bytes, tokenizer: Tokenizer | None) -> Asked:
    asked = decode(_embedding, body)
    texts, ids = _strings(asked.input)
    if not texts and not ids:
        raise Unusable("`input` is empty; give a text or a list of texts", param="input")
    tokens = sum(measure(text, tokenizer) for text in texts) + ids
    return Asked(
        door="embeddings",
        body=body,
        model=asked.model,
        input_tokens=tokens + PER_REQUEST,
        deterministic=True,
        user=asked.user or "",
        text=texts[-1][:LONGEST_TEXT] if texts else "",
    )


def _read_messages(door: Door, body: bytes, tokenizer: Tokenizer | None) -> Asked:
    asked = decode(_messages, body)
    if not asked.messages:
        raise Unusable("`messages` is empty; give at least one message", param="messages")
    if door == "messages" and asked.max_tokens is None:
        raise Unusable("`max_tokens` is required: how many tokens the answer may have", param="max_tokens")
    counted = _Counted()
    counted.content(asked.system)
    for turn in asked.messages:
        counted.add(turn)
    counted.raw(asked.tools)
    return Asked(
        door=door,
        body=body,
        model=asked.model,
        stream=asked.stream is True,
        input_tokens=counted.tokens(len(asked.messages) + 1, tokenizer),
        max_output_tokens=_limit(asked.max_tokens, "max_tokens"),
        tools=given(asked.tools),
        images=counted.images > 0,
        json_output=asked.output_config is not None and asked.output_config.format is not None,
        deterministic=asked.temperature == 0,
        user=(asked.metadata and asked.metadata.user_id) or "",
        text=_last_text(asked.messages),
    )


def _read_generate(body: bytes, tokenizer: Tokenizer | None, model: str, stream: bool) -> Asked:
    asked = decode(_generate, body)
    if not asked.contents:
        raise Unusable("`contents` is empty; give at least one content", param="contents")
    counted = _Counted()
    for content in (asked.system_instruction, *asked.contents):
        for part in content.parts:
            counted.texts.append(part.text)
            counted.images += bool(part.inline_data or part.file_data)
            counted.raw(part.function_call)
            counted.raw(part.function_response)
    counted.raw(asked.tools)
    config = asked.generation_config
    said = [part.text for content in asked.contents if content.role == "user" for part in content.parts if part.text]
    return Asked(
        door="generate",
        body=body,
        model=model,
        stream=stream,
        input_tokens=counted.tokens(len(asked.contents) + 1, tokenizer),
        max_output_tokens=_limit(config.max_output_tokens, "generationConfig.maxOutputTokens"),
        tools=given(asked.tools),
        images=counted.images > 0,
        json_output=config.response_mime_type == "application/json",
        deterministic=config.temperature == 0 and config.candidate_count in {None, 1},
        text=said[-1][:LONGEST_TEXT] if said else "",
    )


class _Counted:
    """Texts and images of a request on the way to an estimate."""

    __slots__ = ("images", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images = 0

    def add(self, turn: _Turn) -> None:
        if type(turn.content) is str:
            self.texts.append(turn.content)
        else:
            self.content(turn.content)
        if turn.reasoning_content:
            self.texts.append(turn.reasoning_content)
        self.raw(turn.tool_calls)

    def content(self, content: str | list[_Part] | None) -> None:
        if isinstance(content, str):
            self.texts.append(content)
            return
        for part in content or ():
            if part.text or part.thinking:
                self.texts.append(part.text or part.thinking)
            elif part.content is not None:
                self.content(part.content)
            elif part.type in {"image_url", "image", "document", "file", "input_audio"}:
                self.images += 1
            self.raw(part.input)

    def raw(self, raw: Raw) -> None:
        if raw:
            self.texts.append(bytes(raw).decode(errors="replace"))

    def tokens(self, turns: int, tokenizer: Tokenizer | None) -> int:
        return measure("\n".join(self.texts), tokenizer) + turns * PER_TURN + self.images * PER_FILE + PER_REQUEST


def given(raw: Raw) -> bool:
    """Whether a value was given, and is not null or an empty list."""
    return bool(raw) and raw not in (_NULL, _NOTHING)


def _limit(tokens: int | None, name: str) -> int:
    if tokens is not None and tokens < 0:
        raise Unusable(f"`{name}` must not be negative, it is {tokens}", param=name)
    return tokens or 0


def _strings(value: str | list[str | int | list[int]] | None) -> tuple[list[str], int]:
    """The texts of a prompt, and how many token ids stand beside them."""
    if value is None or isinstance(value, str):
        return ([value] if value else []), 0
    texts = [item for item in value if isinstance(item, str)]
    return texts, sum(len(item) if isinstance(item, list) else 1 for item in value if not isinstance(item, str))


def _last_text(turns: list[_Turn]) -> str:
    """The last turn of the user that says something."""
    for turn in reversed(turns):
        if turn.role != "user":
            continue
        if isinstance(turn.content, str):
            if turn.content:
                return turn.content[:LONGEST_TEXT]
        elif text := "\n".join(part.text for part in turn.content or () if part.text):
            return text[:LONGEST_TEXT]
    return ""


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decodes a client's JSON. Raises `Unusable`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        explain(error)
    except BROKEN as error:
        raise Unusable(f"the request is not valid JSON: {error}", code="invalid_json") from error


def explain(error: msgspec.ValidationError) -> NoReturn:
    """msgspec's `Expected `int`, got `str` - at `$.max_tokens`` as an `Unusable` that names the parameter."""
    reason, _, place = str(error).partition(" - at `$")
    if "required field" in reason:
        param = f"{place.rstrip('`')}.{reason.rpartition('field `')[2]}".strip(".`")
        raise Unusable(f"`{param}` is required", param=param) from error
    param = place.strip(".`")
    if not param:
        raise Unusable("the request must be a JSON object", code="invalid_json") from error
    raise Unusable(f"`{param}`: {reason[:1].lower()}{reason[1:]}", param=param) from error


def fields_of(body: bytes) -> dict[str, Any]:
    """The top level of a request with every value as it was sent. Raises `Unusable`."""
    try:
        return _fields.decode(body)
    except BROKEN as error:
        raise Unusable(f"the request is not a JSON object: {error}", code="invalid_json") from error


_fields = msgspec.json.Decoder(dict[str, Raw])
