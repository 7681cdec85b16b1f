"""Puts types in the place of type variables."""

from analysis.types.kinds import (
    NO_LIMIT,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Overloaded,
    Parameter,
    Special,
    Tuple,
    Type,
    TypeVariable,
    Union,
    join,
)  # fmt: skip

Mapping = dict[TypeVariable, Type]


def substitute(kind: Type, mapping: Mapping) -> Type:  # noqa: PLR0911
    """The type with its variables replaced, as far as the mapping has them."""
    if not mapping:
        return kind
    match kind:
        case TypeVariable():
            return mapping.get(kind, kind)
        case Instance(arguments=()) | Special():
            return kind
        case Instance():
            return Instance(kind.name, tuple([substitute(one, mapping) for one in kind.arguments]))
        case Tuple():
            return Tuple(tuple([substitute(one, mapping) for one in kind.items]))
        case Union():
            return join([substitute(one, mapping) for one in kind.members], NO_LIMIT)
        case ClassObject():
            return ClassObject(substitute(kind.of, mapping))
        case Callable():
            return substituted(kind, mapping)
        case Overloaded():
            return Overloaded(tuple([substituted(one, mapping) for one in kind.items]))
    return kind


def substituted(kind: Callable, mapping: Mapping) -> Callable:
    """A signature with its variables replaced."""
    parameters = kind.parameters
    if parameters is not None:
        parameters = tuple(
            [Parameter(one.name, substitute(one.type, mapping), one.kind, one.optional) for one in parameters]
        )
    rest = kind.rest
    if rest is not None and rest in mapping:
        given = mapping[rest]
        rest = None
        if isinstance(given, Callable) and given.parameters is not None and parameters is not None:
            parameters, rest = (*parameters, *given.parameters), given.rest
        elif isinstance(given, TypeVariable):
            rest = given
        else:
            parameters = None
    guard = substitute(kind.guard, mapping) if kind.guard is not None else None
    return Callable(parameters, substitute(kind.returns, mapping), kind.name, rest, guard, kind.exact)


def closed(kind: Type, own: set[TypeVariable]) -> Type:
    """The type with these variables, which nothing has solved, made unknown."""
    return substitute(kind, {one: one.default or UNKNOWN for one in own}) if own else kind
