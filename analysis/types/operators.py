"""What operators give, by the methods that the standard library's stubs declare for them."""

from analysis.types.arguments import Argument
from analysis.types.kinds import (
    BOOL,
    BYTES,
    NONE,
    STR,
    UNKNOWN,
    ClassObject,
    Instance,
    Literal,
    Tuple,
    Type,
    Union,
    is_unknown,
    join,
    members_of,
    signatures_of,
    widen,
)
from analysis.types.solving import Solver

METHODS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
COMPARED = {"==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
MOST_PAIRS = 16


def arithmetic(solver: Solver, sign: str, left: Type, right: Type, prefix: str = "") -> Type:
    """What `left + right` gives, and so on; `prefix` is "i" for `left += right`."""
    name = METHODS.get(sign)
    if name is None or is_unknown(left):
        return UNKNOWN
    if is_unknown(right):
        return _whatever(left, sign)
    lefts, rights = members_of(left), members_of(right)
    if len(lefts) * len(rights) > MOST_PAIRS:
        return UNKNOWN
    return join([_pair(solver, sign, one, other, prefix) for one in lefts for other in rights])


def _whatever(left: Type, sign: str) -> Type:
    """Formatting a string gives a string whatever it is given; else the other operand may have its say."""
    if sign == "%" and all(widen(one) in (STR, BYTES) for one in members_of(left)):
        return join(map(widen, members_of(left)))
    return UNKNOWN


def _pair(solver: Solver, sign: str, left: Type, right: Type, prefix: str) -> Type:
    name = METHODS[sign]
    if is_unknown(left) or is_unknown(right):
        return UNKNOWN if is_unknown(left) else _whatever(left, sign)
    if name == "add" and isinstance(left, Tuple) and isinstance(right, Tuple):
        return Tuple((*left.items, *right.items))
    if name == "or" and (isinstance(left, ClassObject) or isinstance(right, ClassObject)):
        return Instance("types.UnionType") if not isinstance(left, Instance) or left == NONE else UNKNOWN
    tried = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
    if prefix:
        tried.insert(0, (left, f"__{prefix}{name}__", right))
    for target, method, argument in tried:
        function = solver.attribute(widen(target), method)
        if is_unknown(function):
            if not known_whole(solver, target):
                return UNKNOWN
            continue
        given = argument if name == "pow" else widen(argument)
        if fitting(solver, function, given):
            found = solver.call(function, [Argument(given)])
            if not is_unknown(found):
                return found
            return UNKNOWN
    return UNKNOWN


def fitting(solver: Solver, function: Type, argument: Type) -> bool:
    """Whether a method takes this."""
    signatures = signatures_of(function)
    fits = any(solver.match(one, [Argument(argument)])[0] is not False for one in signatures)
    return fits or not signatures  # what is no function may take it


def known_whole(solver: Solver, kind: Type) -> bool:
    """Whether all of the classes of a value are known."""
    match kind:
        case Instance():
            return solver.lineages.whole(kind)
        case Literal() | Tuple() | Union():
            return True
    return False


def compared(solver: Solver, sign: str, left: Type, right: Type) -> Type:
    """What a comparison gives."""
    if sign in ("is", "is not", "in", "not in", "not"):
        return BOOL
    method = COMPARED.get(sign)
    if method is None or is_unknown(left) or is_unknown(right):
        return UNKNOWN
    found: list[Type] = []
    for one in members_of(left):
        kind = one if isinstance(one, Instance) else widen(one)
        function = solver.attribute(kind, method)
        result = solver.call(function, [Argument(widen(right))]) if fitting(solver, function, widen(right)) else UNKNOWN
        if is_unknown(result):
            mirrored = solver.attribute(widen(right), COMPARED[MIRRORED[sign]])
            result = solver.call(mirrored, [Argument(widen(one))]) if sign not in ("==", "!=") else UNKNOWN
        found.append(result)
    return join(found)
