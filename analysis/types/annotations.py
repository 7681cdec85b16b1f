"""Reads types as they are written: annotations, base classes, aliases, signatures.

They are read from Python's own syntax tree; what the names mean is asked of whoever has them. Nothing raises: what is
not understood is unknown.
"""

import ast
from collections.abc import Callable as Function

from analysis.types.declared import Alias, Class, Form, Meaning, Value
from analysis.types.kinds import (
    ANY,
    BOOL,
    NEVER,
    NO_LIMIT,
    NONE,
    OBJECT,
    SELF,
    STR,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Parameter,
    Tuple,
    Type,
    TypeVariable,
    is_unknown,
    join,
    walk,
)
from analysis.types.substitution import substitute
from analysis.types.written import parsed

FORMS = frozenset(
    [
        "Union", "Optional", "Literal", "Callable", "Tuple", "Type", "ClassVar", "Final", "Annotated", "Required",
        "NotRequired", "ReadOnly", "Generic", "Protocol", "Any", "NoReturn", "Never", "Self", "TypeGuard", "TypeIs",
        "Concatenate", "Unpack", "LiteralString", "TypeAlias", "TypedDict", "NamedTuple", "TypeForm",
    ]
)  # fmt: skip
TRANSPARENT = frozenset(["ClassVar", "Final", "Annotated", "Required", "NotRequired", "ReadOnly"])
LONE = {
    "Any": ANY, "NoReturn": NEVER, "Never": NEVER, "Self": SELF, "LiteralString": STR,
    "Tuple": Instance("builtins.tuple", (ANY,)), "Type": Instance("builtins.type"), "Callable": Callable(None, ANY),
}  # fmt: skip
DEEPEST = 40
SIMPLE = {str: "builtins.str", int: "builtins.int", bytes: "builtins.bytes", bool: "builtins.bool"}


class Annotations:
    """Reads types where `meaning` tells what a name is and `inside` what one of a module's is."""

    def __init__(self, meaning: Function[[str], Meaning], inside: Function[[str, str], Meaning]) -> None:
        self.meaning = meaning
        self._inside = inside
        self._depth = 0

    def text(self, written: str) -> Type:
        """A type as source text."""
        node = parsed(written)
        return self.type(node) if node is not None else UNKNOWN

    def type(self, node: ast.expr | None) -> Type:
        """A type as Python's parser gives it."""
        if node is None or self._depth > DEEPEST:
            return UNKNOWN
        self._depth += 1
        try:
            return self._type(node)
        finally:
            self._depth -= 1

    def _type(self, node: ast.expr) -> Type:
        match node:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=str(written)):
                return self.text(written)
            case ast.Name() | ast.Attribute():
                return self._alone(self.named(node))
            case ast.BinOp(op=ast.BitOr()):
                return join([self.type(node.left), self.type(node.right)], NO_LIMIT)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Starred():
                return UNKNOWN
        return UNKNOWN

    def named(self, node: ast.expr) -> Meaning:
        """What a name with or without dots means."""
        match node:
            case ast.Name():
                return self.meaning(node.id)
            case ast.Attribute():
                around = self.named(node.value)
                if isinstance(around, ModuleObject):
                    return self._inside(around.name, node.attr)
                if isinstance(around, Class):
                    return around.nested(node.attr)
                if isinstance(around, TypeVariable) and around.kind == "ParamSpec":
                    return around
        return None

    def _alone(self, meaning: Meaning) -> Type:
        match meaning:
            case Class():
                return NONE if meaning.name == NONE.name else meaning.bare(ANY)
            case Form():
                return LONE.get(meaning.name, UNKNOWN)
            case Alias():
                if not meaning.parameters:
                    return meaning.type
                return substitute(meaning.type, {one: one.default or ANY for one in meaning.parameters})
            case TypeVariable():
                return meaning if meaning.kind == "TypeVar" else UNKNOWN
        return UNKNOWN

    def _subscript(self, node: ast.Subscript) -> Type:
        meaning = self.named(node.value)
        inner = inside(node)
        match meaning:
            case Form():
                return self._form(meaning.name, inner)
            case Class(name="builtins.tuple"):
                return self._form("Tuple", inner)
            case Class(name="builtins.type"):
                return self._form("Type", inner)
            case Class():
                given = [self._argument(one) for one in inner]
                wanted = meaning.parameters
                if any(one.kind != "TypeVar" for one in wanted):  # of several kinds: only simple ones are told apart
                    given = given if len(given) == len(wanted) else []
                filled = [
                    given[place] if place < len(given) else one.default or ANY for place, one in enumerate(wanted)
                ]
                return Instance(meaning.name, tuple(filled))
            case Alias():
                pairs = zip(meaning.parameters, map(self.type, inner), strict=False)
                return substitute(meaning.type, dict(pairs))
        return UNKNOWN

    def _argument(self, node: ast.expr) -> Type:
        if isinstance(node, ast.List):  # of a ParamSpec
            return Callable(tuple(Parameter("", self.type(one), "positional") for one in node.elts), UNKNOWN)
        if isinstance(node, ast.Constant) and node.value is ...:
            return Callable(None, UNKNOWN)
        if isinstance(node, ast.Name | ast.Attribute):
            meaning = self.named(node)
            if isinstance(meaning, TypeVariable):
                return meaning
        return self.type(node)

    def _form(self, name: str, inner: list[ast.expr]) -> Type:
        first = inner[0] if inner else None
        if name in TRANSPARENT:
            return self.type(first)
        match name:
            case "Optional":
                return join([self.type(first), NONE])
            case "Union":
                return join([self.type(one) for one in inner], NO_LIMIT)
            case "Literal":
                return join([self._literal(one) for one in inner], NO_LIMIT)
            case "Tuple":
                return self._tuple(inner)
            case "Type":
                of = self.type(first)
                return ClassObject(of) if of not in (ANY, OBJECT) else Instance("builtins.type")
            case "Callable":
                return self._callable(inner)
            case "TypeGuard" | "TypeIs":
                return BOOL
        return UNKNOWN

    def _literal(self, node: ast.expr) -> Type:
        if isinstance(node, ast.Constant):
            kind = SIMPLE.get(type(node.value))
            return NONE if node.value is None else Literal(kind, repr(node.value)) if kind else UNKNOWN
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return Literal("builtins.int", f"-{node.operand.value!r}")
        if isinstance(node, ast.Attribute):  # a member of an enumeration
            meaning = self.named(node.value)
            return Instance(meaning.name) if isinstance(meaning, Class) else UNKNOWN
        return self.type(node)  # an alias

    def _tuple(self, inner: list[ast.expr]) -> Type:
        if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...:
            return Instance("builtins.tuple", (self.type(inner[0]),))
        if len(inner) == 1 and isinstance(inner[0], ast.Tuple) and not inner[0].elts:
            return Tuple(())
        if any(isinstance(one, ast.Starred) for one in inner):
            return Instance("builtins.tuple", (UNKNOWN,))
        kinds = tuple(map(self.type, inner))
        return Tuple(kinds)

    def _callable(self, inner: list[ast.expr]) -> Type:
        if len(inner) != 2:
            return Callable(None, ANY)
        returns = self.type(inner[1])
        listed = inner[0]
        if isinstance(listed, ast.List):
            given = tuple(Parameter("", self.type(one), "positional") for one in listed.elts)
            return Callable(given, returns)
        meaning = self.named(listed) if isinstance(listed, ast.Name) else None
        if isinstance(meaning, TypeVariable) and meaning.kind == "ParamSpec":
            return Callable((), returns, rest=meaning)
        return Callable(None, returns)

    def guard(self, node: ast.expr | None) -> tuple[Type | None, bool]:
        """What a true answer of a function says of its argument (TypeGuard, TypeIs), and whether a false one does."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = parsed(node.value)
        if isinstance(node, ast.Subscript):
            meaning = self.named(node.value)
            if isinstance(meaning, Form) and meaning.name in ("TypeGuard", "TypeIs"):
                return self.type(node.slice), meaning.name == "TypeIs"
        return None, False

    def signature(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Callable:
        """A function's parameters and what it is said to return; unknown where it is not said."""
        listed = node.args
        parameters: list[Parameter] = []
        plain = [*listed.posonlyargs, *listed.args]
        required = len(plain) - len(listed.defaults)
        for place, one in enumerate(plain):
            only = place < len(listed.posonlyargs) or (one.arg.startswith("__") and not one.arg.endswith("__"))
            kind = "positional" if only else "positional or keyword"
            default = listed.defaults[place - required] if place >= required else None
            parameters.append(Parameter(one.arg, self._parameter(one, default), kind, place >= required))
        rest = None
        if listed.vararg is not None:
            rest = self._spec(listed.vararg)
            if rest is None:
                parameters.append(Parameter(listed.vararg.arg, self._parameter(listed.vararg), "*"))
        for one, default in zip(listed.kwonlyargs, listed.kw_defaults, strict=True):
            parameters.append(Parameter(one.arg, self._parameter(one, default), "keyword", default is not None))
        if listed.kwarg is not None and rest is None:
            parameters.append(Parameter(listed.kwarg.arg, self._parameter(listed.kwarg), "**"))
        returns = self.type(node.returns)
        if isinstance(node, ast.AsyncFunctionDef) and node.returns is not None:
            returns = Instance("types.CoroutineType", (ANY, ANY, returns))
        guard, exact = self.guard(node.returns)
        return Callable(tuple(parameters), returns, node.name, rest, guard, exact)

    def _parameter(self, one: ast.arg, default: ast.expr | None = None) -> Type:
        kind = self.type(one.annotation) if one.annotation is not None else UNKNOWN
        if default is not None and is_none(default) and not is_unknown(kind):
            return join([kind, NONE], NO_LIMIT)  # whatever it says
        return kind

    def _spec(self, one: ast.arg) -> TypeVariable | None:
        """The ParamSpec of `*args: P.args`."""
        if isinstance(one.annotation, ast.Attribute) and one.annotation.attr == "args":
            meaning = self.named(one.annotation.value)
            if isinstance(meaning, TypeVariable) and meaning.kind == "ParamSpec":
                return meaning
        return None

    def variable(self, name: str, owner: str, call: ast.Call) -> TypeVariable | None:
        """The type variable that `TypeVar("T", …)` makes."""
        made = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if made not in ("TypeVar", "ParamSpec", "TypeVarTuple"):
            return None
        given = {one.arg: one.value for one in call.keywords}
        bound = self.type(given["bound"]) if "bound" in given else None
        default = self.type(given["default"]) if "default" in given else None
        constraints = tuple(map(self.type, call.args[1:])) if made == "TypeVar" else ()
        return TypeVariable(name, owner, made, bound, constraints, default)

    def bases(self, nodes: list[ast.expr]) -> tuple[tuple[Type, ...], tuple[TypeVariable, ...], bool, set[str]]:
        """Of a class's bases: those that are known, its type parameters, whether all are known, and special forms."""
        found: list[Type] = []
        ordered: dict[TypeVariable, None] = {}
        listed: dict[TypeVariable, None] = {}
        forms: set[str] = set()
        whole = True
        for node in nodes:
            target = node.value if isinstance(node, ast.Subscript) else node
            meaning = self.named(target)
            if isinstance(meaning, Form) and meaning.name in ("Generic", "Protocol", "TypedDict", "NamedTuple"):
                forms.add(meaning.name)
                for one in inside(node) if isinstance(node, ast.Subscript) else []:
                    variable = self.named(one.value if isinstance(one, ast.Starred) else one)
                    if isinstance(variable, TypeVariable):
                        listed[variable] = None
                continue
            base = self.type(node)
            if isinstance(base, Instance | Tuple):
                found.append(base)
                ordered.update({one: None for one in walk(base) if isinstance(one, TypeVariable)})
            else:
                whole = False
        return tuple(found), tuple(listed or ordered), whole, forms

    def alias(self, node: ast.expr) -> Alias | None:
        """What an assignment of this makes another name for; None where it is no type."""
        if not is_type_like(node):
            return None
        kind = self.type(node)
        if kind is UNKNOWN:
            return None
        open_ones = dict.fromkeys(one for one in walk(kind) if isinstance(one, TypeVariable) and one != SELF)
        return Alias(kind, tuple(open_ones))


def inside(node: ast.Subscript) -> list[ast.expr]:
    """What stands in brackets, one by one."""
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def is_type_like(node: ast.expr) -> bool:
    """Whether an expression could be a type: names, subscripts and unions of these."""
    match node:
        case ast.Name() | ast.Attribute():
            return True
        case ast.Subscript():
            return is_type_like(node.value)
        case ast.BinOp(op=ast.BitOr()):
            return all(is_type_like(one) or is_none(one) for one in (node.left, node.right))
    return False


def is_none(node: ast.expr) -> bool:
    """Whether it is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def value_of(meaning: Meaning) -> Type:
    """The type of the thing itself that a name means: of a class, the class object."""
    match meaning:
        case Class():
            return ClassObject(meaning.bare())
        case Value():
            return meaning.type
        case ModuleObject():
            return meaning
        case Alias():
            return ClassObject(meaning.type) if isinstance(meaning.type, Instance) else UNKNOWN
    return UNKNOWN
