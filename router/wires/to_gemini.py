"""Gemini's generateContent requests, written for Google. Nobody asks the router in this protocol.

Source: the Gemini API reference, models.generateContent and models.countTokens; its pages on function calling,
thinking and thought signatures.
"""

from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Door, Hop
from router.wires.bodies import encode
from router.wires.dialects import effort_of, gemini_version
from router.wires.forms import Outgoing
from router.wires.same import JSON, gemini_path
from router.wires.strict import json_object, untranslatable
from router.wires.talk import GEMINI_SIGNATURE, Ask, Call, Choice, Effort, Media, Part, Result, Text, Thinking, Turn

# Models from 3 on demand a signature on the first call of a turn; this one says that there is none to give.
NO_SIGNATURE = "skip_thought_signature_validator"
BUDGETS: dict[Effort, int] = {"none": 0, "minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576}
LEVELS: dict[Effort, str] = {"none": "minimal", "minimal": "minimal", "low": "low", "medium": "medium"}
URL_KINDS = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def write_gemini(ask: Ask, hop: Hop, door: Door = "chat") -> Outgoing:
    """A generateContent request. Raises `Unusable` for what Gemini has no place for."""
    if ask.parallel is False and ask.tools:
        raise untranslatable("parallel_tool_calls", "Gemini", "Gemini cannot be held to one tool call at a time")
    body: dict[str, Any] = {"contents": _contents(ask, hop)}
    if ask.system:
        body["systemInstruction"] = {"parts": [{"text": part.text} for part in ask.system]}
    if ask.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in ask.tools]}]
        if ask.choice is not None:
            body["toolConfig"] = {"functionCallingConfig": _choice(ask.choice)}
    left_out = list(ask.left_out)
    if config := _config(ask, hop, left_out):
        body["generationConfig"] = config
    if ask.user:
        left_out.append("user")
    name = f"models/{hop.upstream_model}"
    if door == "count_tokens":
        whole = {"generateContentRequest": {"model": name, **body}}
        return Outgoing(f"/{name}:countTokens", (JSON,), encode(whole), tuple(left_out))
    return Outgoing(gemini_path(hop, stream=ask.stream), (JSON,), encode(body), tuple(left_out))


def _declaration(tool: Any) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parametersJsonSchema": Raw(tool.schema)}


def _choice(choice: Choice) -> dict[str, Any]:
    if choice.how == "one":
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    return {"mode": {"auto": "AUTO", "none": "NONE", "any": "ANY"}[choice.how]}


def _config(ask: Ask, hop: Hop, left_out: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, value in (
        ("temperature", ask.temperature),
        ("topP", ask.top_p),
        ("topK", ask.top_k),
        ("maxOutputTokens", ask.max_tokens or None),
        ("stopSequences", ask.stop or None),
        ("seed", ask.seed),
        ("frequencyPenalty", ask.frequency_penalty),
        ("presencePenalty", ask.presence_penalty),
    ):
        if value is not None:
            config[name] = value
    if ask.format is not None:
        config["responseMimeType"] = "application/json"
        if ask.format.schema:
            config["responseJsonSchema"] = Raw(ask.format.schema)
    if thinking := _thinking(ask, hop, left_out):
        config["thinkingConfig"] = thinking
    return config


def _thinking(ask: Ask, hop: Hop, left_out: list[str]) -> dict[str, Any]:
    effort = effort_of(ask)
    if effort is None:
        return {}
    version = gemini_version(hop.upstream_model)
    if version < (2, 5):
        left_out.append("reasoning_effort")
        return {}
    shown = {"includeThoughts": True} if ask.show_thinking else {}
    if version < (3, 0):
        return {"thinkingBudget": ask.thinking_tokens or BUDGETS.get(effort, 24_576), **shown}
    return {"thinkingLevel": LEVELS.get(effort, "high"), **shown}


def _contents(ask: Ask, hop: Hop) -> list[dict[str, Any]]:
    names = {part.id: part.name for turn in ask.turns for part in turn.parts if isinstance(part, Call)}
    signed = gemini_version(hop.upstream_model) >= (3, 0)
    contents: list[dict[str, Any]] = []
    for turn in ask.turns:
        parts = _model_parts(turn, signed) if turn.role == "assistant" else _user_parts(turn, names)
        role = "model" if turn.role == "assistant" else "user"
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _model_parts(turn: Turn, signed: bool) -> list[dict[str, Any]]:
    """A thinking's signature belongs to the part that follows it."""
    parts: list[dict[str, Any]] = []
    signature, called = "", False
    for part in turn.parts:
        if isinstance(part, Thinking):
            if part.signature.startswith(GEMINI_SIGNATURE):
                signature = part.signature.removeprefix(GEMINI_SIGNATURE)
            continue
        if isinstance(part, Text):
            written: dict[str, Any] = {"text": part.text}
        elif isinstance(part, Call):
            call = {"name": part.name, "args": Raw(json_object(part.arguments))}
            written = {"functionCall": {"id": part.id, **call} if part.id else call}
            signature = part.signature.removeprefix(GEMINI_SIGNATURE) or signature
            if signed and not called and not signature:
                signature = NO_SIGNATURE
            called = True
        else:
            raise untranslatable("messages.content", "Gemini", "an assistant's turn holds text and calls")
        if signature:
            written["thoughtSignature"] = signature
            signature = ""
        if written != {"text": ""}:
            parts.append(written)
    return parts


def _user_parts(turn: Turn, names: dict[str, str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Result):
            parts += _result(part, names)
        elif not isinstance(part, Text) or part.text:
            parts.append(_part(part))
    return parts


def _result(part: Result, names: dict[str, str]) -> list[dict[str, Any]]:
    if part.id not in names:
        raise untranslatable(
            "messages.tool_call_id",
            "Gemini",
            f"`{part.id}` answers no call of this conversation, and Gemini needs its name",
        )
    text = "\n".join(item.text for item in part.content if isinstance(item, Text))
    response: Any = {"error": text} if part.failed else _as_object(text)
    files = [_part(item) for item in part.content if isinstance(item, Media)]
    return [{"functionResponse": {"id": part.id, "name": names[part.id], "response": response}}, *files]


def _as_object(text: str) -> Any:
    """A result that is a JSON object goes as one, any other text as its output."""
    raw = text.strip().encode()
    if raw.startswith(b"{"):
        try:
            msgspec.json.decode(raw, type=dict[str, Raw])
        except (msgspec.DecodeError, RecursionError):
            return {"output": text}
        return Raw(raw)
    return {"output": text}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if not isinstance(part, Media):
        raise untranslatable("messages.content", "Gemini", "a user's turn holds text, files and results")
    if not part.url:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    known = URL_KINDS.get(part.url.partition("?")[0].rpartition(".")[2].lower()) if part.kind == "image" else None
    kind = known or ("application/pdf" if part.kind == "document" else "")
    return {"fileData": {"fileUri": part.url, **({"mimeType": kind} if kind else {})}}
