"""Arguments of calls, and which parameter each meets."""

from analysis.types.kinds import Callable, Type
from hone.records import Record


class Argument(Record, frozen=True):
    """One argument of a call."""

    type: Type
    kind: str = ""  # "" by position, "*", "**", or the parameter's name


def paired(callee: Callable, arguments: list[Argument]) -> list[tuple[Type, Type]] | None:
    """Which parameter's type each argument meets; None where they do not fit by number or name."""
    if callee.parameters is None or callee.rest is not None:
        return []
    positional = [one for one in callee.parameters if one.kind in ("positional", "positional or keyword")]
    named = {one.name: one for one in callee.parameters if one.kind in ("keyword", "positional or keyword")}
    extra = next((one for one in callee.parameters if one.kind == "*"), None)
    others = next((one for one in callee.parameters if one.kind == "**"), None)
    pairs: list[tuple[Type, Type]] = []
    filled: set[str] = set()
    place = 0
    open_ended = False
    for one in arguments:
        if one.kind == "*":
            open_ended = True
            pairs += [(parameter.type, one.type) for parameter in positional[place:]]
            if extra is not None:
                pairs.append((extra.type, one.type))
            place = len(positional)
        elif one.kind == "**":
            open_ended = True
        elif one.kind:
            target = named.get(one.kind) or others
            if target is None or one.kind in filled:
                return None
            filled.add(one.kind)
            pairs.append((target.type, one.type))
        elif place < len(positional):
            filled.add(positional[place].name)
            pairs.append((positional[place].type, one.type))
            place += 1
        elif extra is not None:
            pairs.append((extra.type, one.type))
        elif not open_ended:
            return None
    missing = [one for one in callee.parameters if one.kind not in ("*", "**") and not one.optional]
    if not open_ended and any(one.name not in filled for one in missing if one.name):
        return None
    if not open_ended and any(not one.name for one in positional[place:] if not one.optional):
        return None
    return pairs
