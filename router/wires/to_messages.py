"""Messages requests for Anthropic, in version 2023-06-01, which takes all that the later one takes.

Source: Anthropic's API reference, Messages; its pages on thinking, effort, structured outputs and tool use.
"""

import re
from typing import Any

from msgspec import Raw

from router.kinds import Door, Hop
from router.wires.bodies import encode
from router.wires.dialects import JSON_TOOL, claude_formats, claude_samples, claude_thinks, claude_version, effort_of
from router.wires.forms import Outgoing
from router.wires.same import ANTHROPIC, PATHS
from router.wires.strict import json_object, untranslatable
from router.wires.talk import GEMINI_SIGNATURE, Ask, Call, Choice, Effort, Media, Part, Text, Thinking

DEFAULT_MAX_TOKENS = 4_096  # Anthropic demands a limit; the oldest models that are served take no more
PLAIN_JSON = "Answer with one JSON object and nothing else: no other text, no code fence."
TOOL_ID = re.compile(r"[^a-zA-Z0-9_-]")
BUDGETS: dict[Effort, int] = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576}


def write_messages(ask: Ask, hop: Hop, door: Door = "messages") -> Outgoing:
    """A Messages request. Raises `Unusable` for what Anthropic has no place for."""
    for name, value in (
        ("frequency_penalty", ask.frequency_penalty),
        ("presence_penalty", ask.presence_penalty),
    ):
        if value is not None:
            raise untranslatable(name, "Anthropic")
    left_out = [*ask.left_out, *(["seed"] if ask.seed is not None else [])]
    limit = ask.max_tokens or hop.max_output_tokens or DEFAULT_MAX_TOKENS
    body: dict[str, Any] = {"model": hop.upstream_model, "messages": _turns(ask)}
    if door != "count_tokens":
        body["max_tokens"] = limit
        if ask.stop:
            body["stop_sequences"] = ask.stop
        if ask.user:
            body["metadata"] = {"user_id": ask.user}
        if ask.stream:
            body["stream"] = True
    if system := _system(ask):
        body["system"] = system
    _write_tools(ask, hop, body)
    _write_thinking(ask, hop, body, limit, left_out)
    if door != "count_tokens":
        _write_sampling(ask, hop, body, left_out)
    return Outgoing(PATHS[door], ANTHROPIC, encode(body), tuple(left_out))


def _system(ask: Ask) -> str | list[dict[str, Any]]:
    blocks = [_text(part) for part in ask.system if part.text]
    if ask.format is not None and not ask.format.schema:
        blocks.append({"type": "text", "text": PLAIN_JSON})
    return blocks[0]["text"] if len(blocks) == 1 and len(blocks[0]) == 2 else blocks


def _write_tools(ask: Ask, hop: Hop, body: dict[str, Any]) -> None:
    """Tools and the form of the answer, which is a forced tool where the model knows no other way."""
    choice = _write_choice(ask.choice) if ask.tools else None
    if ask.tools:
        body["tools"] = [
            {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "input_schema": Raw(tool.schema),
                **({"strict": True} if tool.strict and claude_formats(hop.upstream_model) else {}),
                **({"cache_control": {"type": "ephemeral"}} if tool.cache else {}),
            }
            for tool in ask.tools
        ]
        if ask.parallel is False and (choice is None or choice["type"] != "none"):
            choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if ask.format is not None and ask.format.schema:
        if claude_formats(hop.upstream_model):
            body["output_config"] = {"format": {"type": "json_schema", "schema": Raw(ask.format.schema)}}
        elif ask.tools:
            raise untranslatable(
                "response_format", "Anthropic", f"`{hop.upstream_model}` takes no schema together with tools"
            )
        else:
            body["tools"] = [
                {
                    "name": JSON_TOOL,
                    "description": "Give your whole answer here.",
                    "input_schema": Raw(ask.format.schema),
                }
            ]
            choice = {"type": "tool", "name": JSON_TOOL}
    if choice is not None:
        body["tool_choice"] = choice


def _write_choice(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {"type": "tool", "name": choice.name} if choice.how == "one" else {"type": choice.how}


def _write_thinking(ask: Ask, hop: Hop, body: dict[str, Any], limit: int, left_out: list[str]) -> None:
    effort = effort_of(ask)
    if effort is None:
        return
    how = claude_thinks(hop.upstream_model)
    forced = body.get("tool_choice", {}).get("type") in {"any", "tool"}
    if effort == "none":
        if claude_version(hop.upstream_model) >= (5, 0):  # these think unless told not to
            body["thinking"] = {"type": "disabled"}
    elif how == "adaptive":
        if not forced:
            body["thinking"] = {"type": "adaptive"}
        body.setdefault("output_config", {})["effort"] = _claude_effort(effort, hop)
    elif how == "budget" and not forced and limit > 1_024 and _keeps_thinking(ask):
        budget = ask.thinking_tokens or BUDGETS.get(effort, 24_576)
        body["thinking"] = {"type": "enabled", "budget_tokens": max(min(budget, limit - 1), 1_024)}
    else:  # thinking does not go with a forced tool, nor after calls whose thinking is lost
        left_out.append("reasoning_effort")


def _claude_effort(effort: Effort, hop: Hop) -> str:
    if effort == "minimal":
        return "low"
    if effort == "xhigh" and claude_version(hop.upstream_model) < (4, 7):
        return "high"
    return effort


def _keeps_thinking(ask: Ask) -> bool:
    """With a budget, a turn that called tools must come back with its thinking."""
    last = next((turn for turn in reversed(ask.turns) if turn.role == "assistant"), None)
    if last is None or not any(isinstance(part, Call) for part in last.parts):
        return True
    return any(isinstance(part, Thinking) and _is_anthropics(part) for part in last.parts)


def _write_sampling(ask: Ask, hop: Hop, body: dict[str, Any], left_out: list[str]) -> None:
    given = [(name, getattr(ask, name)) for name in ("temperature", "top_p", "top_k") if getattr(ask, name) is not None]
    thinks = body.get("thinking", {}).get("type") in {"enabled", "adaptive"}
    if not claude_samples(hop.upstream_model) or thinks:
        left_out += [name for name, value in given if value != 1]
        return
    if ask.temperature is not None and ask.temperature > 1:
        raise untranslatable("temperature", "Anthropic", f"Anthropic takes 0 to 1, not {ask.temperature:g}")
    # From 4.1 on only one of the two is taken; a top_p of 1 asks for nothing.
    if ask.temperature is not None and claude_version(hop.upstream_model) >= (4, 1):
        if ask.top_p not in {None, 1.0}:
            left_out.append("top_p")
        given = [pair for pair in given if pair[0] != "top_p"]
    body.update(given)


def _turns(ask: Ask) -> list[dict[str, Any]]:
    """Turns of one side that follow each other become one, as results must stand together right after their calls."""
    messages: list[dict[str, Any]] = []
    for turn in ask.turns:
        blocks = [block for part in turn.parts if (block := _block(part)) is not None]
        if turn.role == "user":
            blocks.sort(key=lambda block: block["type"] != "tool_result")
        if not blocks:
            continue
        if messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": turn.role, "content": blocks})
    for message in messages:
        content = message["content"]
        if len(content) == 1 and content[0]["type"] == "text" and len(content[0]) == 2:
            message["content"] = content[0]["text"]
    return messages


def _block(part: Part) -> dict[str, Any] | None:
    """A part as a content block; an empty text is refused by Anthropic and says nothing."""
    if isinstance(part, Text):
        return _text(part) if part.text else None
    if isinstance(part, Media):
        return _media(part)
    if isinstance(part, Thinking):
        if part.hidden:
            return {"type": "redacted_thinking", "data": part.hidden}
        return (
            {"type": "thinking", "thinking": part.text, "signature": part.signature} if _is_anthropics(part) else None
        )
    if isinstance(part, Call):
        block: dict[str, Any] = {
            "type": "tool_use",
            "id": TOOL_ID.sub("_", part.id),
            "name": part.name,
            "input": Raw(json_object(part.arguments)),
        }
    else:
        content = [inner for item in part.content if (inner := _block(item)) is not None]
        block = {"type": "tool_result", "tool_use_id": TOOL_ID.sub("_", part.id), "content": content}
        if part.failed:
            block["is_error"] = True
        if len(content) == 1 and content[0]["type"] == "text" and len(content[0]) == 2:
            block["content"] = content[0]["text"]
    if part.cache:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def _is_anthropics(part: Thinking) -> bool:
    """Whether Anthropic's signature is on it; without one thinking cannot go back."""
    return bool(part.signature) and not part.signature.startswith(GEMINI_SIGNATURE)


def _text(part: Text) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.cache:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def _media(part: Media) -> dict[str, Any]:
    if part.kind == "audio":
        raise untranslatable("messages.content.input_audio", "Anthropic")
    source = (
        {"type": "url", "url": part.url}
        if part.url
        else {"type": "base64", "media_type": part.media_type, "data": part.data}
    )
    if part.kind == "document" and not part.url and part.media_type != "application/pdf":
        raise untranslatable("messages.content.file", "Anthropic", f"it takes PDF documents, not {part.media_type}")
    block: dict[str, Any] = {"type": part.kind, "source": source}
    if part.kind == "document" and part.name:
        block["title"] = part.name
    if part.cache:
        block["cache_control"] = {"type": "ephemeral"}
    return block
