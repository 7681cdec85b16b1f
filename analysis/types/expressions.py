"""Types of expressions: who works out which, names and attributes, and where a type comes from.

An expression that is not understood is unknown.
"""

from collections.abc import Callable as Function

from tree_sitter import Node

from analysis.types import calls, literals, operations
from analysis.types.annotations import value_of
from analysis.types.kinds import AGAIN, NEVER, OWN, UNKNOWN, ClassObject, Instance, Type, widen
from analysis.types.solving import Solver
from analysis.types.source import Source
from analysis.types.state import Environment, Key, State
from analysis.types.view import NOTHING, Typed

DEEPEST = 60  # expressions in expressions
LONGEST_PATH = 8  # attributes of attributes that are kept apart
LONGEST_NAME = 60  # bytes of what is called, where it is told


class Expressions:
    """Works out expressions of one file."""

    def __init__(self, state: State, source: Source) -> None:
        self.state = state
        self.source = source
        self.solver = Solver(source, source.typeshed)
        self.depth = 0
        self.yields: list[list[Type]] = []
        self.classes: list[Instance] = []  # around the function at hand, the innermost last

    def type(self, node: Node, environment: Environment) -> Type:
        """An expression's type, which is also noted down."""
        self.state.step()
        worker = WORKERS.get(node.type)
        if worker is None or self.depth > DEEPEST:
            return UNKNOWN
        self.depth += 1
        kind = worker(self, node, environment)
        self.depth -= 1
        self.note(node, kind)
        return kind

    def note(self, node: Node, kind: Type) -> None:
        """Writes down an expression's type and where it comes from."""
        self.state.expressions[node.start_byte, node.end_byte] = Typed(kind, self.origin(node, kind))

    def origin(self, node: Node, kind: Type) -> str:
        """Where an expression's type comes from."""
        what = node.type
        if kind is UNKNOWN:
            return ""
        if what == "identifier":
            return self._name_origin(node, kind)
        if what in ("parenthesized_expression", "await", "conditional_expression", "named_expression"):
            inner = node.named_children[-1] if what == "named_expression" else node.named_children[0]
            return self._note_of(inner).source
        if what == "call":
            return self._call_origin(node)
        if what == "attribute":
            return f"attribute {self.state.text(node.named_children[-1])}"
        return ORIGINS.get(what, "literal")

    def _name_origin(self, node: Node, kind: Type) -> str:
        symbol = self.state.symbol(node)
        if symbol is None:
            return "typeshed builtins"
        last = self.state.last.get(symbol)
        if last is None:
            return "definition" if symbol in self.state.variables else ""
        return last[1] if last[0] == kind or symbol.scope.kind == "module" else "narrowing"

    def _call_origin(self, node: Node) -> str:
        function = node.child_by_field_name("function")
        if function is None:
            return "call"
        name = self.state.text(function)
        name = name if len(name) <= LONGEST_NAME and "\n" not in name else "…"
        if isinstance(self.noted(function), ClassObject):
            return f"constructor {name}"
        return f"call {name}" if self._is_own(function) else f"typeshed {name}"

    def _is_own(self, function: Node) -> bool:
        """Whether what is called is the file's own, as far as that can be told from what it is called on."""
        if function.type == "identifier":
            symbol = self.state.symbol(function)
            return symbol is not None and symbol.kind != "import"
        around = self.noted(function.named_children[0]) if function.type == "attribute" else UNKNOWN
        around = around.of if isinstance(around, ClassObject) else around
        return isinstance(around, Instance) and around.name.startswith(OWN)

    # Names and attributes

    def name(self, node: Node, environment: Environment) -> Type:
        """A variable, or a builtin."""
        symbol = self.state.symbol(node)
        if symbol is None:
            return self._builtin(self.state.text(node))
        known = environment.get(symbol)
        if known is not None:
            return known
        return self.state.variable(symbol)

    def _builtin(self, name: str) -> Type:
        for module in self.source.stars():
            if self.source.typeshed.module(module) is None:
                return UNKNOWN  # it may be one of that module's
            found = value_of(self.source.typeshed.meaning(module, name))
            if found is not UNKNOWN:
                return found
        return value_of(self.source.typeshed.meaning("builtins", name))

    def key(self, node: Node) -> Key | None:
        """What stands for an expression in an environment: a variable, or attributes of one."""
        while node.type == "parenthesized_expression" and node.named_children:
            node = node.named_children[0]
        if node.type == "named_expression":
            node = node.child_by_field_name("name") or node
        if node.type == "identifier":
            return self.state.symbol(node)
        names: list[str] = []
        while node.type == "attribute" and len(names) < LONGEST_PATH:
            names.append(self.private(self.state.text(node.named_children[-1])))
            node = node.named_children[0]
        root = self.state.symbol(node) if node.type == "identifier" else None
        return (root, *reversed(names)) if root is not None and names else None

    def attribute_of(self, node: Node, environment: Environment) -> Type:
        """`a.b`"""
        target, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if target is None or name is None:
            return UNKNOWN
        around = self.type(target, environment)
        key = self.key(node)
        if key is not None and key in environment:
            return environment[key]
        text = self.private(self.state.text(name))
        return self._above(text) if self._is_super(target) else self.attribute(around, text)

    def private(self, name: str) -> str:
        """An attribute's name as a class means it: `__x` is `_Class__x` there."""
        if not name.startswith("__") or name.endswith("__") or not self.classes:
            return name
        around = self.classes[-1].name.rpartition(".")[2].rstrip(AGAIN).lstrip("_")
        return f"_{around}{name}" if around else name

    def attribute(self, around: Type, name: str) -> Type:
        """What an attribute of a value is."""
        found = self.solver.attribute(around, name)
        return UNKNOWN if found == NEVER else found

    def _is_super(self, node: Node) -> bool:
        function = node.child_by_field_name("function") if node.type == "call" else None
        return function is not None and self.state.text(function) == "super" and bool(self.classes)

    def _above(self, name: str) -> Type:
        """An attribute of `super()`."""
        receiver = self.classes[-1]
        listed, _ = self.solver.lineages.of(receiver)
        for ancestor, inner in listed[1:]:
            member = ancestor.own(name)
            if member is not None:
                return self.solver.bound(member, ancestor, inner, receiver)
            if not ancestor.ready().whole:
                return UNKNOWN
        return UNKNOWN

    def element(self, iterable: Type, waits: bool = False) -> Type:
        """What a loop's variable is given."""
        if waits:
            iterator = self.solver.method(iterable, "__aiter__")
            return widen(self.solver.awaited(self.solver.method(iterator, "__anext__")))
        found = self.solver.iterated(iterable)
        return UNKNOWN if found == NEVER else found

    def noted(self, node: Node) -> Type:
        """What was found of an expression before."""
        return self._note_of(node).type

    def _note_of(self, node: Node) -> Typed:
        return self.state.expressions.get((node.start_byte, node.end_byte), NOTHING)


WORKERS: dict[str, Function[[Expressions, Node, Environment], Type]] = {
    "identifier": Expressions.name,
    "attribute": Expressions.attribute_of,
    "call": calls.call,
    "subscript": calls.subscript,
    "string": literals.string,
    "concatenated_string": literals.concatenated,
    "integer": literals.integer,
    "float": literals.floating,
    "true": literals.constant,
    "false": literals.constant,
    "none": literals.constant,
    "ellipsis": literals.ellipsis,
    "list": literals.list_display,
    "set": literals.set_display,
    "tuple": literals.tuple_display,
    "expression_list": literals.tuple_display,
    "dictionary": literals.dictionary,
    "list_comprehension": literals.comprehension,
    "set_comprehension": literals.comprehension,
    "dictionary_comprehension": literals.comprehension,
    "generator_expression": literals.comprehension,
    "lambda": literals.lambda_function,
    "binary_operator": operations.binary,
    "unary_operator": operations.unary,
    "not_operator": operations.condition,
    "boolean_operator": operations.boolean,
    "comparison_operator": operations.comparison,
    "conditional_expression": operations.conditional,
    "parenthesized_expression": operations.inner,
    "type": operations.inner,
    "interpolation": operations.inner,
    "named_expression": operations.walrus,
    "await": operations.awaiting,
    "yield": operations.yielding,
    "slice": operations.slice_parts,
}
ORIGINS = {
    **dict.fromkeys(["list", "set", "dictionary", "tuple", "expression_list"], "container"),
    **{kind: "container" for kind in WORKERS if kind.endswith(("comprehension", "generator_expression"))},
    **{kind: "operator" for kind in WORKERS if kind.endswith("_operator")},
    "subscript": "item",
    "lambda": "definition",
    "yield": "yield",
}
