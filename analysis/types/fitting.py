"""Whether a value of one type may stand where another is asked for, and what the type variables then are.

`True`, `False`, or None where it cannot be told.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analysis.types.arguments import Argument
from analysis.types.kinds import (
    NEVER,
    OBJECT,
    SELF,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Overloaded,
    Tuple,
    Type,
    TypeVariable,
    Union,
    bound_of,
    is_unknown,
    join,
    members_of,
    returns_of,
    tuple_instance,
    walk,
    widen,
)
from analysis.types.lineage import mapping_of, metaclass_of
from analysis.types.substitution import Mapping, closed, substitute

if TYPE_CHECKING:
    from analysis.types.solving import Solver

DEEPEST = 12
PROMOTED = {"builtins.float": ("builtins.int", "builtins.bool"), "builtins.complex": ("builtins.float", "builtins.int")}
FUNCTION = Instance("types.FunctionType")


class Fitting:
    """Answers for one file."""

    def __init__(self, solver: "Solver") -> None:
        self._solver = solver
        self._depth = 0

    def fits(self, formal: Type, actual: Type, found: Mapping) -> bool | None:
        """Whether a value of `actual` may stand where `formal` is asked for; solves the variables of `formal`."""
        if isinstance(formal, TypeVariable):
            return self._solve(formal, actual, found)
        if is_unknown(formal) or formal == OBJECT:
            return True
        if is_unknown(actual):
            for one in walk(formal):
                if isinstance(one, TypeVariable):
                    found.setdefault(one, UNKNOWN)
            return None
        if actual in (formal, NEVER):
            return True
        if self._depth > DEEPEST:
            return None
        self._depth += 1
        try:
            if isinstance(actual, Union):
                return every(self.fits(formal, one, found) for one in self._apart(formal, actual))
            if isinstance(formal, Union):
                return self._one_of(formal, actual, found)
            if isinstance(actual, TypeVariable):
                upper = bound_of(actual)
                return self.fits(formal, upper, found) if upper is not UNKNOWN else None
            return self._fits(formal, actual, found)
        finally:
            self._depth -= 1

    def _apart(self, formal: Type, actual: Union) -> tuple[Type, ...]:
        """The members of `actual` that `formal` does not name already."""
        named = set(members_of(formal)) if isinstance(formal, Union) else set()
        if any(isinstance(one, TypeVariable) for one in named):
            return tuple(one for one in actual.members if one not in named) or (NEVER,)
        return actual.members

    def _one_of(self, formal: Union, actual: Type, found: Mapping) -> bool | None:
        plain = [one for one in formal.members if not isinstance(one, TypeVariable)]
        unclear = False
        for one in plain:
            trial = dict(found)
            answer = self.fits(one, actual, trial)
            if answer:
                found.update(trial)
                return True
            unclear = unclear or answer is None
        for one in formal.members:
            if isinstance(one, TypeVariable):
                return self._solve(one, actual, found)
        return None if unclear else False

    def _solve(self, variable: TypeVariable, actual: Type, found: Mapping) -> bool | None:
        if variable == actual:
            found.setdefault(variable, actual)
            return True
        actual = widen(actual)
        if is_unknown(actual):
            found[variable] = UNKNOWN
            return None
        if variable.constraints:
            for one in variable.constraints:
                if self.fits(one, actual, {}):
                    found[variable] = one if variable not in found else join([found[variable], one])
                    return True
            found.setdefault(variable, UNKNOWN)
            return None if isinstance(actual, Union) else False
        if variable.bound is not None and self.fits(variable.bound, actual, {}) is False:
            found.setdefault(variable, UNKNOWN)
            return False
        if variable in found and found[variable] != actual:
            actual = self.wider(found[variable], actual)
        found[variable] = actual
        return True

    def wider(self, one: Type, other: Type) -> Type:
        """The one that holds the other, or their union."""
        if is_unknown(one) or is_unknown(other):
            return UNKNOWN
        if not any(isinstance(part, TypeVariable) for part in walk(one)) and self.fits(one, other, {}):
            return one
        if self.fits(other, one, {}):
            return other
        return join([one, other])

    def _fits(self, formal: Type, actual: Type, found: Mapping) -> bool | None:
        match formal:
            case Literal():
                return actual == formal
            case Tuple():
                return self._fits_tuple(formal, actual, found)
            case Callable() | Overloaded():
                return self._fits_callable(formal if isinstance(formal, Callable) else formal.items[0], actual, found)
            case ClassObject():
                if isinstance(actual, ClassObject):
                    return self.fits(formal.of, actual.of, found)
                return None if isinstance(actual, Instance) and actual.name == "builtins.type" else False
            case Instance():
                return self._fits_instance(formal, actual, found)
        return None

    def _fits_tuple(self, formal: Tuple, actual: Type, found: Mapping) -> bool | None:
        if isinstance(actual, Tuple):
            if len(actual.items) != len(formal.items):
                return False
            return every([self.fits(one, other, found) for one, other in zip(formal.items, actual.items, strict=True)])
        if isinstance(actual, Instance) and actual.name == "builtins.tuple":
            return every([None, *(self.fits(one, actual.arguments[0], found) for one in formal.items)])
        return False

    def _fits_instance(self, formal: Instance, actual: Type, found: Mapping) -> bool | None:
        match actual:
            case Literal():
                actual = Instance(actual.of)
            case Tuple():
                actual = tuple_instance(actual)
            case ClassObject():
                return self._class_fits(formal, actual, found)
            case Callable() | Overloaded():
                if formal.name == "typing.Callable":
                    return True
                return self._structure(formal, FUNCTION, found)
            case ModuleObject():
                actual = Instance("types.ModuleType")
        if not isinstance(actual, Instance):
            return None
        if actual.name in PROMOTED.get(formal.name, ()):
            return True
        seen = self._solver.lineages.seen_as(actual, formal.name)
        if seen is not None:
            pairs = zip(formal.arguments, seen.arguments, strict=False)
            return every([self.fits(one, other, found) for one, other in pairs])
        if not self._solver.lineages.whole(actual):
            return None
        return self._structure(formal, actual, found)

    def _class_fits(self, formal: Instance, actual: ClassObject, found: Mapping) -> bool | None:
        if formal.name == "builtins.type":
            return True
        of = actual.of if isinstance(actual.of, Instance) else OBJECT
        lineage, whole = self._solver.lineages.of(of)
        answer = self._fits_instance(formal, metaclass_of(lineage), found)
        return answer if answer or whole else None

    def _structure(self, formal: Instance, actual: Instance, found: Mapping) -> bool | None:
        """Whether a value has all that a protocol asks for."""
        protocol = self._solver.world.find(formal.name)
        if protocol is None:
            return None
        if not protocol.ready().protocol:
            return False
        answers: list[bool | None] = []
        for ancestor, inner in self._solver.lineages.of(formal)[0]:
            if not ancestor.ready().protocol:
                continue
            mapping: Mapping = {**mapping_of(ancestor, inner), SELF: actual}
            for name in ancestor.names():
                if name in ("__slots__", "__hash__", "__doc__"):
                    continue
                if self._solver.member(actual, name) is None:
                    return False
                wanted = ancestor.own(name)
                given = self._solver.attribute(actual, name)
                if wanted is None or given is UNKNOWN:
                    answers.append(None)
                    continue
                kind = substitute(wanted.type, mapping)
                kind = self._solver.bind(kind, UNKNOWN) if wanted.kind == "method" else kind
                kind = returns_of(kind) if wanted.kind == "property" else kind
                answers.append(self.fits(kind, given, found))
        return every(answers)

    def _fits_callable(self, formal: Callable, actual: Type, found: Mapping) -> bool | None:
        if isinstance(actual, ClassObject):
            return self._gives(formal, actual, [substitute(one.type, found) for one in formal.parameters or ()], found)
        if isinstance(actual, Instance):
            if self._solver.member(actual, "__call__") is None:
                return False if self._solver.lineages.whole(actual) else None
            actual = self._solver.attribute(actual, "__call__")
        if isinstance(actual, Overloaded):
            return self._fits_overloaded(formal, actual, found)
        if not isinstance(actual, Callable):
            return None if is_unknown(actual) else False
        return self._fits_signature(formal, actual, found)

    def _gives(self, formal: Callable, actual: Type, given: list[Type], found: Mapping) -> bool | None:
        """Whether calling a value with these gives what is asked for."""
        made = self._solver.call(actual, [Argument(one) for one in given])
        return every([None if is_unknown(made) else True, self.fits(formal.returns, made, found)])

    def _fits_overloaded(self, formal: Callable, actual: Overloaded, found: Mapping) -> bool | None:
        if formal.rest is not None:
            found[formal.rest] = Callable(None, UNKNOWN)
        if formal.parameters is not None:
            given = [substitute(one.type, found) for one in formal.parameters]
            if not any(isinstance(part, TypeVariable) for one in given for part in walk(one)):
                return self._gives(formal, actual, given, found)
        self.fits(formal.returns, UNKNOWN, found)
        return None

    def _fits_signature(self, formal: Callable, actual: Callable, found: Mapping) -> bool | None:
        wanted = formal.parameters
        taken = [one for one in actual.parameters or () if one.kind in ("positional", "positional or keyword")]
        if formal.rest is not None:
            rest = actual.parameters
            found[formal.rest] = Callable(
                rest[len(wanted or ()) :] if rest is not None else None, UNKNOWN, "", actual.rest
            )
        own = {one for one in walk(actual) if isinstance(one, TypeVariable)} - set(found)
        local: Mapping = {}
        for one, other in zip(wanted or (), taken, strict=False):
            if isinstance(one.type, TypeVariable) and one.type not in found:
                if not is_unknown(other.type) and not isinstance(other.type, TypeVariable):
                    found[one.type] = other.type
            else:
                self.fits(other.type, substitute(one.type, found), local)
        returns = closed(substitute(actual.returns, local), own - set(local)) if local or own else actual.returns
        return self.fits(formal.returns, returns, found)


def every(answers: Iterable[bool | None]) -> bool | None:
    """Whether all are true: False where one is false, None where one cannot be told."""
    unclear = False
    for one in answers:
        if one is False:
            return False
        unclear = unclear or one is None
    return None if unclear else True
