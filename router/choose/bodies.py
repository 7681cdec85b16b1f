"""A request's JSON → `Asked`, as far as an explanation needs it. The router itself reads with `router.wires`."""

from typing import Any, get_args

import msgspec

from router.kinds import Asked, Door

DOORS: tuple[Door, ...] = get_args(Door)
BYTES_PER_TOKEN = 3  # an estimate on the safe side; code has about 3.5
LONGEST_TEXT = 8_000


class Body(msgspec.Struct):
    """The keys of all doors that a choice depends on."""

    model: str = ""
    stream: bool = False
    messages: list[dict[str, Any]] = []
    system: Any = ""
    prompt: Any = ""
    suffix: str | None = None
    input: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[Any] = []
    response_format: dict[str, Any] = {}
    user: str = ""
    metadata: dict[str, Any] = {}


def door_of(body: bytes) -> Door:
    """By its keys: a prompt, an input, Anthropic's `system`, else chat. Raises `ValueError`."""
    read = msgspec.json.decode(body, type=Body)
    if read.prompt:
        return "completions"
    if read.input is not None:
        return "embeddings"
    return "messages" if read.system else "chat"


def asked_of(door: Door, body: bytes) -> Asked:
    """Raises `ValueError` (msgspec's) naming the key that is wrong."""
    read = msgspec.json.decode(body, type=Body)
    contents = [turn.get("content") or "" for turn in read.messages if turn.get("role") == "user"]
    last = contents[-1] if contents else read.prompt or ""
    return Asked(
        door=door,
        body=body,
        model=read.model,
        stream=read.stream,
        input_tokens=len(body) // BYTES_PER_TOKEN,
        max_output_tokens=read.max_completion_tokens or read.max_tokens or 0,
        tools=bool(read.tools),
        images=any(part.get("type") in ("image", "image_url") for content in contents for part in _parts(content)),
        json_output=read.response_format.get("type", "text") != "text",
        suffix=bool(read.suffix),
        user=read.user or str(read.metadata.get("user_id", "")),
        text="\n".join(part.get("text", "") for part in _parts(last))[:LONGEST_TEXT],
    )


def _parts(content: Any) -> list[dict[str, Any]]:
    """A turn's content, as parts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
