"""Reads a client's request for another protocol: every field is known, or it is refused by name."""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Raw

from router.wires.forms import Unusable
from router.wires.reading import BROKEN, explain, fields_of

T = TypeVar("T", bound=msgspec.Struct)


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form of which every field is known here."""


class CachePoint(msgspec.Struct, frozen=True):
    """A hint that the prompt up to here may be cached; its details are the provider's."""


def read_strictly(
    body: bytes, kind: type[T], *, harmless: frozenset[str], neutral: Mapping[str, tuple[Any, ...]], target: str
) -> tuple[T, tuple[str, ...]]:
    """Reads a request's top level as `kind`, and what of the harmless was left out.

    `neutral` are parameters with the values by which they ask for nothing. Raises `Unusable` naming any other.
    """
    fields = fields_of(body)
    left_out: list[str] = []
    kept: dict[str, Raw] = {}
    known = kind.__struct_encode_fields__
    for name, value in fields.items():
        if bytes(value) == b"null":
            continue
        if name in known:
            kept[name] = value
        elif name in harmless:
            left_out.append(name)
        elif name not in neutral or not _asks_nothing(value, neutral[name]):
            raise untranslatable(name, target)
    try:
        return msgspec.json.decode(msgspec.json.encode(kept), type=kind), tuple(left_out)
    except msgspec.ValidationError as error:
        _explain_for(error, target)
    except BROKEN as error:
        raise Unusable(f"the request is not valid JSON: {error}", code="invalid_json") from error


def untranslatable(param: str, target: str, why: str = "") -> Unusable:
    """What a protocol has no place for."""
    reason = why or f"{target} has no place for it; leave it out or name another model"
    return Unusable(f"`{param}` cannot be passed on: {reason}", param=param, code="unsupported_parameter")


def _asks_nothing(value: Raw, nothing: tuple[Any, ...]) -> bool:
    given = msgspec.json.decode(value)
    return any(type(given) is type(one) and given == one for one in nothing)


def _explain_for(error: msgspec.ValidationError, target: str) -> NoReturn:
    """An unknown field or kind is one that cannot be translated; the rest is the client's mistake."""
    reason, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    if "unknown field" in reason:
        field = reason.rpartition("field `")[2].rstrip("`")
        raise untranslatable(f"{path}.{field}".lstrip("."), target) from error
    if "Invalid value" in reason:
        raise untranslatable(
            path, target, f"{reason[:1].lower()}{reason[1:]}, which {target} has no place for"
        ) from error
    explain(error)


def json_object(arguments: str) -> bytes:
    """A call's arguments, which must be one JSON object."""
    raw = arguments.strip().encode() or b"{}"
    try:
        msgspec.json.decode(raw, type=dict[str, Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unusable(
            f"the arguments of an earlier tool call are not a JSON object: {arguments[:80]!r}",
            param="messages.tool_calls.function.arguments",
        ) from error
    return raw
