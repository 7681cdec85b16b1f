"""What inference has found, as it is handed out."""

from typing import TYPE_CHECKING

from analysis.syntax import Function, Place, Syntax
from analysis.types.kinds import UNKNOWN, Instance
from analysis.types.printing import show
from analysis.types.view import NOTHING, TypedName, TypedReturn, Types
from analysis.types.written import qualified

if TYPE_CHECKING:
    from analysis.types.inference import Inference


def view(found: "Inference", syntax: Syntax) -> Types:
    """The types as they are handed out."""
    return Types(_names(found), _typed_returns(found, syntax), found.state.expressions)


def _names(found: "Inference") -> tuple[TypedName, ...]:
    listed: list[TypedName] = []
    lines = _Lines(found.state.source)
    for one in found.state.names.occurrences:
        if one.role in ("load", "delete") or one.symbol is None:
            continue
        bound = found.state.bindings.get(one.start)
        if bound is None and one.role == "declare":
            continue
        typed = bound or NOTHING
        line = lines.of(one.start)
        place = Place(one.start, one.end, line, line)
        listed.append(TypedName(one.name, qualified(one.symbol.scope), place, show(typed.type), typed.source))
    return tuple(listed)


def _typed_returns(found: "Inference", syntax: Syntax) -> tuple[TypedReturn, ...]:
    return tuple(_typed_return(found, one) for one in syntax.functions)


def _typed_return(found: "Inference", part: Function) -> TypedReturn:
    body = found.root.descendant_for_byte_range(part.body.start, part.body.end)
    while body is not None and body.type != "function_definition":
        body = body.parent
    if body is None:
        return TypedReturn(part.qualified_name, part.place, show(UNKNOWN), "")
    name = body.child_by_field_name("name")
    scope = found.state.scope(name) if name is not None else found.state.names.root
    if body.child_by_field_name("return_type") is not None:
        kind, origin = found.source.signature(body, scope).returns, "annotation"
    else:
        kind, origin = found.source.function(body, scope).returns, found.origins.get(body.start_byte, "")
    inner = kind.arguments[-1] if isinstance(kind, Instance) and kind.name == "types.CoroutineType" else kind
    return TypedReturn(part.qualified_name, part.place, show(kind), origin if inner is not UNKNOWN else "")


class _Lines:
    """Lines of bytes."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._at = 0
        self._line = 1

    def of(self, place: int) -> int:
        """The line of a place; places come in their order."""
        if place < self._at:
            self._at, self._line = 0, 1
        self._line += self._source.count(b"\n", self._at, place)
        self._at = place
        return self._line
