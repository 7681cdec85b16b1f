"""Infers the types of one file: walks the module and then its functions, and all again until what variables hold,
what attributes hold and what functions return no longer changes. What never settles is unknown."""

from collections.abc import Mapping
from typing import TypeVar

from tree_sitter import Node, Tree

from analysis.scopes import Names, Scope, Symbol
from analysis.syntax import Syntax
from analysis.types.expressions import Expressions
from analysis.types.kinds import (
    ANY,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    ClassObject,
    Instance,
    Parameter,
    Type,
    instance,
    is_unknown,
    join,
)
from analysis.types.report import view
from analysis.types.source import Source
from analysis.types.state import Environment, SpentError, State, joined
from analysis.types.statements import Statements
from analysis.types.view import Typed, Types
from analysis.types.written import is_async, yields

K = TypeVar("K")
MOST_ROUNDS = 10
SETTLED = 4  # rounds after which what still changes is unknown


def types_of(tree: Tree, source: bytes, names: Names, syntax: Syntax) -> Types:
    """The types of a Python file."""
    inference = Inference(tree.root_node, source, names)
    inference.run()
    return view(inference, syntax)


class Inference:
    """One file's inference."""

    def __init__(self, root: Node, source: bytes, names: Names) -> None:
        self.root = root
        self.state = State(source, names)
        self.source = Source(self.state, root)
        self.expressions = Expressions(self.state, self.source)
        self.statements = Statements(self.state, self.source, self.expressions)
        self.origins: dict[int, str] = {}  # of what they return

    def run(self) -> None:
        """Walks everything until nothing changes. What never settles is unknown."""
        try:
            for turn in range(MOST_ROUNDS):
                changed = self._round()
                self.state.first = False
                if turn and not changed:
                    return
                if turn >= SETTLED:
                    self.state.pinned |= changed
        except (SpentError, RecursionError):
            pass
        self.state.forget()

    def _round(self) -> set[object]:
        """Walks the module and its functions. Gives the entries of tables that this has changed."""
        state, statements = self.state, self.statements
        before = (dict(state.variables), dict(state.attributes), dict(state.returns))
        state.given, state.attributes_given, state.last, statements.waiting = {}, {}, {}, []
        statements.overloads = {}
        statements.block(self.root, {})
        state.commit([one for one in state.names.root.symbols.values() if self._only_here(one)])
        place = 0
        while place < len(statements.waiting):  # functions in functions are added meanwhile
            self._function(*statements.waiting[place])
            place += 1
        state.commit(state.given)
        state.attributes = {key: state.settled(key, kinds) for key, kinds in state.attributes_given.items()}
        state.attributes.update(self.source.own.annotated)
        variables, attributes, returns = before
        return (
            _changed(variables, state.variables)
            | _changed(attributes, state.attributes)
            | _changed(returns, state.returns)
        )

    def _only_here(self, symbol: Symbol) -> bool:
        """Whether a module's variable is given values by the module's own statements alone."""
        return all(one.scope is symbol.scope for one in symbol.occurrences if one.role in ("store", "update"))

    def _function(self, node: Node, scope: Scope) -> None:
        state, statements = self.state, self.statements
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
        end = statements.block(body, environment)
        returned = statements.returned.pop()
        yielded = self.expressions.yields.pop()
        if owner is not None:
            self.expressions.classes.pop()
        self._returns(node, body, end is not None, returned, yielded)
        state.commit([one for one in own.symbols.values() if self._only_here(one)])

    def _owner(self, scope: Scope) -> Instance | None:
        """The class around a method, or around the function that stands in one."""
        at: Scope | None = scope
        while at is not None:
            if at.kind == "class":
                owner = self.source.own.of_body(at)
                return owner.instance() if owner is not None else None
            at = at.parent
        return None

    def _parameters(self, node: Node, scope: Scope) -> Environment:
        """What is known of a function's parameters."""
        environment: Environment = {}
        listed = node.child_by_field_name("parameters")
        signature = self.source.signature(node, scope)
        known = {one.name: one for one in signature.parameters or ()}
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

    def _returns(self, node: Node, body: Node, ends: bool, returned: list[Type], yielded: list[Type]) -> None:
        key = node.start_byte
        kinds = [kind for kind in returned if kind is not UNKNOWN or not self.state.first]
        if ends:
            kinds.append(NONE)
        kind = join(kinds)
        origin = "return statements" if returned else "no return"
        if kind == NEVER or (not returned and not yielded and self._stands_for_others(node, body)):
            kind = UNKNOWN
        if yielded or yields(body, self.state.source):
            given = joined(yielded)
            origin = "yield"
            kind = (
                Instance("typing.AsyncGenerator", (given, ANY))
                if is_async(node)
                else Instance("typing.Generator", (given, ANY, UNKNOWN if kind is UNKNOWN else kind))
            )
        self.state.returns[key] = UNKNOWN if key in self.state.pinned else kind
        self.origins[key] = origin

    def _stands_for_others(self, node: Node, body: Node) -> bool:
        """Whether a method does nothing, so that another may stand in its place."""
        around = node.parent.parent if node.parent is not None else None
        if around is not None and around.type == "block":  # decorated
            around = around.parent
        if around is None or around.type not in ("class_definition", "decorated_definition"):
            return False
        return all(
            child.type in ("pass_statement", "comment", "raise_statement", "string", "concatenated_string", "ellipsis")
            for child in body.named_children
        )


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


def _changed(before: Mapping[K, Type], after: Mapping[K, Type]) -> set[object]:
    """The entries of a table that are no longer the same."""
    keys = before.keys() | after.keys()
    return {key for key in keys if before.get(key, UNKNOWN) != after.get(key, UNKNOWN)}
