"""Leaves out a conversation's oldest exchanges until the rest fits; system prompts and the last exchange always stay.

An exchange is what a user says and all that follows it, so that no tool's call is parted from its result."""

from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Asked, Door
from router.wires.bodies import encode
from router.wires.reading import BROKEN, fields_of, read_request

FIELDS: dict[Door, str] = {"chat": "messages", "messages": "messages", "generate": "contents"}
ALWAYS = ("system", "developer")  # roles whose turns stay wherever they stand


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    function_response: Raw = Raw()  # Gemini's

    @property
    def result(self) -> bool:
        """Whether it is what a tool gave back."""
        return self.type == "tool_result" or bool(self.function_response)


class _Turn(msgspec.Struct, frozen=True):
    role: str = "user"
    content: str | list[_Part] | None = None
    parts: list[_Part] = []  # Gemini's

    @property
    def opens(self) -> bool:
        """Whether a user begins to speak here."""
        parts = self.parts or (self.content if isinstance(self.content, list) else [])
        return self.role == "user" and not any(part.result for part in parts)


def trim_oldest(asked: Asked, room_tokens: int) -> tuple[Asked, int] | None:
    """The request with as many of its newest exchanges as have room, and how many turns were left out.

    None where not even the last exchange fits, or the door has no turns. What stays goes on byte for byte.
    """
    field = FIELDS.get(asked.door)
    if field is None or room_tokens <= 0:
        return None
    fields = fields_of(asked.body)
    try:
        raws = msgspec.json.decode(fields[field], type=list[Raw])
        turns = [msgspec.json.decode(raw, type=_Turn) for raw in raws]
    except (KeyError, *BROKEN):
        return None
    starts = [at for at, turn in enumerate(turns) if turn.opens][1:]  # where the rest may begin
    best: tuple[Asked, int] | None = None
    low, high = 0, len(starts)
    while low < high:  # the fewest turns that must go
        middle = (low + high) // 2
        trimmed, gone = _from(starts[middle], asked, fields, field, raws, turns)
        if trimmed.input_tokens <= room_tokens:
            best, high = (trimmed, gone), middle
        else:
            low = middle + 1
    return best


def _from(  # noqa: PLR0917
    start: int, asked: Asked, fields: dict[str, Any], field: str, raws: list[Raw], turns: list[_Turn]
) -> tuple[Asked, int]:
    """The request from that turn on, and how many are gone."""
    kept = [raw for at, raw in enumerate(raws) if at >= start or turns[at].role in ALWAYS]
    body = encode({**fields, field: kept})
    return read_request(asked.door, body, model=asked.model, stream=asked.stream), len(raws) - len(kept)
