"""What a test makes known of a value: its truth, or the classes that it belongs to."""

from analysis.types.kinds import (
    ANY,
    BOOL,
    INT,
    NEVER,
    NONE,
    OBJECT,
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
    instance,
    is_unknown,
    join,
    members_of,
)  # fmt: skip
from analysis.types.lineage import mapping_of
from analysis.types.solving import Solver
from analysis.types.substitution import Mapping, substitute


def truthy(kind: Type, solver: Solver) -> Type:
    """What is left of a type where the value is true."""
    return join([one for one in map(_true, members_of(kind)) if one is not None])


def _true(kind: Type) -> Type | None:
    if kind == NONE or (isinstance(kind, Literal) and not kind.value) or (isinstance(kind, Tuple) and not kind.items):
        return None
    return Literal("builtins.bool", "True") if kind == BOOL else kind


def falsy(kind: Type, solver: Solver) -> Type:
    """What is left of a type where the value is false."""
    return join([one for one in map(_false, members_of(kind)) if one is not None])


def _false(kind: Type) -> Type | None:
    if isinstance(kind, Callable | Overloaded | ClassObject | ModuleObject):
        return None
    if (isinstance(kind, Literal) and kind.value) or (isinstance(kind, Tuple) and kind.items):
        return None
    return Literal("builtins.bool", "False") if kind == BOOL else kind


def to_class(kind: Type, targets: list[Type], solver: Solver) -> Type:
    """What a value is that belongs to one of these classes."""
    found: list[Type] = []
    for member in members_of(kind):
        kept = [one for one in (_meets(member, target, solver) for target in targets) if one is not None]
        found += kept
    return join(found) if found else join([_opened(target, solver) for target in targets])


def _meets(member: Type, target: Type, solver: Solver) -> Type | None:
    """The part of a member that belongs to a class; None where that is nothing."""
    if is_unknown(member) or member == OBJECT or isinstance(member, TypeVariable):
        return _opened(target, solver)
    if belongs(member, target, solver):
        return member
    if not isinstance(member, Instance) or not isinstance(target, Instance):
        return None
    seen = solver.lineages.seen_as(target, member.name)
    if seen is None:
        return None
    found = solver.world.find(target.name)
    if found is None:
        return None
    general = solver.lineages.seen_as(found.instance(), member.name)
    solved: Mapping = {}
    if general is not None and member.arguments:
        solver.fits(general, member, solved)
    return substitute(found.instance(), {one: solved.get(one, ANY) for one in mapping_of(found, target)})


def _opened(target: Type, solver: Solver) -> Type:
    """A class's value where nothing says what its parameters are."""
    if isinstance(target, Instance) and not target.arguments:
        found = solver.world.find(target.name)
        return found.bare(ANY) if found is not None else target
    if isinstance(target, Instance):
        return Instance(target.name, tuple(ANY if one is UNKNOWN else one for one in target.arguments))
    return target


def belongs(member: Type, target: Type, solver: Solver) -> bool:
    """Whether a value of this type surely belongs to a class."""
    if not isinstance(target, Instance):
        return member == target
    match member:
        case Literal():
            member = Instance(member.of)
        case Tuple():
            member = instance("tuple", ANY)
        case ClassObject():
            return target.name in ("builtins.type", "builtins.object")
        case Callable() | Overloaded():
            return target.name in ("types.FunctionType", "typing.Callable", "builtins.object")
        case ModuleObject():
            return target.name in ("types.ModuleType", "builtins.object")
    if not isinstance(member, Instance):
        return False
    return solver.lineages.seen_as(member, target.name) is not None


def away(kind: Type, targets: list[Type], solver: Solver) -> Type:
    """What a value is that belongs to none of these classes."""
    if is_unknown(kind) or isinstance(kind, TypeVariable):
        return kind
    kept = [one for one in members_of(kind) if not any(belongs(one, target, solver) for target in targets)]
    return join(kept)


def within(declared: Type, given: Type, solver: Solver) -> Type:
    """What a variable is known to hold that is declared as one thing and was given another."""
    if is_unknown(declared):
        return declared
    if is_unknown(given) or not isinstance(declared, Union):
        return declared
    kept: list[Type] = []
    for member in members_of(given):
        fitting = [one for one in declared.members if _same(one, member, solver)]
        if not fitting:
            return declared
        kept += fitting
    return join(kept)


def _same(declared: Type, given: Type, solver: Solver) -> bool:
    if declared == given or is_unknown(declared):
        return True
    return bool(solver.fits(declared, given, {})) or (
        isinstance(declared, Instance) and isinstance(given, Instance) and declared.name == given.name
    )


_UNUSED = (INT, NEVER)
