"""What control flow is in every language of nested blocks; `NAME_flow.py` says which node of a grammar is what.

Nothing here calls itself over the depth of a tree: what has statements in it yields them to be done. What expressions
add stands in `block_expressions`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from analysis.flow import ANONYMOUS, Block, Graph, Step
from analysis.flow_builder import AWAITED, PLACED_LATER, Around, Builder, Work, run
from analysis.languages.block_expressions import Expressions, File, Grammar


@dataclass(frozen=True)
class Dialect:
    """What a language calls things: names of nodes in its grammar."""

    expressions: Grammar
    blocks: frozenset[str]  # lists of statements
    statements: Mapping[str, Callable[["Flow", Node], Work]]  # those that decide where it goes on
    special: Mapping[str, Callable[["Flow", Node], Work | None]] = field(default_factory=dict)  # expressions that do
    hoisted: frozenset[str] = frozenset()  # statements that are done before those around them
    defined: frozenset[str] = frozenset()  # functions that stand as statements, under their names
    closing: Callable[[Node, bytes], tuple[Step, bool] | None] = lambda _node, _source: None
    """What is done on every way out of a function, and whether it may stop an exception."""


def flow(dialect: Dialect, node: Node, source: bytes) -> Graph:
    """The flow of a function's node, or of a module's root."""
    name = ANONYMOUS if node.type in dialect.expressions.functions else ""
    return Flow(dialect, File(dialect.expressions, node, source), node, name).graph


def flows(dialect: Dialect, root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a module and of each function in it, all of those without a name."""
    file = File(dialect.expressions, root, source)
    yield Flow(dialect, file, root, "").graph
    for node in file.functions:
        if node.child_by_field_name("body") is not None:
            yield Flow(dialect, file, node, ANONYMOUS).graph


class Flow:
    """Walks the statements of one function, or of the module, once."""

    def __init__(self, dialect: Dialect, file: File, node: Node, name: str) -> None:
        self.build = Builder(name, node.start_byte, node.end_byte)
        self.expressions = Expressions(file, self.build, self._special)
        self._dialect = dialect
        self._grammar = dialect.expressions
        self.labels: tuple[str, ...] = ()  # those of the statement that comes
        self.targets: dict[str, Block] = {}  # of `goto`
        self.following: Block | None = None  # the next case of a switch, for `fallthrough`
        run(self._function(node) if name else self.suite(node.named_children))
        for block in self.targets.values():
            if block.index < 0:  # a `goto` to nowhere
                block.index = AWAITED
                self.build.start(block)
                self.build.throw()
        self.graph = self.build.done()

    def _special(self, node: Node) -> Work | None:
        evaluate = self._dialect.special.get(node.type)
        return evaluate(self, node) if evaluate is not None else None

    def _function(self, node: Node) -> Work:
        build, body = self.build, node.child_by_field_name("body")
        for role in ("receiver", "parameters", "parameter"):
            if (part := node.child_by_field_name(role)) is not None:
                yield self.expressions.evaluate(part)
        results = node.child_by_field_name("result")
        if results is not None and results.type == "parameter_list":  # Go's begin with a value
            yield self.expressions.evaluate(results)
        self.expressions.flush("parameters", raises=False)
        closing = self._dialect.closing(node, self.expressions.source)
        around, dispatch = None, build.block()
        if closing is not None:
            around = build.enter_closing(closing[0], dispatch)
            build.fresh()
        if body is not None and body.type not in self._dialect.blocks:  # an arrow's expression is what it returns
            yield self.expressions.evaluate(body)
            self.expressions.flush(body.type)
            build.jump("return")
        elif body is not None:
            yield self.suite(body.named_children)
        if around is not None and closing is not None:
            if build.here is not None:
                build.jump("return")
            build.leave(around)
            self.close(closing[0], dispatch, recovers=closing[1])

    def close(self, step: Step, dispatch: Block, *, recovers: bool) -> None:
        """What is done when an exception leaves; `recovers`: it may end there, and the function returns."""
        build = self.build
        build.start(dispatch)
        if (here := build.here) is not None:
            here.note = "on exception"
            build.step(step.kind, step.start, step.end, step.spans)
            if recovers:
                build.edge(here, build.exit, "suppress")
            build.throw()

    # Statements

    def suite(self, statements: Iterable[Node]) -> Work:
        """Statements, one after the other."""
        dialect = self._dialect
        statements = list(statements)
        for node in statements:
            if node.type in dialect.hoisted:
                self.define(node)
        for node in statements:
            if node.type not in dialect.hoisted:
                yield from self.statement(node)

    def statement(self, node: Node | None) -> Work:
        """One of any kind."""
        if node is None:
            return
        kind, dialect = node.type, self._dialect
        if kind in dialect.statements:
            yield dialect.statements[kind](self, node)
        elif kind in dialect.blocks or node.is_error:
            yield self.suite(node.named_children)
        elif kind in self._grammar.functions:
            self.define(node)
        elif kind not in self._grammar.ignored:
            yield from self.expressions.statement(node)

    def define(self, node: Node) -> None:
        """A function where it is declared: its name is stored."""
        name = node.child_by_field_name("name")
        spans = ((name.start_byte, name.end_byte),) if name is not None and node.type in self._dialect.defined else ()
        end = name.end_byte if name is not None else node.start_byte
        self.build.step(node.type, node.start_byte, end, spans, raises=False)

    def block(self, node: Node | None, behind: Block) -> Work:
        """A statement in a place of its own, which goes on behind it."""
        yield self.statement(node)
        self.build.go(behind)

    def branch(self, condition: Node | None, consequence: Node | None, alternative: Node | None) -> Work:
        """`if`."""
        build = self.build
        then, otherwise, behind = build.block(), build.block(), build.block()
        yield self.expressions.condition(condition, then, otherwise)
        build.start(then)
        yield self.block(consequence, behind)
        build.start(otherwise)
        yield self.block(alternative, behind)
        build.start(behind)

    def loop(
        self, condition: Node | None, body: Node | None, updates: Iterable[Node] = (), *, ever: bool = False
    ) -> Work:
        """`while` and `for`; `ever`: without a condition."""
        build = self.build
        head, inside, ahead, behind = build.block(), build.block(), build.block(), build.block()
        updates = list(updates)
        ahead = ahead if updates else head
        build.begin(head)
        around = build.enter_loop(behind, ahead, self.taken())
        if ever:
            build.go(inside)
        else:
            yield self.expressions.condition(condition, inside, behind)
        build.start(inside)
        yield self.statement(body)
        if updates:
            build.go(ahead)
            build.start(ahead)
            for update in updates:
                yield self.expressions.statement(update)
        build.go(head, "loop")
        build.leave(around)
        build.start(behind)

    def loop_after(self, body: Node | None, condition: Node | None) -> Work:
        """`do … while`."""
        build = self.build
        head, test, behind = build.block(), build.block(), build.block()
        build.begin(head)
        around = build.enter_loop(behind, test, self.taken())
        yield self.statement(body)
        build.leave(around)
        build.go(test)
        build.start(test)
        again = build.block()
        yield self.expressions.condition(condition, again, behind)
        build.start(again)
        build.go(head, "loop")
        build.start(behind)

    def loop_over(self, node: Node, targets: list[Node], values: Node | None, body: Node | None) -> Work:
        """A loop over values: they are evaluated once, and each is stored."""
        build = self.build
        if values is not None:
            yield self.expressions.evaluate(values)
            self.expressions.flush(values.type)
        head, inside, behind = build.block(), build.block(), build.block()
        build.begin(head)
        start = targets[0].start_byte if targets else node.start_byte
        end = values.end_byte if values is not None else start
        start = min(start, end)
        build.step(node.type, start, end, ())  # asks for the next value
        build.branch(inside, behind, self.expressions.source[start:end].decode(errors="replace"))
        around = build.enter_loop(behind, head, self.taken())
        build.start(inside)
        for target in targets:
            yield self.expressions.evaluate(target)
        self.expressions.flush("target")
        yield self.statement(body)
        build.go(head, "loop")
        build.leave(around)
        build.start(behind)

    def taken(self) -> tuple[str, ...]:
        """What `break` and `continue` call the statement that begins here."""
        labels, self.labels = self.labels, ()
        return ("", *labels)

    def labelled(self, label: Node | None, statement: Node | None, loops: frozenset[str]) -> Work:
        """A label: of a loop or switch, its name; of any other statement, what `break` leaves."""
        name = self.expressions.text(label) if label is not None else ""
        if statement is not None and statement.type in loops:
            self.labels = (*self.labels, name)
            yield self.statement(statement)
            self.labels = ()
            return
        build = self.build
        behind = build.block()
        around = build.enter_loop(behind, None, (name, *self.labels))
        self.labels = ()
        yield self.block(statement, behind)
        build.leave(around)
        build.start(behind)

    def switch(
        self, node: Node, cases: list["Case"], *, falls: bool, exhaustive: bool = False, label: str = ""
    ) -> Work:
        """Cases after what they are chosen by, whose spans are pending; `falls`: each goes on with the next."""
        build = self.build
        behind = build.block()
        self.expressions.flush(node.type, raises=True, head=node)
        bodies = [build.block() for _ in cases]
        self._choose(cases, bodies, behind, exhaustive=exhaustive)
        labels = (label,) if label else self.taken()
        around = build.enter_loop(behind, None, labels)
        outer = self.following
        for place, (case, body) in enumerate(zip(cases, bodies, strict=True)):
            if body.index != PLACED_LATER and falls and build.here is not None:
                build.go(body)
            build.start(body)
            for part in case.bound:
                yield self.expressions.statement(part)
            if case.guard is not None:
                inside, otherwise = build.block(), build.block()
                yield self.expressions.condition(case.guard, inside, otherwise)
                build.start(otherwise)
                if build.here is not None:
                    left = [one for one, other in enumerate(cases) if one > place or other.default]
                    self._choose(
                        [cases[one] for one in left], [bodies[one] for one in left], behind, exhaustive=exhaustive
                    )
                build.start(inside)
            self.following = bodies[place + 1] if place + 1 < len(bodies) else None
            yield self.suite(case.statements)
            if not falls:
                build.go(behind)
        self.following = outer
        build.go(behind)
        build.leave(around)
        build.start(behind)

    def _choose(self, cases: list["Case"], bodies: list[Block], behind: Block, *, exhaustive: bool) -> None:
        """Leaves for any of these cases, or for what is behind them."""
        build = self.build
        here = build.open()
        for case, body in zip(cases, bodies, strict=True):
            build.edge(here, body, "case", case.condition)
        if not exhaustive and not any(case.default for case in cases):
            build.edge(here, behind, "false")
        build.here = None

    def attempt(self, body: Callable[[], Work], handlers: list["Handler"], last: Node | None) -> Work:
        """`try`: its handlers in order, and what is done at the end on every way out."""
        build = self.build
        behind, dispatch = build.block(), build.block()
        finishing = build.enter_finally() if last is not None else None
        around = build.enter_handlers(dispatch) if handlers else None
        entry = build.fresh()
        yield body()
        build.interrupt(entry)  # whatever is done in it: every handler is reached
        if around is not None:
            build.leave(around)
        build.finish(finishing, behind)
        if handlers:
            build.start(dispatch)
            for handler in handlers:
                yield self._handler(handler, finishing, behind)
            if build.here is not None:
                build.throw()
        if finishing is not None:
            yield build.finish_finally(finishing, lambda: self.statement(last))
        build.start(behind)

    def _handler(self, handler: "Handler", finishing: Around | None, behind: Block) -> Work:
        build = self.build
        if build.here is None:
            return
        following = build.block()
        if handler.condition:
            inside = build.block()
            here = build.here
            build.step(handler.node.type, handler.start, handler.end, (), raises=False)
            build.edge(here, inside, "case", handler.condition)
            build.edge(here, following, "false", handler.condition)
            build.start(inside)
        if handler.parameter is not None:
            yield self.expressions.evaluate(handler.parameter)
            self.expressions.flush("caught", raises=False)
        yield self.statement(handler.body)
        build.finish(finishing, behind)
        build.start(following)

    def leave(self, node: Node, kind: str, label: Node | None = None) -> None:
        """`break` and `continue`."""
        self.build.step(node.type, node.start_byte, node.end_byte, (), raises=False)
        self.build.jump(kind, self.expressions.text(label) if label is not None else "")


@dataclass(frozen=True)
class Case:
    """One case of a switch."""

    condition: str
    statements: list[Node]
    default: bool = False
    bound: tuple[Node, ...] = ()  # patterns, which name what they match
    guard: Node | None = None


@dataclass(frozen=True)
class Handler:
    """One handler of exceptions; without a condition it takes all of them."""

    node: Node
    body: Node | None
    parameter: Node | None = None
    condition: str = ""

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.node.start_byte

    @property
    def end(self) -> int:
        """Where its head ends."""
        return self.parameter.end_byte if self.parameter is not None else self.node.children[0].end_byte
