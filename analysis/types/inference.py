"""Infers the types of one file: walks the module, then its functions, and again where what is known of variables,
attributes or returned values of others has changed, a few times at most."""

from tree_sitter import Node, Tree

from analysis.scopes import Names, Scope, Symbol
from analysis.syntax import Function as FunctionPart
from analysis.syntax import Place, Syntax
from analysis.types.expressions import Expressions
from analysis.types.kinds import (
    ANY,
    NEVER,
    NONE,
    SELF,
    STR,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Parameter,
    Type,
    instance,
    is_unknown,
    join,
    show,
)  # fmt: skip
from analysis.types.source import Source, is_async, parameter_types
from analysis.types.state import Environment, SpentError, State, joined
from analysis.types.statements import Statements
from analysis.types.view import Typed, TypedName, TypedReturn, Types

MOST_ROUNDS = 4
NOTHING = Typed(UNKNOWN, "")


def types_of(tree: Tree, source: bytes, names: Names, syntax: Syntax) -> Types:
    """The types of a Python file."""
    inference = Inference(tree.root_node, source, names)
    inference.run()
    return inference.view(syntax)


class Inference:
    """One file's inference."""

    def __init__(self, root: Node, source: bytes, names: Names) -> None:
        self.root = root
        self.state = State(source, names)
        self.source = Source(self.state, root)
        self.expressions = Expressions(self.state, self.source)
        self.statements = Statements(self.state, self.source, self.expressions)
        self.nodes: dict[int, Node] = {}  # functions, by where they start
        self.origins: dict[int, str] = {}  # of what they return
        self.asked: dict[int, set[object]] = {}  # what each depends on

    def run(self) -> None:
        """Walks everything until nothing changes."""
        try:
            changed: set[object] | None = None
            for _ in range(MOST_ROUNDS):
                changed = self._round(changed)
                if not changed:
                    return
        except (SpentError, RecursionError):
            return

    def _round(self, stale: set[object] | None) -> set[object]:
        """Walks the module and the functions that depend on what is stale. Gives what has changed by that."""
        state, statements = self.state, self.statements
        before = (dict(state.variables), dict(state.attributes), dict(state.returns))
        state.given, state.attributes_given, statements.waiting = {}, {}, []
        state.last = {}
        state.asked = set()
        statements.block(self.root, {})
        state.commit([one for one in state.names.root.symbols.values() if self._only_here(one)])
        place = 0
        while place < len(statements.waiting):
            node, scope = statements.waiting[place]
            place += 1
            self._function(node, scope)
        state.commit(list(state.given))
        state.attributes = {key: joined(kinds) for key, kinds in state.attributes_given.items()}
        state.attributes.update(self.source.annotated)
        del stale
        return _differences(before, (state.variables, state.attributes, state.returns))

    def _only_here(self, symbol: Symbol) -> bool:
        """Whether a module's variable is given values by the module's own statements alone."""
        return all(one.scope is symbol.scope for one in symbol.occurrences if one.role in ("store", "update"))

    def _function(self, node: Node, scope: Scope) -> None:
        state, statements = self.state, self.statements
        self.nodes[node.start_byte] = node
        own = self.source.scopes.get(node.start_byte)
        body = node.child_by_field_name("body")
        if own is None or body is None:
            return
        environment = self._parameters(node, scope)
        owner = self._owner(scope)
        if owner is not None:
            self.expressions.classes.append(owner)
        statements.returned.append([])
        self.expressions.yields.append([])
        waiting = len(statements.waiting)
        end = statements.block(body, environment)
        returned = statements.returned.pop()
        yielded = self.expressions.yields.pop()
        if owner is not None:
            self.expressions.classes.pop()
        self._returns(node, body, end is not None, returned, yielded)
        state.commit([one for one in own.symbols.values() if self._only_here(one)])
        inner = statements.waiting[waiting:]
        del inner

    def _owner(self, scope: Scope) -> Instance | None:
        """The class around a method, or around the function that stands in one."""
        at: Scope | None = scope
        while at is not None:
            if at.kind == "class":
                found = next((name for name, body in self.source.bodies.items() if body is at), None)
                owner = self.source.find(found) if found is not None else None
                return owner.instance() if owner is not None else None
            at = at.parent
        return None

    def _parameters(self, node: Node, scope: Scope) -> Environment:
        """What is known of a function's parameters."""
        environment: Environment = {}
        listed = node.child_by_field_name("parameters")
        signature = self.source.signature(node, scope)
        known = parameter_types(signature)
        first = True
        for child in listed.named_children if listed is not None else []:
            name = _parameter_name(child)
            if name is None:
                continue
            symbol = self.state.symbol(name)
            parameter = known.get(self.state.text(name))
            kind = _inside(parameter) if parameter is not None else UNKNOWN
            origin = "annotation"
            if first and is_unknown(kind) and scope.kind == "class" and child.type == "identifier":
                kind, origin = self._receiver(node, scope), "definition"
            first = False
            if symbol is None:
                continue
            annotated = parameter is not None and parameter.type is not UNKNOWN
            if annotated and _annotated(child):
                self.state.declared[symbol] = kind
            self.state.given.setdefault(symbol, []).append(kind)
            self.state.last[symbol] = (kind, origin)
            self.state.bindings[name.start_byte] = Typed(kind, origin if not is_unknown(kind) or annotated else "")
            environment[symbol] = kind
        return environment

    def _receiver(self, node: Node, scope: Scope) -> Type:
        """What a method's first parameter is."""
        owner = self._owner(scope)
        if owner is None:
            return UNKNOWN
        names = self.source.decorator_names(node)
        name = node.child_by_field_name("name")
        text = self.state.text(name) if name is not None else ""
        if "staticmethod" in names:
            return UNKNOWN
        if "classmethod" in names or text in ("__new__", "__init_subclass__", "__class_getitem__"):
            return ClassObject(owner)
        return owner

    def _returns(
        self, node: Node, body: Node, ends: bool, returned: list[tuple[Type, str]], yielded: list[Type]
    ) -> None:
        key = node.start_byte
        kinds = [kind for kind, _ in returned]
        if ends:
            kinds.append(NONE)
        kind = join(kinds)
        origin = "return statements" if returned else "no return"
        if kind == NEVER or (not returned and not yielded and self._stands_for_others(node, body)):
            kind = UNKNOWN
        if yielded or self._has_yield(body):
            given = joined(yielded)
            origin = "yield"
            kind = (
                Instance("typing.AsyncGenerator", (given, ANY))
                if is_async(node)
                else Instance("typing.Generator", (given, ANY, UNKNOWN if kind is UNKNOWN else kind))
            )
        self.state.returns[key] = kind
        self.origins[key] = origin

    def _stands_for_others(self, node: Node, body: Node) -> bool:
        """Whether a method does nothing, so that another may stand in its place."""
        around = node.parent.parent if node.parent is not None else None
        if around is not None and around.type == "block":  # decorated
            around = around.parent
        if around is None or around.type not in ("class_definition", "decorated_definition"):
            return False
        return all(
            child.type in ("pass_statement", "comment", "raise_statement")
            or (child.type == "expression_statement" and child.named_children[0].type in ("string", "ellipsis"))
            for child in body.named_children
        )

    def _has_yield(self, body: Node) -> bool:
        """Whether a function is a generator whose `yield` was not reached."""
        if b"yield" not in self.state.source[body.start_byte : body.end_byte]:
            return False
        waiting = [body]
        while waiting:
            node = waiting.pop()
            if node.type == "yield":
                return True
            if node.type not in ("function_definition", "class_definition", "lambda") or node is body:
                waiting += node.named_children
        return False

    # What it says

    def view(self, syntax: Syntax) -> Types:
        """The types as they are handed out."""
        return Types(self._names(), self._typed_returns(syntax), self.state.expressions)

    def _names(self) -> tuple[TypedName, ...]:
        found: list[TypedName] = []
        lines = _Lines(self.state.source)
        for one in self.state.names.occurrences:
            if one.role == "load" or one.role == "delete" or one.symbol is None:
                continue
            bound = self.state.bindings.get(one.start)
            if bound is None and one.role == "declare":
                continue
            typed = bound or NOTHING
            line = lines.of(one.start)
            place = Place(one.start, one.end, line, line)
            found.append(TypedName(one.name, _scope_name(one.symbol.scope), place, show(typed.type), typed.source))
        return tuple(found)

    def _typed_returns(self, syntax: Syntax) -> tuple[TypedReturn, ...]:
        return tuple(self._typed_return(one) for one in syntax.functions)

    def _typed_return(self, part: FunctionPart) -> TypedReturn:
        body = self.root.descendant_for_byte_range(part.body.start, part.body.end)
        while body is not None and body.type != "function_definition":
            body = body.parent
        if body is None:
            return TypedReturn(part.qualified_name, part.place, show(UNKNOWN), "")
        name = body.child_by_field_name("name")
        found = self.state.at.get(name.start_byte) if name is not None else None
        scope = found.scope if found is not None else self.state.names.root
        if body.child_by_field_name("return_type") is not None:
            kind, origin = self.source.signature(body, scope).returns, "annotation"
        else:
            kind, origin = self.source.function(body, scope).returns, self.origins.get(body.start_byte, "")
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


def _parameter_name(node: Node) -> Node | None:
    if node.type == "identifier":
        return node
    if node.type in ("list_splat_pattern", "dictionary_splat_pattern"):
        return node.named_children[0] if node.named_children else None
    name = node.child_by_field_name("name")
    if name is None and node.type == "typed_parameter" and node.named_children:
        inner = node.named_children[0]
        return inner.named_children[0] if inner.type != "identifier" and inner.named_children else inner
    return name


def _annotated(node: Node) -> bool:
    return node.type in ("typed_parameter", "typed_default_parameter")


def _inside(parameter: Parameter) -> Type:
    """What a parameter is within the function."""
    if parameter.kind == "*":
        return instance("tuple", parameter.type)
    if parameter.kind == "**":
        return instance("dict", STR, parameter.type)
    return parameter.type


def _scope_name(scope: Scope) -> str:
    parts: list[str] = []
    at: Scope | None = scope
    while at is not None and at.parent is not None:
        if at.name:
            parts.append(at.name)
            if at.parent.parent is not None and at.parent.kind == "function":
                parts.append("<locals>")
        at = at.parent
    return ".".join(reversed(parts))


def _differences(before: tuple[dict[Symbol, Type], dict[tuple[str, str], Type], dict[int, Type]],
                 after: tuple[dict[Symbol, Type], dict[tuple[str, str], Type], dict[int, Type]]) -> set[object]:  # fmt: skip
    found: set[object] = set()
    for old, new in zip(before, after, strict=True):
        for key in old.keys() | new.keys():  # type: ignore[operator]
            if old.get(key, UNKNOWN) != new.get(key, UNKNOWN):  # type: ignore[call-overload]
                found.add(key)
    return found


_UNUSED = (SELF, Callable)
