"""Walks statements in the order in which they run, and keeps what is known of variables.

Those that run others stand in `branching` and `patterns`; what a target does with a value stands in `assigning`.
"""

from collections.abc import Callable as Function

from tree_sitter import Node

from analysis.languages.python_nodes import parts_of
from analysis.scopes import Scope, Symbol
from analysis.types import branching, patterns
from analysis.types.annotations import value_of
from analysis.types.arguments import Argument
from analysis.types.assigning import bind, forget, store
from analysis.types.conditions import branch
from analysis.types.expressions import Expressions
from analysis.types.kinds import (
    NEVER,
    NONE,
    UNKNOWN,
    Callable,
    Tuple,
    Type,
    bounded,
    overloaded,
    tuple_instance,
    widen,
)
from analysis.types.operators import arithmetic
from analysis.types.source import Source
from analysis.types.state import Environment, Loop, SpentError, State, merge
from analysis.types.view import Typed

DEEPEST = 60  # statements in statements
LONGEST_TUPLE = 8  # that is added to and keeps its length
KEPT = frozenset(  # decorators that leave a function what it is, or are seen to where classes are read
    [
        "staticmethod", "classmethod", "overload", "typing.overload", "abstractmethod", "abc.abstractmethod", "final",
        "typing.final", "override", "typing.override",
    ]
)  # fmt: skip


class Statements:
    """Walks the statements of one file. Bodies of functions are put by, and walked when the module has been."""

    def __init__(self, state: State, source: Source, expressions: Expressions) -> None:
        self.state = state
        self.source = source
        self.expressions = expressions
        self.waiting: list[tuple[Node, Scope]] = []  # functions to walk, and the scopes they stand in
        self.returned: list[list[Type]] = []
        self.loops: list[Loop] = []
        self.overloads: dict[Symbol, list[Callable]] = {}  # of functions, in this round
        self.depth = 0
        self.ended = 0  # `finally` clauses around

    def block(self, node: Node, environment: Environment) -> Environment | None:
        """Statements one after the other."""
        now: Environment | None = environment
        for child in node.named_children:
            if now is None:
                return None
            now = self.statement(child, now)
        return now

    def statement(self, node: Node, environment: Environment) -> Environment | None:
        """What is known after a statement; None where nothing comes after it."""
        worker = WORKERS.get(node.type)
        if self.depth > DEEPEST:
            raise SpentError  # what is given a value in there is not known any more
        if worker is None:  # an expression alone, unless it holds none
            never = self.expressions.type(node, environment) == NEVER and node.type in ("call", "await")
            return None if never else environment
        self.depth += 1
        found = worker(self, node, environment)
        self.depth -= 1
        return found

    def several(self, node: Node, environment: Environment) -> Environment | None:
        """Expressions that stand beside each other."""
        now: Environment | None = environment
        for child in node.named_children:
            now = self.statement(child, now) if now is not None else None
        return now

    def assigned(self, node: Node, environment: Environment) -> Environment | None:
        """`a = b`, `a: b`, `a += b`"""
        if node.type == "assignment":
            self._assignment(node, environment)
        else:
            self._augmented(node, environment)
        return environment

    def _assignment(self, node: Node, environment: Environment) -> tuple[Type, str]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        annotation = node.child_by_field_name("type")
        if annotation is not None and left is not None:
            self._declare(left, annotation)
        if right is None:
            if left is not None and left.type == "identifier" and annotation is not None:
                symbol = self.state.symbol(left)
                declared = self.state.declared.get(symbol, UNKNOWN) if symbol is not None else UNKNOWN
                self.state.bindings[left.start_byte] = Typed(declared, "annotation")
            return UNKNOWN, ""
        if right.type == "assignment":
            kind, origin = self._assignment(right, environment)
        elif right.type in ("yield", "augmented_assignment"):
            kind, origin = self.expressions.type(right, environment), "yield"
        else:
            kind = self.expressions.type(right, environment)
            origin = self.expressions.origin(right, kind)
        if left is not None:
            store(self.expressions, left, kind, environment, origin)
        return kind, origin

    def _declare(self, left: Node, annotation: Node) -> None:
        scope = self.state.scope(left)
        symbol = self.state.symbol(left)
        written = self.state.text(annotation)
        if left.type == "identifier" and symbol is not None:
            if written in ("Final", "typing.Final", "ClassVar", "TypeAlias", "typing.TypeAlias"):
                return
            self.state.declared[symbol] = self.source.reader(scope).text(written)
        elif left.type == "attribute" and self.expressions.classes:
            owner, name = left.named_children[0], self.expressions.private(self.state.text(left.named_children[-1]))
            if owner.type == "identifier" and left.named_child_count == 2:
                key = (self.expressions.classes[-1].name, name)
                kind = self.source.reader(scope).text(written)
                self.source.own.annotated[key] = kind

    def _augmented(self, node: Node, environment: Environment) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return
        before = self.expressions.type(left, environment)
        sign = self.state.text(operator)[:-1]
        kind = arithmetic(self.expressions.solver, sign, before, self.expressions.type(right, environment), "i")
        if isinstance(before, Tuple) and isinstance(kind, Tuple) and len(kind.items) > LONGEST_TUPLE:
            kind = tuple_instance(kind)
        store(self.expressions, left, kind, environment, "operator")

    def returning(self, node: Node, environment: Environment) -> Environment | None:
        """`return a`"""
        parts = parts_of(node)
        kind = self.expressions.type(parts[0], environment) if parts else NONE
        if self.returned:
            self.returned[-1].append(bounded(widen(kind)))
        return None

    def raising(self, node: Node, environment: Environment) -> Environment | None:
        """`raise a`"""
        for child in node.named_children:
            self.expressions.type(child, environment)
        return None

    def deleting(self, node: Node, environment: Environment) -> Environment | None:
        """`del a`"""
        for child in node.named_children:
            for part in child.named_children if child.type == "expression_list" else [child]:
                symbol = self.state.symbol(part) if part.type == "identifier" else None
                if symbol is not None:
                    environment.pop(symbol, None)
                    forget(environment, (symbol,))
                else:
                    self.expressions.type(part, environment)
        return environment

    def asserting(self, node: Node, environment: Environment) -> Environment | None:
        """`assert a`"""
        parts = parts_of(node)
        if not parts:
            return environment
        yes, no = branch(self.expressions, parts[0], environment)
        if len(parts) > 1 and no is not None:
            self.expressions.type(parts[1], no)
        return yes

    def breaking(self, _node: Node, environment: Environment) -> Environment | None:
        """`break`"""
        if self.loops:
            self.loops[-1].broken = merge(self.loops[-1].broken, environment)
        return None

    def continuing(self, _node: Node, environment: Environment) -> Environment | None:
        """`continue`"""
        if self.loops:
            self.loops[-1].continued = merge(self.loops[-1].continued, environment)
        return None

    def importing(self, node: Node, environment: Environment) -> Environment | None:
        """`import a`, `from a import b`"""
        for child in node.children_by_field_name("name"):
            name = child
            if child.type == "aliased_import":
                alias = child.child_by_field_name("alias")
                if alias is None:
                    continue
                name = alias
            elif child.type == "dotted_name" and child.named_children:
                name = child.named_children[0]
            bind(
                self.expressions,
                name,
                value_of(self.source.imported(name, node)),
                environment,
                f"import {self.state.text(child)}",
            )
        return environment

    def clause(self, node: Node, environment: Environment) -> Environment | None:
        """The block of an `else` or `finally`."""
        body = node.child_by_field_name("body")
        if body is None:
            body = next((child for child in node.named_children if child.type == "block"), None)
        return self.block(body, environment) if body is not None else environment

    def decorated_definition(self, node: Node, environment: Environment) -> Environment | None:
        """A function or class with decorators."""
        for child in node.named_children:
            if child.type == "decorator" and child.named_children:
                self.expressions.type(child.named_children[0], environment)
        inner = node.child_by_field_name("definition")
        return self.statement(inner, environment) if inner is not None else environment

    def function(self, node: Node, environment: Environment) -> Environment | None:
        """`def f(…)`: its body is walked later."""
        name, parameters = node.child_by_field_name("name"), node.child_by_field_name("parameters")
        found = self.state.at.get(name.start_byte) if name is not None else None
        if name is None or found is None:
            return environment
        for child in parameters.named_children if parameters is not None else []:
            value = child.child_by_field_name("value")
            if value is not None:
                self.expressions.type(value, environment)
        self.waiting.append((node, found.scope))
        kind = self.decorated(node, found.scope)
        if found.symbol is not None:
            kind = self._overloaded(node, found.symbol, kind)
        bind(self.expressions, name, kind, environment, "definition")
        return environment

    def _overloaded(self, node: Node, symbol: Symbol, kind: Type) -> Type:
        """A function with the signatures that stand before it under `@overload`, in place of its own."""
        marked = any(name.rpartition(".")[2] == "overload" for name in self.source.decorator_names(node))
        before = self.overloads.get(symbol, [])
        if marked and isinstance(kind, Callable):
            self.overloads[symbol] = before = [*before, kind]
        if before:
            self.state.given.pop(symbol, None)
        return overloaded(before) or kind

    def decorated(self, node: Node, scope: Scope) -> Type:
        """A function as its decorators, whose types have been noted, leave it."""
        kind: Type = self.source.function(node, scope)
        for decorator, name in zip(self.source.decorators(node), self.source.decorator_names(node), strict=True):
            if name not in KEPT:
                kind = self.expressions.solver.call(self.expressions.noted(decorator), [Argument(kind)])
        return kind

    def class_statement(self, node: Node, environment: Environment) -> Environment | None:
        """`class C`: its body is walked at once."""
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return environment
        listed = node.child_by_field_name("superclasses")
        for child in listed.named_children if listed is not None else []:
            part = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if part is not None:
                self.expressions.type(part, environment)
        found = self.source.own.class_of(node)
        handlers, self.state.handlers = self.state.handlers, []
        loops, self.loops = self.loops, []
        returned, self.returned = self.returned, []
        if found is not None:
            self.expressions.classes.append(found.instance())
        self.block(body, dict(environment))
        if found is not None:
            self.expressions.classes.pop()
            self.state.commit(self.source.own.bodies[found.name].symbols.values())
        self.state.handlers, self.loops, self.returned = handlers, loops, returned
        bind(self.expressions, name, value_of(found) if found is not None else UNKNOWN, environment, "definition")
        return environment


WORKERS: dict[str, Function[[Statements, Node, Environment], Environment | None]] = {
    "module": Statements.block,
    "block": Statements.block,
    "expression_statement": Statements.several,
    "assignment": Statements.assigned,
    "augmented_assignment": Statements.assigned,
    "return_statement": Statements.returning,
    "raise_statement": Statements.raising,
    "delete_statement": Statements.deleting,
    "assert_statement": Statements.asserting,
    "break_statement": Statements.breaking,
    "continue_statement": Statements.continuing,
    "import_statement": Statements.importing,
    "import_from_statement": Statements.importing,
    "decorated_definition": Statements.decorated_definition,
    "function_definition": Statements.function,
    "class_definition": Statements.class_statement,
    "if_statement": branching.if_statement,
    "for_statement": branching.for_statement,
    "while_statement": branching.while_statement,
    "try_statement": branching.try_statement,
    "with_statement": branching.with_statement,
    "match_statement": patterns.match_statement,
}
