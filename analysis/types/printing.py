"""Types as a person writes them, unions as PEP 604 does."""

from analysis.types.kinds import (
    AGAIN,
    NONE,
    OWN,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Overloaded,
    Parameter,
    Special,
    Tuple,
    Type,
    TypeVariable,
    Union,
)


def show(kind: Type) -> str:
    """The type as a person writes it."""
    match kind:
        case Special() | TypeVariable():
            return kind.name
        case Instance():
            name = _shown(kind.name)
            if not kind.arguments:
                return name
            inner = ", ".join(map(show, kind.arguments))
            return f"{name}[{inner}, ...]" if kind.name == "builtins.tuple" else f"{name}[{inner}]"
        case Literal():
            return f"Literal[{kind.text}]"
        case Tuple():
            return f"tuple[{', '.join(map(show, kind.items)) or '()'}]"
        case Union():
            ordered = sorted(kind.members, key=lambda member: member == NONE)
            return " | ".join(f"({show(one)})" if isinstance(one, Callable) else show(one) for one in ordered)
        case ClassObject():
            return f"type[{show(kind.of)}]"
        case ModuleObject():
            return f"module {kind.name}"
        case Overloaded():
            return f"overloaded {' | '.join(f'({show(one)})' for one in kind.items)}"
        case Callable():
            return f"def ({_parameters(kind)}) -> {show(kind.returns)}"
        case Parameter():
            return f"{kind.name}: {show(kind.type)}"
    return "unknown"


def _shown(name: str) -> str:
    if name == NONE.name:
        return "None"
    return name.removeprefix("builtins.").removeprefix(OWN).rstrip(AGAIN)


def _parameters(kind: Callable) -> str:
    if kind.parameters is None:
        return "..."
    parts: list[str] = []
    bare = False  # whether a star stands before the keyword-only ones
    for one in kind.parameters:
        if one.kind == "keyword" and not bare:
            parts.append("*")
        bare = bare or one.kind in ("keyword", "*")
        stars = one.kind if one.kind in ("*", "**") else ""
        typed = one.name if one.type is UNKNOWN and one.name else show(one) if one.name else show(one.type)
        parts.append(f"{stars}{typed}{' = ...' if one.optional else ''}")
    if kind.rest is not None:
        parts.append(f"**{kind.rest.name}")
    return ", ".join(parts)
