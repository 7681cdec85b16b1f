"""Types of expressions, and what conditions make known. An expression that is not understood is unknown."""

from collections.abc import Callable as Function

from tree_sitter import Node

from analysis.scopes import Symbol
from analysis.types.annotations import value_of
from analysis.types.kinds import (
    ANY,
    BOOL,
    BYTES,
    FLOAT,
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Overloaded,
    Parameter,
    Tuple,
    Type,
    Union,
    element_of,
    instance,
    is_unknown,
    join,
    members_of,
    widen,
)  # fmt: skip
from analysis.types.narrowing import away, falsy, to_class, truthy
from analysis.types.operators import arithmetic, compared
from analysis.types.solving import Argument, Solver
from analysis.types.source import Source
from analysis.types.state import Environment, Key, State, merge
from analysis.types.view import Typed

DEEPEST = 60
LONGEST_LITERAL = 60  # bytes of a string whose value may matter
SLICE = instance("slice", ANY, ANY, ANY)
LAMBDA = "lambda"
CONTAINERS = frozenset(["list", "set", "dictionary", "tuple", "list_comprehension", "set_comprehension",
                        "dictionary_comprehension", "generator_expression", "expression_list"])  # fmt: skip
OPERATIONS = frozenset(["binary_operator", "boolean_operator", "comparison_operator", "unary_operator", "not_operator"])
Ways = tuple[Environment | None, Environment | None]


class Expressions:
    """Works out expressions of one file."""

    def __init__(self, state: State, source: Source) -> None:
        self.state = state
        self.source = source
        self.solver = Solver(source, source.typeshed)
        self.depth = 0
        self.store: Function[[Node, Type, Environment, str], None] = lambda *_: None  # set by whoever walks statements
        self.yields: list[list[Type]] = []
        self.classes: list[Instance] = []  # around the function at hand, the innermost last
        self._kinds: dict[str, Function[[Node, Environment], Type]] = {
            "identifier": self._name, "attribute": self._attribute, "call": self._call, "subscript": self._subscript,
            "string": self._string, "concatenated_string": self._concatenated, "integer": self._integer,
            "float": self._float, "true": self._constant, "false": self._constant, "none": self._constant,
            "list": self._list, "set": self._set, "tuple": self._tuple, "expression_list": self._tuple,
            "dictionary": self._dictionary, "binary_operator": self._binary, "unary_operator": self._unary,
            "not_operator": self._condition, "boolean_operator": self._boolean, "comparison_operator": self._comparison,
            "conditional_expression": self._conditional, "parenthesized_expression": self._inner,
            "list_comprehension": self._comprehension, "set_comprehension": self._comprehension,
            "dictionary_comprehension": self._comprehension, "generator_expression": self._comprehension,
            "named_expression": self._walrus, "await": self._await, "yield": self._yield, "lambda": self._lambda,
            "slice": self._slice, "ellipsis": self._ellipsis, "type": self._inner, "interpolation": self._inner,
        }  # fmt: skip

    def type(self, node: Node, environment: Environment) -> Type:
        """An expression's type, which is also noted down."""
        self.state.step()
        worker = self._kinds.get(node.type)
        if worker is None or self.depth > DEEPEST:
            return UNKNOWN
        self.depth += 1
        kind = worker(node, environment)
        self.depth -= 1
        self.note(node, kind, environment)
        return kind

    def note(self, node: Node, kind: Type, environment: Environment) -> None:
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
            noted = self.state.expressions.get((inner.start_byte, inner.end_byte))
            return noted.source if noted is not None else what.partition("_")[0]
        if what == "call":
            return self._call_origin(node)
        if what == "attribute":
            return f"attribute {self.state.text(node.named_children[-1])}"
        if what in CONTAINERS:
            return "container"
        if what in OPERATIONS:
            return "operator"
        return {"subscript": "item", "lambda": "definition", "yield": "yield"}.get(what, "literal")

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
        noted = self.state.expressions.get((function.start_byte, function.end_byte))
        name = self.state.text(function)
        name = name if len(name) <= LONGEST_LITERAL and "\n" not in name else "…"
        if noted is not None and isinstance(noted.type, ClassObject):
            return f"constructor {name}"
        return f"call {name}"

    # Names and attributes

    def _name(self, node: Node, environment: Environment) -> Type:
        found = self.state.at.get(node.start_byte)
        symbol = found.symbol if found is not None else None
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
        if node.type == "identifier":
            return self.state.symbol(node)
        if node.type == "named_expression":
            name = node.child_by_field_name("name")
            return self.key(name) if name is not None else None
        if node.type == "parenthesized_expression" and node.named_children:
            return self.key(node.named_children[0])
        names: list[str] = []
        while node.type == "attribute":
            names.append(self.state.text(node.named_children[-1]))
            node = node.named_children[0]
        root = self.state.symbol(node) if node.type == "identifier" else None
        return (root, *reversed(names)) if root is not None and names else None

    def _attribute(self, node: Node, environment: Environment) -> Type:
        target, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if target is None or name is None:
            return UNKNOWN
        around = self.type(target, environment)
        key = self.key(node)
        if key is not None and key in environment:
            return environment[key]
        if self._is_super(target):
            return self._above(self.state.text(name))
        return self.attribute(around, self.state.text(name))

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

    # Constants and containers

    def _constant(self, node: Node, _environment: Environment) -> Type:
        if node.type == "none":
            return NONE
        return Literal("builtins.bool", "True" if node.type == "true" else "False")

    def _ellipsis(self, _node: Node, _environment: Environment) -> Type:
        return Instance("types.EllipsisType")

    def _integer(self, node: Node, _environment: Environment) -> Type:
        text = self.state.text(node)
        if text[-1:] in "jJ":
            return instance("complex")
        return Literal("builtins.int", text) if text.isdigit() and (text == "0" or text[0] != "0") else INT

    def _float(self, node: Node, _environment: Environment) -> Type:
        return instance("complex") if self.state.text(node)[-1:] in "jJ" else FLOAT

    def _string(self, node: Node, environment: Environment) -> Type:
        start = node.children[0]
        prefix = self.state.text(start).rstrip("\"'").lower() if start.type == "string_start" else ""
        kind = BYTES if "b" in prefix else STR
        if "f" in prefix:
            for child in node.named_children:
                if child.type == "interpolation":
                    for part in child.named_children:
                        self.type(part, environment)
            return kind
        if node.end_byte - node.start_byte > LONGEST_LITERAL:
            return kind
        text = self.state.source[start.end_byte : node.children[-1].start_byte].decode(errors="replace")
        if "\\" in text:
            return kind
        value: str | bytes = text
        if kind is BYTES:
            if not text.isascii():
                return kind
            value = text.encode()
        return Literal(kind.name, repr(value))

    def _concatenated(self, node: Node, environment: Environment) -> Type:
        kinds = [widen(self.type(child, environment)) for child in node.named_children if child.type == "string"]
        return kinds[0] if kinds else UNKNOWN

    def _elements(self, nodes: list[Node], environment: Environment) -> list[Type]:
        found: list[Type] = []
        for child in nodes:
            if child.type == "list_splat":
                found.append(self.solver.iterated(self.type(child.named_children[0], environment)))
            elif child.type != "comment":
                found.append(self.type(child, environment))
        return found

    def _list(self, node: Node, environment: Environment) -> Type:
        return instance("list", element_of(self._elements(node.named_children, environment)))

    def _set(self, node: Node, environment: Environment) -> Type:
        return instance("set", element_of(self._elements(node.named_children, environment)))

    def _tuple(self, node: Node, environment: Environment) -> Type:
        items = self._elements(node.named_children, environment)
        if any(child.type == "list_splat" for child in node.named_children):
            return instance("tuple", element_of(items))
        return Tuple(tuple(items))

    def _dictionary(self, node: Node, environment: Environment) -> Type:
        keys: list[Type] = []
        values: list[Type] = []
        for child in node.named_children:
            if child.type == "pair" and child.named_child_count >= 2:
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                keys.append(self.type(key, environment) if key is not None else UNKNOWN)
                values.append(self.type(value, environment) if value is not None else UNKNOWN)
            elif child.type == "dictionary_splat" and child.named_children:
                inner = self.type(child.named_children[0], environment)
                seen = self.solver.lineages.seen_as(inner, "typing.Mapping") if isinstance(inner, Instance) else None
                keys.append(seen.arguments[0] if seen is not None else UNKNOWN)
                values.append(seen.arguments[1] if seen is not None else UNKNOWN)
        return instance("dict", element_of(keys), element_of(values))

    def _comprehension(self, node: Node, environment: Environment) -> Type:
        inner: Environment | None = dict(environment)
        body = node.child_by_field_name("body")
        waits = False
        for child in node.named_children:
            if inner is None:
                break
            if child.type == "for_in_clause":
                waits = waits or child.children[0].type == "async"
                self._clause(child, inner)
            elif child.type == "if_clause" and child.named_children:
                inner = self.branch(child.named_children[0], inner)[0]
        if body is None or inner is None:
            kinds = [UNKNOWN, UNKNOWN]
        elif body.type == "pair":
            kinds = [widen(self.type(part, inner)) for part in body.named_children]
        else:
            kinds = [widen(self.type(body, inner))]
        match node.type:
            case "list_comprehension":
                return instance("list", kinds[0])
            case "set_comprehension":
                return instance("set", kinds[0])
            case "dictionary_comprehension":
                return instance("dict", *kinds) if len(kinds) == 2 else UNKNOWN
        if waits:
            return Instance("typing.AsyncGenerator", (kinds[0], NONE))
        return Instance("typing.Generator", (kinds[0], NONE, NONE))

    def _clause(self, node: Node, environment: Environment) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        iterable = self.type(right, environment)
        waits = node.children[0].type == "async"
        self.store(left, self.element(iterable, waits), environment, "loop")

    def element(self, iterable: Type, waits: bool = False) -> Type:
        """What a loop's variable is given."""
        if waits:
            iterator = self.solver.method(iterable, "__aiter__")
            return widen(self.solver.awaited(self.solver.method(iterator, "__anext__")))
        found = self.solver.iterated(iterable)
        return UNKNOWN if found == NEVER else found

    # Operators

    def _inner(self, node: Node, environment: Environment) -> Type:
        parts = [child for child in node.named_children if child.type != "comment"]
        return self.type(parts[0], environment) if parts else UNKNOWN

    def _binary(self, node: Node, environment: Environment) -> Type:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return UNKNOWN
        return arithmetic(
            self.solver, self.state.text(operator), self.type(left, environment), self.type(right, environment)
        )

    def _unary(self, node: Node, environment: Environment) -> Type:
        operand = node.child_by_field_name("argument")
        operator = node.child_by_field_name("operator")
        if operand is None or operator is None:
            return UNKNOWN
        kind = self.type(operand, environment)
        sign = self.state.text(operator)
        if isinstance(kind, Literal) and kind.of == "builtins.int" and sign == "-" and kind.text != "0":
            return Literal(kind.of, kind.text[1:] if kind.text[0] == "-" else f"-{kind.text}")
        return self.solver.method(widen(kind), {"-": "__neg__", "+": "__pos__", "~": "__invert__"}.get(sign, ""))

    def _comparison(self, node: Node, environment: Environment) -> Type:
        parts = [child for child in node.named_children if child.type != "comment"]
        kinds = [self.type(part, environment) for part in parts]
        signs = [self.state.text(child) for child in node.children if not child.is_named]
        signs = [sign for sign in signs if sign not in "()"]
        found = [
            compared(self.solver, sign, left, right) for sign, left, right in zip(signs, kinds, kinds[1:], strict=False)
        ]
        return join(found) if found else UNKNOWN

    def _conditional(self, node: Node, environment: Environment) -> Type:
        parts = [child for child in node.named_children if child.type != "comment"]
        if len(parts) != 3:
            return UNKNOWN
        yes, no = self.branch(parts[1], environment)
        kinds = [self.type(part, way) for part, way in ((parts[0], yes), (parts[2], no)) if way is not None]
        return joined_values(self.solver, kinds)

    def _condition(self, node: Node, environment: Environment) -> Type:
        self.branch(node, environment)
        return BOOL

    def _boolean(self, node: Node, environment: Environment) -> Type:
        return self._both(node, environment)[0]

    def _both(self, node: Node, environment: Environment) -> tuple[Type, Ways]:
        """`a and b`, `a or b`: the type, and what is known where it is true and where it is false."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return UNKNOWN, (environment, environment)
        both = self.state.text(operator) == "and"
        yes, no = self.branch(left, environment)
        first = self._noted(left)
        onward = yes if both else no
        if onward is None:
            return first, (yes, no)
        inner_yes, inner_no = self.branch(right, onward)
        second = self._noted(right)
        kept = falsy(first, self.solver) if both else truthy(first, self.solver)
        kind = joined_values(self.solver, [kept, second])
        if both:
            return kind, (inner_yes, merge(no, inner_no))
        return kind, (merge(yes, inner_yes), inner_no)

    def _noted(self, node: Node) -> Type:
        noted = self.state.expressions.get((node.start_byte, node.end_byte))
        return noted.type if noted is not None else UNKNOWN

    def _walrus(self, node: Node, environment: Environment) -> Type:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or value is None:
            return UNKNOWN
        kind = self.type(value, environment)
        self.store(name, kind, environment, self.origin(value, kind))
        return kind

    def _await(self, node: Node, environment: Environment) -> Type:
        return self.solver.awaited(self._inner(node, environment))

    def _yield(self, node: Node, environment: Environment) -> Type:
        kinds = [self.type(child, environment) for child in node.named_children if child.type != "comment"]
        given = kinds[0] if kinds else NONE
        if any(child.type == "from" for child in node.children):
            if self.yields:
                self.yields[-1].append(self.element(given))
            if isinstance(given, Instance) and given.name == "typing.Generator" and len(given.arguments) > 2:
                return given.arguments[2]
            return UNKNOWN
        if self.yields:
            self.yields[-1].append(widen(given))
        return UNKNOWN

    def _slice(self, node: Node, environment: Environment) -> Type:
        for child in node.named_children:
            self.type(child, environment)
        return SLICE

    def _lambda(self, node: Node, environment: Environment) -> Type:
        return self.lambda_type(node, environment, [])

    def lambda_type(self, node: Node, environment: Environment, given: list[Type]) -> Type:
        """A lambda's type, where its parameters are known to be given these."""
        listed = node.child_by_field_name("parameters")
        body = node.child_by_field_name("body")
        inner = dict(environment)
        parameters: list[Parameter] = []
        for child in listed.named_children if listed is not None else []:
            name = child if child.type == "identifier" else child.child_by_field_name("name")
            kind = given[len(parameters)] if len(parameters) < len(given) else UNKNOWN
            if child.type in ("list_splat_pattern", "dictionary_splat_pattern"):
                name, stars = child.named_children[0], "*" if child.type == "list_splat_pattern" else "**"
                parameters.append(Parameter(self.state.text(name), UNKNOWN, stars))
                continue
            if name is None:
                continue
            value = child.child_by_field_name("value")
            if value is not None:
                self.type(value, environment)
            symbol = self.state.symbol(name)
            if symbol is not None:
                inner[symbol] = kind
            parameters.append(Parameter(self.state.text(name), kind, optional=value is not None))
        self.yields.append([])
        returns = self.type(body, inner) if body is not None else UNKNOWN
        yields = self.yields.pop()
        return Callable(tuple(parameters), UNKNOWN if yields else widen(returns))

    # Items

    def _subscript(self, node: Node, environment: Environment) -> Type:
        value = node.child_by_field_name("value")
        indices = node.children_by_field_name("subscript")
        if value is None or not indices:
            return UNKNOWN
        around = self.type(value, environment)
        kinds = [self.type(one, environment) for one in indices]
        index = (
            kinds[0]
            if len(kinds) == 1 and not self.state.text(node).rstrip("] \n").endswith(",")
            else Tuple(tuple(kinds))
        )
        if isinstance(around, ClassObject) and isinstance(around.of, Instance):
            found = self.solver.member(around.of, "__class_getitem__")
            if found is not None or (cls := self.source.find(around.of.name)) is not None and cls.parameters:
                occurrence = self.state.at.get(node.start_byte)
                scope = occurrence.scope if occurrence is not None else self.state.names.root
                kind = self.source.reader(scope).text(self.state.text(node))
                return ClassObject(kind) if isinstance(kind, Instance | Tuple) else UNKNOWN
        return join([self._item(one, index, indices[0]) for one in members_of(around) if one != NONE])

    def _item(self, around: Type, index: Type, node: Node) -> Type:
        place = integer_of(index)
        if isinstance(around, Instance):
            cls = self.source.find(around.name)
            fields = cls.fields() if cls is not None and (cls.ready().named or cls.typed_dict) else None
            if fields and cls is not None and cls.named:
                around = Tuple(tuple(kind for _, kind in fields))
            elif fields and isinstance(index, Literal):
                return dict(fields).get(str(index.value), UNKNOWN)
        if isinstance(around, Tuple):
            if place is not None and -len(around.items) <= place < len(around.items):
                return around.items[place]
            if node.type == "slice":
                bounds = self._bounds(node)
                if bounds is not None:
                    return Tuple(around.items[bounds])
                return instance("tuple", element_of(around.items))
        return self.solver.method(around, "__getitem__", widen(index) if not isinstance(index, Literal) else index)

    def _bounds(self, node: Node) -> slice | None:
        """A slice whose ends are written as numbers."""
        parts: list[int | None] = [None]
        for child in node.children:
            if child.type == ":":
                parts.append(None)
                continue
            value = integer_of(self._noted(child))
            if value is None:
                return None
            parts[-1] = value
        return slice(*parts) if len(parts) == 2 else None

    # Calls

    def _call(self, node: Node, environment: Environment) -> Type:
        function, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or listed is None:
            return UNKNOWN
        callee = self.type(function, environment)
        name = self.state.text(function) if function.type == "identifier" else ""
        nodes = [listed] if listed.type == "generator_expression" else listed.named_children
        special = self._special(name, callee, nodes, environment)
        if special is not None:
            return special
        arguments = self._arguments(nodes, environment, callee)
        found = self.solver.call(callee, arguments)
        return found

    def _special(self, name: str, callee: Type, nodes: list[Node], environment: Environment) -> Type | None:
        """Calls whose result no signature says."""
        if name == "type" and len(nodes) == 1 and isinstance(callee, ClassObject):
            kind = widen(self.type(nodes[0], environment))
            return join([self._class_of(one) for one in members_of(kind)])
        if isinstance(callee, Callable) and callee.name == "namedtuple" and nodes:
            self._arguments(nodes, environment, callee)
            return self.source.named_tuple(nodes)
        if name == "super" and self.classes and isinstance(callee, ClassObject):
            self._arguments(nodes, environment, callee)
            return Instance("builtins.super")
        if isinstance(callee, Callable) and callee.name == "cast" and len(nodes) == 2:
            self.type(nodes[1], environment)
            occurrence = self.state.at.get(nodes[0].start_byte)
            scope = occurrence.scope if occurrence is not None else self.state.names.root
            return self.source.reader(scope).text(self.state.text(nodes[0]))
        return None

    def _class_of(self, kind: Type) -> Type:
        if isinstance(kind, Tuple):
            kind = instance("tuple", element_of(kind.items))
        return ClassObject(kind) if isinstance(kind, Instance) else UNKNOWN

    def _arguments(self, nodes: list[Node], environment: Environment, callee: Type) -> list[Argument]:
        found: list[Argument] = []
        for child in nodes:
            match child.type:
                case "keyword_argument":
                    name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                    if name is not None and value is not None:
                        found.append(Argument(self.type(value, environment), self.state.text(name)))
                case "list_splat":
                    inner = self.type(child.named_children[0], environment)
                    if isinstance(inner, Tuple):
                        found += [Argument(one) for one in inner.items]
                    else:
                        found.append(Argument(self.solver.iterated(inner), "*"))
                case "dictionary_splat":
                    self.type(child.named_children[0], environment)
                    found.append(Argument(UNKNOWN, "**"))
                case "comment":
                    pass
                case "lambda":
                    found.append(Argument(self.lambda_in_call(child, environment, callee, found)))
                case _:
                    found.append(Argument(self.type(child, environment)))
        return found

    def call_with(self, callee: Type, argument: Type) -> Type:
        """What a decorator makes of a function."""
        return self.solver.call(callee, [Argument(argument)])

    def lambda_in_call(self, node: Node, environment: Environment, callee: Type, before: list[Argument]) -> Type:
        """A lambda as an argument; its parameters are unknown."""
        return self.type(node, environment)

    # Conditions

    def branch(self, node: Node, environment: Environment) -> Ways:
        """What is known where a condition is true, and where it is false. The condition's type is noted."""
        match node.type:
            case "parenthesized_expression":
                parts = [child for child in node.named_children if child.type != "comment"]
                if parts:
                    ways = self.branch(parts[0], environment)
                    self.note(node, self._noted(parts[0]), environment)
                    return ways
            case "not_operator":
                inner = node.child_by_field_name("argument")
                if inner is not None:
                    yes, no = self.branch(inner, environment)
                    self.note(node, BOOL, environment)
                    return no, yes
            case "boolean_operator":
                kind, ways = self._both(node, environment)
                self.note(node, kind, environment)
                return ways
            case "comparison_operator":
                self.type(node, environment)
                return self._compared(node, environment)
            case "call":
                kind = self.type(node, environment)
                return self._asked(node, environment) or self._by_truth(node, kind, environment)
        kind = self.type(node, environment)
        return self._by_truth(node, kind, environment)

    def _by_truth(self, node: Node, kind: Type, environment: Environment) -> Ways:
        if node.type == "true":
            return environment, None
        if node.type == "false":
            return None, environment
        if node.type == "identifier" and self.state.text(node) == "TYPE_CHECKING":
            return environment, None
        key = self.key(node)
        if key is None:
            return environment, dict(environment)
        if node.type == "named_expression":
            kind = environment.get(key, kind)
        return self._with(environment, key, truthy(kind, self.solver)), self._with(
            environment, key, falsy(kind, self.solver)
        )

    def _with(self, environment: Environment, key: Key, kind: Type) -> Environment | None:
        """The environment where a variable is known to be this; None where it cannot be."""
        if kind == NEVER:
            return None
        found = dict(environment)
        if kind is not UNKNOWN or key in environment:
            found[key] = kind
        return found

    def _compared(self, node: Node, environment: Environment) -> Ways:
        parts = [child for child in node.named_children if child.type != "comment"]
        signs = [self.state.text(child) for child in node.children if not child.is_named]
        if len(parts) != 2 or not signs:
            return environment, dict(environment)
        left, right = parts
        sign = " ".join(signs)
        if sign in ("!=", "is not"):
            yes, no = self._equal(left, right, "is" if sign == "is not" else "==", environment)
            return no, yes
        if sign in ("==", "is"):
            return self._equal(left, right, sign, environment)
        return environment, dict(environment)

    def _equal(self, left: Node, right: Node, sign: str, environment: Environment) -> Ways:
        if left.type in ("none", "true", "false", "string", "integer") and right.type != left.type:
            left, right = right, left
        if left.type == "call":
            asked = self._type_is(left, right, environment)
            if asked is not None:
                return asked
        key = self.key(left)
        if key is None:
            return environment, dict(environment)
        kind = environment.get(key) or self._noted(left)
        other = self._noted(right)
        if other == NONE:
            yes = NONE if is_unknown(kind) or NONE in members_of(kind) else NEVER if sign == "is" else kind
            if isinstance(kind, Union) and ANY in kind.members:
                yes = NONE
            if not isinstance(kind, Union) and kind != NONE and not is_unknown(kind):
                return environment, dict(environment)  # it says that it cannot be: believed, but not relied on
            no = join([one for one in members_of(kind) if one != NONE])
            return self._with(environment, key, yes), self._with(environment, key, no)
        if isinstance(other, Literal) and isinstance(kind, Union):
            literal = [one for one in kind.members if isinstance(one, Literal)]
            if len(literal) == len(kind.members):
                yes_kinds = [one for one in literal if one == other] or literal
                rest = join([one for one in literal if one != other])
                return self._with(environment, key, join(yes_kinds)), self._with(environment, key, rest)
        return environment, dict(environment)

    def _type_is(self, call: Node, right: Node, environment: Environment) -> Ways | None:
        """`type(x) is C`."""
        function, listed = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or listed is None or self.state.text(function) != "type" or listed.named_child_count != 1:
            return None
        key = self.key(listed.named_children[0])
        target = self._noted(right)
        if key is None or not isinstance(target, ClassObject) or self.state.symbol(function) is not None:
            return None
        kind = environment.get(key) or self._noted(listed.named_children[0])
        return self._with(environment, key, to_class(kind, [target.of], self.solver)), dict(environment)

    def _asked(self, node: Node, environment: Environment) -> Ways | None:
        """`isinstance(x, C)`, `issubclass`, `callable`, and functions that say they are guards."""
        function, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or listed is None or not listed.named_children:
            return None
        nodes = [child for child in listed.named_children if child.type != "comment"]
        key = self.key(nodes[0]) if nodes else None
        if key is None:
            return None
        kind = environment.get(key) or self._noted(nodes[0])
        name = self.state.text(function)
        builtin = self.state.symbol(function) is None
        if builtin and name == "isinstance" and len(nodes) == 2:
            targets = self._targets(nodes[1])
            if targets is None:
                return self._with(environment, key, UNKNOWN), dict(environment)
            yes = to_class(kind, targets, self.solver)
            return self._with(environment, key, yes), self._with(environment, key, away(kind, targets, self.solver))
        if builtin and name in ("issubclass", "callable", "hasattr"):
            if name == "callable" and not is_unknown(kind):
                may = [
                    one for one in members_of(kind) if not isinstance(one, Instance) or one.name == "builtins.object"
                ]
                return self._with(environment, key, join(may) if may else UNKNOWN), dict(environment)
            return self._with(environment, key, kind if name == "callable" else UNKNOWN), dict(environment)
        callee = self._noted(function)
        if isinstance(callee, Callable) and callee.guard is not None:
            other = away(kind, [callee.guard], self.solver) if callee.exact else kind
            yes = to_class(kind, [callee.guard], self.solver) if callee.exact else callee.guard
            return self._with(environment, key, yes), self._with(environment, key, other)
        return None

    def _targets(self, node: Node) -> list[Type] | None:
        """The classes that `isinstance` is asked about; None where one is not known."""
        noted = self._noted(node)
        found: list[Type] = []
        waiting = list(noted.items) if isinstance(noted, Tuple) else [noted]
        if node.type == "binary_operator":
            parts = [node.child_by_field_name("left"), node.child_by_field_name("right")]
            inner = [self._targets(part) for part in parts if part is not None]
            return [one for part in inner for one in part or ()] if all(inner) else None
        while waiting:
            one = waiting.pop(0)
            if isinstance(one, Tuple):
                waiting += one.items
            elif one == NONE:
                found.append(NONE)
            elif isinstance(one, ClassObject) and isinstance(one.of, Instance):
                found.append(one.of)
            else:
                return None
        return found


def integer_of(kind: Type) -> int | None:
    """The value of an integer that is written in the code."""
    if isinstance(kind, Literal) and kind.of == "builtins.int":
        return int(kind.text)
    return None


def joined_values(solver: Solver, kinds: list[Type]) -> Type:
    """One of several values."""
    return join(kinds)


_UNUSED = (Overloaded, ModuleObject, Symbol)
