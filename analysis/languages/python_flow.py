"""Python's control flow, as CPython runs it: what is constant decides, `finally` is done on every way out.

A class body runs where it stands, so it is part of the flow around it. The bodies of functions and lambdas are not:
making one is a step. What expressions add stands in `python_conditions`, patterns in `python_patterns`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tree_sitter import Node

from analysis.flow import Block, Graph, Step
from analysis.flow_builder import Around, Builder, Work, run
from analysis.languages import python_nodes as nodes
from analysis.languages.python_conditions import Conditions, parts_of, quiet, span_of, splits_of
from analysis.languages.python_patterns import captures, irrefutable, reads

_FUTURE = re.compile(rb"^from\s+__future__\s+import\b[^\n]*\bannotations\b", re.MULTILINE)
_LOCAL = "<locals>"
T = TypeVar("T")


def flow(node: Node, source: bytes) -> Graph:
    """The flow of one function's node, its decorators around it or not, or of a module's root."""
    if node.kind_id in nodes.DECORATED:
        node = node.child_by_field_id(nodes.F_DEFINITION) or node
    return _Flow(_File(source), node, "", "").graph


def flows(root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a module, and of every function in it, named as in `__qualname__`, in the order of the lines."""
    file = _File(source)
    pending = [(root, "")]
    while pending:
        node, name = pending.pop()
        one = _Flow(file, node, name, f"{name}.{_LOCAL}." if name else "")
        yield one.graph
        pending += one.inner[::-1]


class _File:
    """What is the same for all functions of a file."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.splits = splits_of(source)
        self.annotates = b"annotations" not in source or _FUTURE.search(source) is None  # evaluates annotations


class _Flow:
    """Walks the statements of one function, or of the module, once."""

    def __init__(self, file: _File, node: Node, name: str, prefix: str) -> None:
        self.inner: list[tuple[Node, str]] = []  # functions that stand directly in it, with their names
        self.build = Builder(name, node.start_byte, node.end_byte)
        self.expressions = Conditions(file.source, self.build, file.splits)
        self._file = file
        self._prefix = prefix  # of the names of what stands in it
        self._seen: set[int] = set()  # where functions begin: a `finally` is walked for every way out
        self._annotates = False  # whether annotations of names are evaluated: in functions they are not
        if node.kind_id in nodes.FUNCTION:
            parameters, body = node.child_by_field_id(nodes.F_PARAMETERS), node.child_by_field_id(nodes.F_BODY)
            if parameters is not None:
                span = span_of(parameters)
                self.build.step("parameters", *span, (span,), raises=False)
            run(self._suite(body.named_children if body is not None else ()))
        else:
            self._annotates = self._file.annotates
            run(self._suite(node.named_children))
        self.graph = self.build.done()

    def _suite(self, statements: Iterable[Node]) -> Work:
        build, splits = self.build, self._file.splits
        for node in statements:
            kind = node.kind_id
            compound = _COMPOUND.get(kind)
            if compound is not None:
                yield compound(self, node)
                continue
            if kind in nodes.COMMENT:
                continue
            start, end = node.start_byte, node.end_byte
            if splits and self.expressions.splits_in(start, end):
                yield self._split(node)
            elif (order := _ORDER.get(kind)) is None:
                build.step(node.type, start, end, ((start, end),), not quiet(node, kind))
            else:
                parts = order(self, node)
                build.step(node.type, start, end, tuple([span_of(part) for part in parts]), _raises(kind, parts))
            if kind in _LEAVING:
                _LEAVING[kind](build)

    def _split(self, node: Node) -> Work:
        """A simple statement with expressions that may have to be split."""
        order = _ORDER.get(node.kind_id)
        for part in order(self, node) if order is not None else [node]:
            yield self.expressions.evaluate(part)
        self.expressions.flush(node.type)

    def _body(self, node: Node | None) -> Work:
        """The statements of a block, or of the block in a clause."""
        if node is None:
            return
        if node.kind_id not in nodes.BLOCK:
            node = node.child_by_field_id(nodes.F_BODY) or next(
                (child for child in node.named_children if child.kind_id in nodes.BLOCK), None
            )
        if node is not None:
            yield self._suite(node.named_children)

    def _condition(self, node: Node | None, true: Block, false: Block) -> Work:
        if node is None:  # broken: both are possible
            self.build.branch(true, false, "")
        elif not self.expressions.simple(node, true, false):
            yield self.expressions.condition(node, true, false)

    # What is evaluated of a simple statement, in order

    def _assignment(self, node: Node) -> list[Node]:
        parts: list[Node] = []
        targets: list[Node] = []
        value: Node | None = node
        while value is not None and value.kind_id in nodes.ASSIGNMENT:
            target, annotation = value.child_by_field_id(nodes.F_LEFT), value.child_by_field_id(nodes.F_TYPE)
            value = value.child_by_field_id(nodes.F_RIGHT)
            if target is not None and (value is not None or target.kind_id in nodes.PART):
                targets.append(target)
            if annotation is not None and self._annotates:
                targets.append(annotation)
        if value is not None:
            parts.append(value)
        return parts + targets

    def _update(self, node: Node) -> list[Node]:
        parts = (node.child_by_field_id(nodes.F_RIGHT), node.child_by_field_id(nodes.F_LEFT))
        return [part for part in parts if part is not None]

    def _type_alias(self, node: Node) -> list[Node]:
        """Its name; the type is evaluated when somebody asks. The grammar also takes `type(x).y = z` for one."""
        parts = parts_of(node)
        return parts[::-1] if parts and self.expressions.text(parts[0]).startswith("(") else parts[:1]

    def _parts(self, node: Node) -> list[Node]:
        return parts_of(node)

    def _nothing(self, _node: Node) -> list[Node]:
        return []

    # Statements with statements in them

    def _if(self, node: Node) -> Work:
        build = self.build
        behind = build.block()
        clauses = node.children_by_field_id(nodes.F_ALTERNATIVE)
        for clause in [node, *clauses]:
            if clause.kind_id in nodes.ELSE_CLAUSE:
                yield self._body(clause)
                continue
            then, otherwise = build.block(), build.block()
            condition = clause.child_by_field_id(nodes.F_CONDITION)
            if condition is None or not self.expressions.simple(condition, then, otherwise):
                yield self._condition(condition, then, otherwise)
            build.start(then)
            consequence = clause.child_by_field_id(nodes.F_CONSEQUENCE)
            if consequence is not None:
                yield self._suite(consequence.named_children)
            build.go(behind)
            build.start(otherwise)
        build.go(behind)
        build.start(behind)

    def _while(self, node: Node) -> Work:
        build = self.build
        head, body, done, behind = build.block(), build.block(), build.block(), build.block()
        build.open()
        build.go(head)
        build.start(head)
        around = build.enter_loop(behind, head)
        yield self._condition(node.child_by_field_id(nodes.F_CONDITION), body, done)
        build.start(body)
        yield self._body(node.child_by_field_id(nodes.F_BODY))
        yield self._end_loop(node, around, head, done, behind)

    def _for(self, node: Node) -> Work:
        build = self.build
        target, values = node.child_by_field_id(nodes.F_LEFT), node.child_by_field_id(nodes.F_RIGHT)
        if values is not None:
            yield self.expressions.evaluate(values)
            self.expressions.flush(values.type)
        head, body, done, behind = build.block(), build.block(), build.block(), build.block()
        build.open()
        build.go(head)
        build.start(head)
        start = target.start_byte if target is not None else node.start_byte
        end = values.end_byte if values is not None else start
        build.step(node.type, start, end, ())  # asks for the next value
        build.branch(body, done, self.expressions.source[start:end].decode(errors="replace"))
        around = build.enter_loop(behind, head)
        build.start(body)
        if target is not None:
            yield self.expressions.evaluate(target)
            self.expressions.flush("target")
        yield self._body(node.child_by_field_id(nodes.F_BODY))
        yield self._end_loop(node, around, head, done, behind)

    def _end_loop(self, node: Node, around: Around, head: Block, done: Block, behind: Block) -> Work:
        build = self.build
        build.go(head, "loop")
        build.leave(around)
        build.start(done)
        yield self._body(node.child_by_field_id(nodes.F_ALTERNATIVE))
        build.go(behind)
        build.start(behind)

    def _with(self, node: Node) -> Work:
        build = self.build
        opened: list[tuple[Around, Block, Step]] = []
        for item in _items(node):
            value = item.child_by_field_id(nodes.F_VALUE) or item
            alias = value.child_by_field_id(nodes.F_ALIAS) if value.kind_id in nodes.AS_PATTERN else None
            for part in parts_of(value)[:1] if alias is not None else [value]:
                yield self.expressions.evaluate(part)
            self.expressions.flush(item.type)
            dispatch = build.block()
            leaving = Step("with_exit", item.start_byte, item.end_byte, ())
            opened.append((build.enter_closing(leaving, dispatch), dispatch, leaving))
            build.fresh()
            if alias is not None:
                yield self.expressions.evaluate(alias)
                self.expressions.flush(alias.type)
        yield self._body(node.child_by_field_id(nodes.F_BODY))
        for around, dispatch, leaving in reversed(opened):
            self._end_with(around, dispatch, leaving)

    def _end_with(self, around: Around, dispatch: Block, leaving: Step) -> None:
        """Closes on the normal way, and on an exception, which this may swallow."""
        build = self.build
        behind = build.block()
        if build.here is not None:
            build.here.steps.append(leaving)
            build.go(behind)
        build.leave(around)
        build.start(dispatch)
        if (here := build.here) is not None:
            here.note = "with, on exception"
            build.step(leaving.kind, leaving.start, leaving.end, ())
            build.edge(here, behind, "suppress")
            build.throw()
        build.start(behind)

    def _try(self, node: Node) -> Work:
        build, parts = self.build, parts_of(node)
        handlers = [part for part in parts if part.kind_id in nodes.EXCEPT_CLAUSE]
        behind, dispatch = build.block(), build.block()
        last = next((part for part in parts if part.kind_id in nodes.FINALLY_CLAUSE), None)
        finishing = build.enter_finally() if last is not None else None
        around = build.enter_handlers(dispatch) if handlers else None
        build.fresh()
        build.expose()  # whatever is done: an interrupt may come anywhere
        yield self._body(node.child_by_field_id(nodes.F_BODY))
        if around is not None:
            build.leave(around)
        for part in parts:
            if part.kind_id in nodes.ELSE_CLAUSE:
                build.fresh()
                yield self._body(part)
        self._finish(finishing, behind)
        if handlers:
            build.start(dispatch)
            grouped = any(child.type == "except*" for child in handlers[0].children)
            yield (self._group_handlers if grouped else self._handlers)(handlers, finishing, behind)
        if finishing is not None:
            yield build.finish_finally(finishing, lambda: self._body(last))
        build.start(behind)

    def _finish(self, finishing: Around | None, behind: Block) -> None:
        if finishing is not None:
            self.build.finish(finishing, behind)
        else:
            self.build.go(behind)

    def _handlers(self, handlers: list[Node], finishing: Around | None, behind: Block) -> Work:
        build = self.build
        for clause in handlers:
            following = build.block()
            yield self._handler(clause, following)
            self._finish(finishing, behind)
            build.start(following)
        if build.here is not None:
            build.throw()

    def _group_handlers(self, handlers: list[Node], finishing: Around | None, behind: Block) -> Work:
        """`except*`: each takes its part of the group, and what they raise is collected and raised at the end."""
        build = self.build
        for clause in handlers:
            following = build.block()
            around = build.enter_handlers(following)
            yield self._handler(clause, following)
            build.leave(around)
            build.go(following)
            build.start(following)
        if (here := build.here) is not None:
            here.note = "except*, what is left"
            build.throw()
            build.here = here
        self._finish(finishing, behind)

    def _handler(self, clause: Node, following: Block) -> Work:
        """Whether an exception is one of a clause's, and what it does then."""
        build = self.build
        value = clause.child_by_field_id(nodes.F_VALUE)
        alias = clause.child_by_field_id(nodes.F_ALIAS)
        if value is not None and value.kind_id in nodes.AS_PATTERN:
            alias = value.child_by_field_id(nodes.F_ALIAS)
            value = next(iter(parts_of(value)), None)
        inside = build.block()
        end = (alias or value or clause.children[0]).end_byte
        build.step(clause.type, clause.start_byte, end, (span_of(value),) if value is not None else ())
        condition = self.expressions.source[value.start_byte : end].decode(errors="replace") if value else ""
        here = build.open()
        build.edge(here, inside, "case", condition)
        if value is not None:
            build.edge(here, following, "false", condition)
        build.start(inside)
        if alias is None:
            yield self._body(clause)
            return
        span = span_of(alias)
        build.step(alias.type, *span, (span,), raises=False)
        unbind = Step("unbind", *span, (span,), raises=False)
        around = build.enter_closing(unbind)
        yield self._body(clause)
        build.leave(around)
        if build.here is not None:
            build.here.steps.append(unbind)

    def _match(self, node: Node) -> Work:
        build = self.build
        behind = build.block()
        for subject in node.children_by_field_id(nodes.F_SUBJECT):
            yield self.expressions.evaluate(subject)
        self.expressions.flush(node.type)
        body = node.child_by_field_id(nodes.F_BODY)
        for clause in (body or node).named_children:
            if clause.kind_id in nodes.CASE_CLAUSE:
                following = build.block()
                yield self._case(clause, following)
                build.go(behind)
                build.start(following)
        build.go(behind)
        build.start(behind)

    def _case(self, clause: Node, following: Block) -> Work:
        build = self.build
        patterns = [part for part in clause.named_children if part.kind_id in nodes.CASE_PATTERN]
        start = patterns[0].start_byte if patterns else clause.start_byte
        end = patterns[-1].end_byte if patterns else start
        condition = self.expressions.source[start:end].decode(errors="replace")
        several = len(patterns) != 1 or any(child.type == "," for child in clause.children)
        always = not several and irrefutable(patterns[0])
        matched = build.block()
        build.step(clause.type, start, end, tuple(reads(patterns)), raises=not always)
        here = build.open()
        build.edge(here, matched, "case", condition)
        if not always:
            build.edge(here, following, "false", condition)
        build.start(matched)
        for pattern in patterns:
            yield captures(pattern, build)
        if (guard := clause.child_by_field_id(nodes.F_GUARD)) is not None:
            inside = build.block()
            for test in parts_of(guard):
                yield self._condition(test, inside, following)
            build.start(inside)
        yield self._body(clause.child_by_field_id(nodes.F_CONSEQUENCE))

    # Definitions

    def _decorated(self, node: Node) -> Work:
        for decorator in node.named_children:
            if decorator.kind_id in nodes.DECORATOR:
                yield self.expressions.evaluate(decorator)
        definition = node.child_by_field_id(nodes.F_DEFINITION)
        compound = _COMPOUND.get(definition.kind_id) if definition is not None else None
        if definition is not None and compound is not None:
            yield compound(self, definition)
        self.expressions.flush(node.type)

    def _function(self, node: Node) -> Work:
        """Makes it: defaults and annotations are evaluated, and its name is stored."""
        name = node.child_by_field_id(nodes.F_NAME)
        if node.start_byte not in self._seen and name is not None:
            self._seen.add(node.start_byte)
            self.inner.append((node, self._prefix + self.expressions.text(name)))
        end = node.start_byte
        for field in (nodes.F_PARAMETERS, nodes.F_RETURN_TYPE, nodes.F_NAME):
            if (part := node.child_by_field_id(field)) is not None:
                end = max(end, part.end_byte)
                yield self.expressions.evaluate(part)
        self._define(node, end)

    def _class(self, node: Node) -> Work:
        name, bases = node.child_by_field_id(nodes.F_NAME), node.child_by_field_id(nodes.F_SUPERCLASSES)
        end = (bases or name or node.children[0]).end_byte
        if bases is not None:
            yield self.expressions.evaluate(bases)
        self._define(node, end)
        outer = self._prefix, self._annotates
        if name is not None:
            self._prefix += f"{self.expressions.text(name)}."
        self._annotates = self._file.annotates
        yield self._body(node.child_by_field_id(nodes.F_BODY))
        self._prefix, self._annotates = outer
        if name is not None:
            self.expressions.spans.append(span_of(name))
            self.expressions.flush(node.type)

    def _define(self, node: Node, end: int) -> None:
        """The step of a definition's own line."""
        spans, self.expressions.spans = tuple(self.expressions.spans), []
        self.build.step(node.type, node.start_byte, end, spans)

    # Others

    def _assert(self, node: Node) -> Work:
        build, parts = self.build, parts_of(node)
        behind, failed = build.block(), build.block()
        yield self._condition(next(iter(parts), None), behind, failed)
        build.start(failed)
        for part in parts[1:]:
            yield self.expressions.evaluate(part)
        spans, self.expressions.spans = tuple(self.expressions.spans), []
        build.step(node.type, node.start_byte, node.end_byte, spans)
        build.throw()
        build.start(behind)

    def _inside(self, node: Node) -> Work:
        """What stands in a place that could not be followed."""
        yield self._suite(node.named_children)


def _raises(kind: int, parts: list[Node]) -> bool:
    if not parts:
        return kind in _RAISE
    if kind in nodes.ASSIGNMENT and len(parts) > 1:
        return not quiet(parts[0], parts[0].kind_id) or any(one.kind_id not in nodes.IDENTIFIER for one in parts[1:])
    return True


def _items(node: Node) -> Iterable[Node]:
    """The items of a `with`, in order."""
    pending = [child for child in node.named_children[::-1] if child.kind_id not in nodes.BLOCK]
    while pending:
        part = pending.pop()
        if part.kind_id in nodes.WITH_ITEM:
            yield part
        else:
            pending += part.named_children[::-1]


_RAISE = nodes.kinds("raise_statement")


def _table(*rows: tuple[str, T]) -> dict[int, T]:
    return {number: value for names, value in rows for number in nodes.kinds(*names.split())}


_ORDER: dict[int, Callable[[_Flow, Node], list[Node]]] = _table(
    ("assignment", _Flow._assignment),
    ("augmented_assignment", _Flow._update),
    ("type_alias_statement", _Flow._type_alias),
    ("return_statement raise_statement delete_statement", _Flow._parts),
    ("pass_statement break_statement continue_statement global_statement nonlocal_statement", _Flow._nothing),
)
_COMPOUND: dict[int, Callable[[_Flow, Node], Work]] = {
    nodes.ERROR: _Flow._inside,
    **_table(
        ("block", _Flow._inside),
        ("if_statement", _Flow._if),
        ("while_statement", _Flow._while),
        ("for_statement", _Flow._for),
        ("with_statement", _Flow._with),
        ("try_statement", _Flow._try),
        ("match_statement", _Flow._match),
        ("assert_statement", _Flow._assert),
        ("decorated_definition", _Flow._decorated),
        ("function_definition", _Flow._function),
        ("class_definition", _Flow._class),
    ),
}
_LEAVING: dict[int, Callable[[Builder], object]] = _table(
    ("return_statement", lambda build: build.jump("return")),
    ("raise_statement", lambda build: build.throw()),
    ("break_statement", lambda build: build.jump("break")),
    ("continue_statement", lambda build: build.jump("continue")),
)
