"""Gemini's generateContent requests, read from a client for another protocol. Source: the Gemini API reference.

The model and whether to stream stand in the path; the reader of the request puts them into `Asked`.
"""

from typing import Any, Literal

import msgspec
from msgspec import Raw

from router.kinds import Asked
from router.wires.bodies import encode
from router.wires.forms import Unusable
from router.wires.reading import BROKEN
from router.wires.strict import Strict, read_strictly, untranslatable
from router.wires.talk import Ask, Call, Choice, Effort, Format, Media, Part, Result, Text, Thinking, Tool, Turn

HARMLESS = frozenset(["safetySettings", "labels", "serviceTier", "store"])
# What stands in these is the client's own, not of the protocol.
OPAQUE = frozenset(
    ["args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"]
)
LEVELS: dict[str, Effort] = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}


class _Camel(Strict, frozen=True, rename="camel"):
    """Google's names."""


class _Blob(_Camel, frozen=True, rename="camel"):
    mime_type: str
    data: str


class _File(_Camel, frozen=True, rename="camel"):
    file_uri: str
    mime_type: str = ""


class _Call(_Camel, frozen=True, rename="camel"):
    name: str
    args: Raw = Raw(b"{}")
    id: str = ""


class _Response(_Camel, frozen=True, rename="camel"):
    name: str
    response: dict[str, Any]
    id: str = ""


class _Part(_Camel, frozen=True, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str = ""
    inline_data: _Blob | None = None
    file_data: _File | None = None
    function_call: _Call | None = None
    function_response: _Response | None = None


class _Content(_Camel, frozen=True, rename="camel"):
    parts: list[_Part]
    role: Literal["user", "model", "function", "system"] | None = None


class _Declaration(_Camel, frozen=True, rename="camel"):
    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Raw = Raw()

    def read(self) -> Tool:
        if self.parameters_json_schema:
            return Tool(self.name, self.description, bytes(self.parameters_json_schema))
        if self.parameters:
            return Tool(self.name, self.description, encode(json_schema(self.parameters)))
        return Tool(self.name, self.description)


class _Tool(_Camel, frozen=True, rename="camel"):
    function_declarations: list[_Declaration]


class _Calling(_Camel, frozen=True, rename="camel"):
    mode: Literal["AUTO", "ANY", "NONE", "MODE_UNSPECIFIED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class _ToolConfig(_Camel, frozen=True, rename="camel"):
    function_calling_config: _Calling = _Calling()


class _ThinkingConfig(_Camel, frozen=True, rename="camel"):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class _Config(_Camel, frozen=True, rename="camel"):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    candidate_count: Literal[1] | None = None
    response_mime_type: Literal["text/plain", "application/json"] | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Raw = Raw()
    response_modalities: list[Literal["TEXT"]] | None = None
    thinking_config: _ThinkingConfig | None = None


class GeminiForm(_Camel, frozen=True, rename="camel", kw_only=True):
    """A request's top level as far as other protocols have a place for it."""

    contents: list[_Content]
    system_instruction: _Content | None = None
    tools: list[_Tool] | None = None
    tool_config: _ToolConfig | None = None
    generation_config: _Config | None = None


def read_gemini(asked: Asked, target: str) -> Ask:
    """A client's generateContent request. Raises `Unusable` for what `target` has no place for."""
    form, left_out = read_strictly(_in_camel_case(asked.body), GeminiForm, harmless=HARMLESS, neutral={}, target=target)
    config = form.generation_config or _Config()
    thinking = config.thinking_config or _ThinkingConfig()
    instructed = form.system_instruction.parts if form.system_instruction else []
    budget = thinking.thinking_budget
    return Ask(
        turns=_turns(form.contents),
        system=tuple(Text(part.text) for part in instructed if part.text),
        tools=tuple(one.read() for tool in form.tools or () for one in tool.function_declarations),
        choice=_choice(form.tool_config, target),
        max_tokens=config.max_output_tokens or 0,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=None if config.top_k is None else int(config.top_k),
        stop=tuple(config.stop_sequences or ()),
        seed=config.seed,
        frequency_penalty=config.frequency_penalty or None,
        presence_penalty=config.presence_penalty or None,
        format=_format(config),
        effort="none" if budget == 0 else LEVELS.get((thinking.thinking_level or "").lower()),
        thinking_tokens=max(budget or 0, 0),
        show_thinking=thinking.include_thoughts is True,
        stream=asked.stream,
        left_out=left_out,
    )


def _in_camel_case(body: bytes) -> bytes:
    """Google takes every name in both cases, and its own SDK mixes them."""
    try:
        return encode(_camel(msgspec.json.decode(body)))
    except BROKEN as error:
        raise Unusable(f"the request is not valid JSON: {error}", code="invalid_json") from error


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for name, inner in value.items():
        first, *rest = name.split("_")
        known = first + "".join(word.capitalize() for word in rest)
        out[known] = inner if known in OPAQUE else _camel(inner)
    return out


def _turns(contents: list[_Content]) -> tuple[Turn, ...]:
    """Calls may have no ids; a result then belongs to the first unanswered call of its name."""
    open_calls: list[tuple[str, str]] = []  # name, id
    turns: list[Turn] = []
    for content in contents:
        parts: list[Part] = []
        for part in content.parts:
            if part.function_call is not None:
                call = part.function_call
                made = call.id or f"call_{len(turns)}_{len(parts)}"
                open_calls.append((call.name, made))
                parts.append(Call(made, call.name, bytes(call.args).decode(), part.thought_signature))
            elif part.function_response is not None:
                parts.append(_result(part.function_response, open_calls))
            else:
                parts += _plain(part)
        turns.append(Turn("assistant" if content.role == "model" else "user", tuple(parts)))
    return tuple(turns)


def _plain(part: _Part) -> list[Part]:
    if part.text is not None:
        return [Thinking(part.text) if part.thought else Text(part.text)] if part.text else []
    kind: str = (part.inline_data or part.file_data or _File("")).mime_type
    known: Literal["image", "audio", "document"] = (
        "image" if kind.startswith("image/") else "audio" if kind.startswith("audio/") else "document"
    )
    if part.inline_data is not None:
        return [Media(known, kind, part.inline_data.data)]
    return [Media(known, url=part.file_data.file_uri)] if part.file_data is not None else []


def _result(given: _Response, open_calls: list[tuple[str, str]]) -> Result:
    found = next((call for call in open_calls if given.id in {"", call[1]} and call[0] == given.name), None)
    if found is not None:
        open_calls.remove(found)
    called = given.id or (found[1] if found else f"call_{given.name}")
    for key in ("output", "result", "error"):
        if set(given.response) == {key}:
            value = given.response[key]
            text = value if isinstance(value, str) else encode(value).decode()
            return Result(called, (Text(text),), failed=key == "error")
    return Result(called, (Text(encode(given.response).decode()),))


def _choice(config: _ToolConfig | None, target: str) -> Choice | None:
    if config is None:
        return None
    calling = config.function_calling_config
    names = calling.allowed_function_names or []
    if len(names) > 1:
        raise untranslatable("toolConfig.functionCallingConfig.allowedFunctionNames", target, "one name at most")
    if names:
        return Choice("one", names[0])
    return Choice("any" if calling.mode == "ANY" else "none" if calling.mode == "NONE" else "auto")


def _format(config: _Config) -> Format | None:
    if config.response_json_schema:
        return Format(bytes(config.response_json_schema))
    if config.response_schema:
        return Format(encode(json_schema(config.response_schema)))
    return Format() if config.response_mime_type == "application/json" else None


def json_schema(schema: Any) -> Any:
    """Google's own schema dialect as JSON schema: types in small letters, `nullable` as a type."""
    if isinstance(schema, list):
        return [json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties" and isinstance(value, dict):
            out[name] = {key: json_schema(inner) for key, inner in value.items()}
        elif name == "type" and isinstance(value, str):
            out[name] = [value.lower(), "null"] if schema.get("nullable") is True else value.lower()
        elif name in {"items", "anyOf", "any_of", "prefixItems"}:
            out["anyOf" if name == "any_of" else name] = json_schema(value)
        elif name in {"enum", "required", "default", "example"}:
            out[name] = value
        elif name not in {"nullable", "propertyOrdering", "property_ordering"}:
            limit = name in {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
            out[name] = int(value) if limit and isinstance(value, str) and value.isdecimal() else value
    return out
