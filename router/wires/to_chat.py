"""Chat requests for servers of OpenAI's protocol. Sources as in `router.wires.from_chat`."""

from typing import Any

from msgspec import Raw

from router.kinds import Hop
from router.wires.bodies import encode
from router.wires.dialects import effort_of, is_openai, limit_name, openai_thinks, takes_reasoning_back
from router.wires.forms import Outgoing
from router.wires.same import JSON
from router.wires.strict import untranslatable
from router.wires.talk import SOUNDS, Ask, Call, Format, Media, Part, Result, Text, Thinking, Turn


def write_chat(ask: Ask, hop: Hop) -> Outgoing:
    """A chat request for a server of OpenAI's protocol. Raises `Unusable` for what it has no place for."""
    if ask.top_k is not None:
        raise untranslatable("top_k", "OpenAI's protocol")
    left_out = list(ask.left_out)
    body: dict[str, Any] = {"model": hop.upstream_model, "messages": _messages(ask, hop)}
    for name, value in (
        ("temperature", ask.temperature),
        ("top_p", ask.top_p),
        (limit_name(hop), ask.max_tokens or None),
        ("stop", ask.stop or None),
        ("seed", ask.seed),
        ("frequency_penalty", ask.frequency_penalty),
        ("presence_penalty", ask.presence_penalty),
        ("user", ask.user if is_openai(hop) and ask.user else None),
    ):
        if value is not None:
            body[name] = value
    _write_tools(ask, body)
    if ask.format is not None:
        body["response_format"] = _write_format(ask.format)
    effort = effort_of(ask)
    mute = bool(ask.tools) and "tools-without-reasoning" in hop.quirks
    if mute or (effort and openai_thinks(hop)):
        body["reasoning_effort"] = "none" if mute else effort
    if effort not in {None, body.get("reasoning_effort")}:
        left_out.append("thinking" if ask.show_thinking else "reasoning_effort")
    if ask.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return Outgoing("/chat/completions", (JSON,), encode(body), tuple(left_out))


def _write_tools(ask: Ask, body: dict[str, Any]) -> None:
    if not ask.tools:
        return
    body["tools"] = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": Raw(tool.schema),
                **({"strict": tool.strict} if tool.strict is not None else {}),
            },
        }
        for tool in ask.tools
    ]
    if ask.choice is not None:
        body["tool_choice"] = (
            {"type": "function", "function": {"name": ask.choice.name}}
            if ask.choice.how == "one"
            else {"any": "required"}.get(ask.choice.how, ask.choice.how)
        )
    if ask.parallel is not None:
        body["parallel_tool_calls"] = ask.parallel


def _write_format(asked: Format) -> dict[str, Any]:
    if not asked.schema:
        return {"type": "json_object"}
    strict = {} if asked.strict is None else {"strict": asked.strict}
    return {"type": "json_schema", "json_schema": {"name": asked.name, "schema": Raw(asked.schema), **strict}}


def _messages(ask: Ask, hop: Hop) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if ask.system:
        messages.append({"role": "system", "content": "\n\n".join(text.text for text in ask.system)})
    for turn in ask.turns:
        if turn.role == "user":
            messages += _user_messages(turn)
        elif turn.parts:
            messages.append(_assistant_message(turn, hop))
    return messages


def _user_messages(turn: Turn) -> list[dict[str, Any]]:
    """Results first, each a message of its own, as they must follow the calls; their images after them, as a tool's
    message holds text only."""
    messages: list[dict[str, Any]] = []
    rest: list[Part] = []
    for part in turn.parts:
        if not isinstance(part, Result):
            rest.append(part)
            continue
        text = "\n".join(item.text for item in part.content if isinstance(item, Text))
        images = [item for item in part.content if isinstance(item, Media)]
        if images and not text:
            text = "(see the next message)"
        rest[:0] = images
        messages.append({"role": "tool", "tool_call_id": part.id, "content": f"Error: {text}" if part.failed else text})
    if rest:
        messages.append({"role": "user", "content": _write_content(rest)})
    return messages


def _write_content(parts: list[Part]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_write_part(part) for part in parts]


def _write_part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not isinstance(part, Media):
        raise untranslatable("messages.content", "OpenAI's protocol", "a user's turn holds text, files and results")
    url = part.url or f"data:{part.media_type};base64,{part.data}"
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if part.kind == "document":
        if part.url:
            raise untranslatable("messages.content", "OpenAI's protocol", "it takes documents as base64, not by URL")
        return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": url}}
    sound = next((name for name, kind in SOUNDS.items() if kind == part.media_type), "wav")
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": sound}}


def _assistant_message(turn: Turn, hop: Hop) -> dict[str, Any]:
    texts = [part.text for part in turn.parts if isinstance(part, Text)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if any(isinstance(part, Media) for part in turn.parts):
        raise untranslatable("messages.content", "OpenAI's protocol", "an assistant's turn holds text and calls")
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
        for part in turn.parts
        if isinstance(part, Call)
    ]
    if calls:
        message["tool_calls"] = calls
    elif not texts:
        message["content"] = ""
    thinking = "".join(part.text for part in turn.parts if isinstance(part, Thinking))
    if thinking and takes_reasoning_back(hop):
        message["reasoning_content"] = thinking
    return message
