"""What a type is: a small tree of frozen records, written as PEP 604 writes types.

`UNKNOWN` is what could not be inferred; `ANY` is what the code itself declares as `Any`. Classes go by their full
names: `builtins.int`, and `@.Name` for those of the file at hand. A type says nothing of where it comes from.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence

from hone.records import Record

MOST_MEMBERS = 8  # of a union that is worth saying; a longer one is unknown
MOST_PARTS = 200  # of a type that is worth keeping
NO_LIMIT = 10_000  # of a union as it is declared
OWN = "@."  # stands before the names of the file's own classes
AGAIN = "'"  # stands behind the name of a class that is defined once more


class Type(Record, frozen=True):
    """What all types are."""


class Special(Type, frozen=True):
    """`UNKNOWN`, `ANY` or `NEVER`."""

    name: str


class Instance(Type, frozen=True):
    """A value of a class, with what its type parameters stand for."""

    name: str
    arguments: tuple[Type, ...] = ()


class Literal(Type, frozen=True):
    """One value of `str`, `bytes`, `int` or `bool`."""

    of: str  # the class's full name
    text: str  # as `repr` writes the value

    @property
    def value(self) -> object:
        """The value itself."""
        return ast.literal_eval(self.text)


class Tuple(Type, frozen=True):
    """A tuple whose length is known."""

    items: tuple[Type, ...]


class Union(Type, frozen=True):
    """One of several; made by `join` alone."""

    members: tuple[Type, ...]


class ClassObject(Type, frozen=True):
    """A class itself: `type[C]`."""

    of: Type


class ModuleObject(Type, frozen=True):
    """An imported module."""

    name: str


class TypeVariable(Type, frozen=True):
    """A type parameter. `Self` is one too, of `typing`."""

    name: str
    owner: str  # the module that defines it
    kind: str = "TypeVar"  # or "ParamSpec", "TypeVarTuple"
    bound: Type | None = None
    constraints: tuple[Type, ...] = ()
    default: Type | None = None


class Parameter(Type, frozen=True):
    """One parameter of a callable."""

    name: str
    type: Type
    kind: str = "positional or keyword"  # "positional", "keyword", "*", "**"
    optional: bool = False


class Callable(Type, frozen=True):
    """Something that can be called. `parameters` is None where it takes whatever it is given."""

    parameters: tuple[Parameter, ...] | None
    returns: Type
    name: str = ""
    rest: TypeVariable | None = None  # a ParamSpec behind the parameters
    guard: Type | None = None  # what a true answer says of the first argument: TypeGuard, TypeIs
    exact: bool = False  # whether a false answer says something too: TypeIs


class Overloaded(Type, frozen=True):
    """A callable with several signatures."""

    items: tuple[Callable, ...]


UNKNOWN: Type = Special("unknown")
ANY: Type = Special("Any")
NEVER: Type = Special("Never")
NONE = Instance("types.NoneType")
OBJECT = Instance("builtins.object")
BOOL, INT, FLOAT = Instance("builtins.bool"), Instance("builtins.int"), Instance("builtins.float")
STR, BYTES = Instance("builtins.str"), Instance("builtins.bytes")
SELF = TypeVariable("Self", "typing")


def is_unknown(kind: Type) -> bool:
    """Whether nothing is known of it, be it that the code says so."""
    return isinstance(kind, Special) and kind != NEVER


def instance(name: str, *arguments: Type) -> Instance:
    """A value of a class of `builtins`, or of another where the name has dots."""
    return Instance(name if "." in name else f"builtins.{name}", arguments)


def members_of(kind: Type) -> tuple[Type, ...]:
    """The parts of a union; of anything else, itself."""
    return kind.members if isinstance(kind, Union) else (kind,)


def join(kinds: Iterable[Type], most: int = MOST_MEMBERS) -> Type:
    """What is one of these. Unknown where one is, or where there are too many to say; `Any` stays beside others."""
    found: dict[Type, None] = {}
    for kind in kinds:
        for member in members_of(kind):
            if member == UNKNOWN:
                return UNKNOWN
            if member != NEVER:
                found[member] = None
    if not found:
        return NEVER
    if len(found) == 1:
        return next(iter(found))
    kept = _merged(found)
    return kept[0] if len(kept) == 1 else UNKNOWN if len(kept) > most else Union(tuple(kept))


def _merged(found: dict[Type, None]) -> list[Type]:
    """Without literals beside their class."""
    heads = {kind.name for kind in found if isinstance(kind, Instance)}
    return [kind for kind in found if not (isinstance(kind, Literal) and kind.of in heads)]


def widen(kind: Type) -> Type:
    """What a variable holds that was given this: `int` for `1`, in tuples too."""
    if isinstance(kind, Literal):
        return Instance(kind.of)
    if isinstance(kind, Tuple):
        return Tuple(tuple(map(widen, kind.items)))
    if isinstance(kind, Union):
        return join(map(widen, kind.members))
    return kind


def bounded(kind: Type) -> Type:
    """The type, or unknown where it has grown too large to be of use, as `x = (x, x)` in a loop makes it."""
    waiting = [kind]
    seen = 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if seen > MOST_PARTS:
            return UNKNOWN
        match one:
            case Instance():
                waiting += one.arguments
            case Tuple():
                waiting += one.items
            case Union():
                waiting += one.members
            case ClassObject():
                waiting.append(one.of)
            case Callable():
                waiting.append(one.returns)
    return kind


def element_of(kinds: Iterable[Type]) -> Type:
    """What a container of these holds; unknown where it is empty."""
    joined = join(map(widen, kinds))
    return UNKNOWN if joined == NEVER else joined


def walk(kind: Type) -> Iterator[Type]:
    """A type and all in it."""
    yield kind
    for part in _parts(kind):
        yield from walk(part)


def _parts(kind: Type) -> tuple[Type, ...]:
    match kind:
        case Instance():
            return kind.arguments
        case Tuple():
            return kind.items
        case Union():
            return kind.members
        case ClassObject():
            return (kind.of,)
        case Callable():
            return (*(one.type for one in kind.parameters or ()), kind.returns, *((kind.rest,) if kind.rest else ()))
        case Overloaded():
            return kind.items
    return ()


def variables_of(kind: Callable) -> set[TypeVariable]:
    """The variables in a signature."""
    return {one for one in walk(kind) if isinstance(one, TypeVariable) and one != SELF}


def bound_of(variable: Type) -> Type:
    """What a type variable is at least."""
    if not isinstance(variable, TypeVariable):
        return UNKNOWN
    return variable.bound or UNKNOWN


def returns_of(kind: Type) -> Type:
    """What a function returns."""
    return kind.returns if isinstance(kind, Callable) else UNKNOWN


def signatures_of(kind: Type) -> tuple[Callable, ...]:
    """The signatures of a function; none of anything else."""
    return kind.items if isinstance(kind, Overloaded) else (kind,) if isinstance(kind, Callable) else ()


def overloaded(signatures: Sequence[Callable]) -> Callable | Overloaded | None:
    """A function with these signatures; None where there is none."""
    if len(signatures) > 1:
        return Overloaded(tuple(signatures))
    return signatures[0] if signatures else None


def tuple_instance(kind: Tuple) -> Instance:
    """A tuple of known length as one of any length."""
    return Instance("builtins.tuple", (element_of(kind.items),))
