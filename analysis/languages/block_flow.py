"""What control flow is in every language of nested blocks; `NAME_flow.py` says which node of a grammar is what.

A condition is split at `&&`, `||`, `!` and `?:`. Elsewhere an expression is split where a part that may be passed over
calls, assigns or waits. Functions in an expression are cut out: making one evaluates nothing. Nothing here calls itself
over the depth of a tree.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from analysis.flow import ANONYMOUS, Block, Graph, Step
from analysis.flow_builder import AWAITED, PLACED_LATER, Around, Builder, Work, run

Span = tuple[int, int]
Statement = Callable[["Flow", Node], Work]


@dataclass(frozen=True)
class Dialect:
    """What a language calls things: names of nodes in its grammar."""

    functions: frozenset[str]  # whose bodies run at another time
    blocks: frozenset[str]  # lists of statements
    statements: Mapping[str, Statement]  # those that decide where it goes on
    effects: frozenset[str]  # expressions that do something: passing them over matters
    assignments: frozenset[str]  # what is evaluated from right to left
    choices: frozenset[str] = frozenset(["ternary_expression"])
    marks: frozenset[str] = frozenset()  # what makes an expression one that may have to go through `special`
    special: Mapping[str, Callable[["Flow", Node], Work | None]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()  # nodes that nothing is done at
    hoisted: frozenset[str] = frozenset()  # statements that are done before those around them
    defined: frozenset[str] = frozenset()  # functions that stand as statements, under their names
    quiet: frozenset[str] = frozenset()  # expressions that raise nothing
    wrapping: frozenset[str] = frozenset()  # what raises if what stands in it does
    closing: Callable[[Node, bytes], tuple[Step, bool] | None] = lambda _node, _source: None
    """What is done on every way out of a function, and whether it may stop an exception."""


def flow(dialect: Dialect, node: Node, source: bytes) -> Graph:
    """The flow of a function's node, or of a module's root."""
    name = ANONYMOUS if node.type in dialect.functions else ""
    return Flow(File(dialect, node, source), node, name).graph


def flows(dialect: Dialect, root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a module and of each function in it, all of those without a name."""
    file = File(dialect, root, source)
    yield Flow(file, root, "").graph
    for node in file.functions:
        if node.child_by_field_name("body") is not None:
            yield Flow(file, node, ANONYMOUS).graph


class File:
    """Where a file, or a part of it, has what matters to an expression: sorted places, found once."""

    def __init__(self, dialect: Dialect, root: Node, source: bytes) -> None:
        self.dialect = dialect
        self.source = source
        self.effects: list[int] = []
        self.special: list[int] = []  # where an expression may have to be taken apart
        self.functions: list[Node] = []
        parting = dialect.assignments | dialect.choices | dialect.marks
        pending = [root]
        while pending:
            node = pending.pop()
            kind = node.type
            if kind in dialect.functions:
                self.functions.append(node)
                self.special.append(node.start_byte)
            elif kind in parting or (kind == "binary_expression" and operator(node) in SHORT):
                self.special.append(node.start_byte)
            if kind in dialect.effects:
                self.effects.append(node.start_byte)
            pending += node.named_children[::-1]


SHORT = frozenset(["&&", "||", "??"])


def operator(node: Node) -> str:
    """Of an expression, as written."""
    found = node.child_by_field_name("operator")
    return found.type if found is not None else ""


def parts_of(node: Node) -> list[Node]:
    """What a node is made of, without comments."""
    return [child for child in node.named_children if "comment" not in child.type]


class Flow:
    """Walks the statements of one function, or of the module, once."""

    def __init__(self, file: File, node: Node, name: str) -> None:
        self.build = Builder(name, node.start_byte, node.end_byte)
        self.dialect = file.dialect
        self.source = file.source
        self.spans: list[Span] = []  # what is evaluated but stands in no step yet
        self.loud = False  # whether any of it may raise
        self.labels: tuple[str, ...] = ()  # those of the statement that comes
        self.targets: dict[str, Block] = {}  # of `goto`
        self.following: Block | None = None  # the next case of a switch, for `fallthrough`
        self._file = file
        run(self._function(node) if name else self.suite(node.named_children))
        for block in self.targets.values():
            if block.index < 0:  # a `goto` to nowhere
                block.index = AWAITED
                self.build.start(block)
                self.build.throw()
        self.graph = self.build.done()

    def text(self, node: Node) -> str:
        """As written."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def _function(self, node: Node) -> Work:
        build, body = self.build, node.child_by_field_name("body")
        for role in ("receiver", "parameters", "parameter"):
            if (part := node.child_by_field_name(role)) is not None:
                yield self.evaluate(part)
        self.flush("parameters", raises=False)
        closing = self.dialect.closing(node, self.source)
        around, dispatch = None, build.block()
        if closing is not None:
            around = build.enter_closing(closing[0], dispatch)
            build.fresh()
        if body is not None and body.type not in self.dialect.blocks:  # an arrow's expression is what it returns
            yield self.evaluate(body)
            self.flush(body.type)
            build.jump("return")
        elif body is not None:
            yield self.suite(body.named_children)
        if around is not None and closing is not None:
            build.jump("return") if build.here is not None else None
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
        dialect = self.dialect
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
        kind, dialect = node.type, self.dialect
        if kind in dialect.statements:
            yield dialect.statements[kind](self, node)
        elif kind in dialect.blocks or node.is_error:
            yield self.suite(node.named_children)
        elif kind in dialect.functions:
            self.define(node)
        elif kind not in dialect.ignored:
            yield from self.simple(node)

    def simple(self, node: Node) -> Work:
        """A statement that is one step."""
        if self.special_in(node.start_byte, node.end_byte):
            yield self.evaluate(node)
        else:
            self.spans.append((node.start_byte, node.end_byte))
            self._listen(node)
        self.flush(node.type, node)

    def define(self, node: Node) -> None:
        """A function where it is declared: its name is stored."""
        name = node.child_by_field_name("name")
        spans = ((name.start_byte, name.end_byte),) if name is not None and node.type in self.dialect.defined else ()
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
        yield self.condition(condition, then, otherwise)
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
        build.open()
        build.go(head)
        build.start(head)
        around = build.enter_loop(behind, ahead, self.taken())
        if ever:
            build.go(inside)
        else:
            yield self.condition(condition, inside, behind)
        build.start(inside)
        yield self.statement(body)
        if updates:
            build.go(ahead)
            build.start(ahead)
            for update in updates:
                yield self.simple(update)
        build.go(head, "loop")
        build.leave(around)
        build.start(behind)

    def loop_after(self, body: Node | None, condition: Node | None) -> Work:
        """`do … while`."""
        build = self.build
        head, test, behind = build.block(), build.block(), build.block()
        build.open()
        build.go(head)
        build.start(head)
        around = build.enter_loop(behind, test, self.taken())
        yield self.statement(body)
        build.leave(around)
        build.go(test)
        build.start(test)
        again = build.block()
        yield self.condition(condition, again, behind)
        build.start(again)
        build.go(head, "loop")
        build.start(behind)

    def loop_over(self, node: Node, targets: list[Node], values: Node | None, body: Node | None) -> Work:
        """A loop over values: they are evaluated once, and each is stored."""
        build = self.build
        if values is not None:
            yield self.evaluate(values)
            self.flush(values.type)
        head, inside, behind = build.block(), build.block(), build.block()
        build.open()
        build.go(head)
        build.start(head)
        start = targets[0].start_byte if targets else node.start_byte
        end = values.end_byte if values is not None else start
        start = min(start, end)
        build.step(node.type, start, end, ())  # asks for the next value
        build.branch(inside, behind, self.source[start:end].decode(errors="replace"))
        around = build.enter_loop(behind, head, self.taken())
        build.start(inside)
        for target in targets:
            yield self.evaluate(target)
        self.flush("target")
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
        name = self.text(label) if label is not None else ""
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
        self.flush(node.type, raises=True, head=node)
        here = build.open()
        bodies = [build.block() for _ in cases]
        for case, body in zip(cases, bodies, strict=True):
            build.edge(here, body, "case", case.condition)
        if not exhaustive and not any(case.default for case in cases):
            build.edge(here, behind, "false")
        build.here = None
        labels = (label,) if label else self.taken()
        around = build.enter_loop(behind, None, labels)
        outer = self.following
        for place, (case, body) in enumerate(zip(cases, bodies, strict=True)):
            if body.index != PLACED_LATER and falls and build.here is not None:
                build.go(body)
            build.start(body)
            for part in case.bound:
                yield self.simple(part)
            if case.guard is not None:
                inside = build.block()
                yield self.condition(case.guard, inside, bodies[place + 1] if place + 1 < len(bodies) else behind)
                build.start(inside)
            self.following = bodies[place + 1] if place + 1 < len(bodies) else None
            yield self.suite(case.statements)
            if not falls:
                build.go(behind)
        self.following = outer
        build.go(behind)
        build.leave(around)
        build.start(behind)

    def attempt(self, body: Callable[[], Work], handlers: list["Handler"], last: Node | None) -> Work:
        """`try`: its handlers in order, and what is done at the end on every way out."""
        build = self.build
        behind, dispatch = build.block(), build.block()
        finishing = build.enter_finally() if last is not None else None
        around = build.enter_handlers(dispatch) if handlers else None
        build.fresh()
        build.expose()  # whatever is done in it: every handler is reached
        yield body()
        if around is not None:
            build.leave(around)
        self._finish(finishing, behind)
        if handlers:
            build.start(dispatch)
            for handler in handlers:
                yield self._handler(handler, finishing, behind)
            if build.here is not None:
                build.throw()
        if finishing is not None:
            yield build.finish_finally(finishing, lambda: self.statement(last))
        build.start(behind)

    def _finish(self, finishing: Around | None, behind: Block) -> None:
        if finishing is not None:
            self.build.finish(finishing, behind)
        else:
            self.build.go(behind)

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
            yield self.evaluate(handler.parameter)
            self.flush("target", raises=False)
        yield self.statement(handler.body)
        self._finish(finishing, behind)
        build.start(following)

    def leave(self, node: Node, kind: str, label: Node | None = None) -> None:
        """`break` and `continue`."""
        self.build.step(node.type, node.start_byte, node.end_byte, (), raises=False)
        self.build.jump(kind, self.text(label) if label is not None else "")

    # Expressions

    def special_in(self, start: int, end: int) -> bool:
        """Whether an expression there may have to be taken apart."""
        places = self._file.special
        at = bisect_left(places, start)
        return at < len(places) and places[at] < end

    def _matters(self, node: Node) -> bool:
        places = self._file.effects
        at = bisect_left(places, node.start_byte)
        return at < len(places) and places[at] < node.end_byte

    def _listen(self, node: Node) -> None:
        """Whether evaluating it may raise something."""
        dialect, pending = self.dialect, [node]
        while pending and not self.loud:
            one = pending.pop()
            if one.type in dialect.wrapping:
                pending += one.named_children
            elif one.type not in dialect.quiet and one.type not in dialect.ignored:
                self.loud = True

    def flush(
        self, kind: str, node: Node | None = None, *, raises: bool | None = None, head: Node | None = None
    ) -> None:
        """Makes a step of what was evaluated: of a whole `node`, if that is given. `head`: even of nothing."""
        spans, whole = tuple(self.spans), node or head
        if spans or whole is not None:
            start = min([one[0] for one in spans] + ([whole.start_byte] if whole is not None else []))
            end = max([one[1] for one in spans] + [node.end_byte if node is not None else start])
            self.build.step(kind, start, end, spans, self.loud if raises is None else raises)
        self.spans, self.loud = [], False

    def evaluate(self, node: Node) -> Work:
        """Adds an expression to what is evaluated, making steps and blocks on the way where it is split."""
        dialect, kind = self.dialect, node.type
        if kind in dialect.functions or kind in dialect.ignored:
            return
        if not node.named_child_count or not self.special_in(node.start_byte, node.end_byte):
            self.spans.append((node.start_byte, node.end_byte))
            self._listen(node)
        elif kind in dialect.special and (work := dialect.special[kind](self, node)) is not None:
            yield work
        elif kind in dialect.assignments:
            yield self._assignment(node)
        elif kind == "binary_expression" and (how := operator(node)) in SHORT and self._skips(node):
            yield self._short_circuit(node, how)
        elif kind in dialect.choices and self._matters(node):
            yield self._choice(node)
        else:
            self.loud = self.loud or kind not in dialect.wrapping
            for part in parts_of(node):
                yield self.evaluate(part)

    def _skips(self, node: Node) -> bool:
        right = node.child_by_field_name("right")
        return right is not None and self._matters(right)

    def _assignment(self, node: Node) -> Work:
        """Values first, then what they are given to."""
        targets = [*node.children_by_field_name("left"), *node.children_by_field_name("name")]
        values = [part for part in parts_of(node) if part not in targets]
        for part in (*values, *targets):
            yield self.evaluate(part)

    def _short_circuit(self, node: Node, how: str) -> Work:
        build = self.build
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        other, behind = build.block(), build.block()
        self.flush(node.type)
        if how == "??" and left is not None:
            yield self.evaluate(left)
            self.flush(left.type)
            build.branch(behind, other, f"{self.text(left)} ?? …")
        else:
            yield self.condition(left, *((other, behind) if how == "&&" else (behind, other)))
        build.start(other)
        if right is not None:
            yield self.evaluate(right)
            self.flush(right.type)
        build.go(behind)
        build.start(behind)

    def _choice(self, node: Node) -> Work:
        build = self.build
        yes, no, behind = build.block(), build.block(), build.block()
        self.flush(node.type)
        yield self.condition(node.child_by_field_name("condition"), yes, no)
        for entry, role in ((yes, "consequence"), (no, "alternative")):
            build.start(entry)
            if (part := node.child_by_field_name(role)) is not None:
                yield self.evaluate(part)
                self.flush(part.type)
            build.go(behind)
        build.start(behind)

    def condition(self, node: Node | None, true: Block, false: Block) -> Work:
        """Evaluates a condition and leaves for one of two blocks."""
        build = self.build
        if node is None:  # broken: both are possible
            build.branch(true, false, "")
            return
        pending: list[tuple[Node, Block, Block, Block | None]] = [(node, true, false, None)]
        while pending:
            node, true, false, entry = pending.pop()
            if entry is not None:
                build.start(entry)
            parts = parts_of(node)
            how = operator(node) if node.type in ("binary_expression", "unary_expression") else ""
            if how in ("&&", "||") and len(parts) == 2:
                other = build.block()
                pending.append((parts[1], true, false, other))
                pending.append((parts[0], *((other, false) if how == "&&" else (true, other)), None))
            elif how == "!" and len(parts) == 1:
                pending.append((parts[0], false, true, None))
            elif node.type in ("parenthesized_expression", "expression_statement") and len(parts) == 1:
                pending.append((parts[0], true, false, None))
            elif node.type in self.dialect.choices and len(parts) == 3:
                yes, no = build.block(), build.block()
                pending += [(parts[2], true, false, no), (parts[1], true, false, yes), (parts[0], yes, no, None)]
            else:
                yield self.evaluate(node)
                self.flush(node.type, node)
                build.branch(true, false, self.text(node), {"true": True, "false": False}.get(self.text(node)))


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
