"""What Python's expressions add to control flow: short circuits, constants that decide, names stored half-way.

A condition is split at `and`, `or`, `not` and `if … else`, as CPython runs it. Any other expression is evaluated as one
span, unless a part of it that may be passed over stores a name, or a constant decides it.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

from tree_sitter import Node

from analysis.flow import Block
from analysis.flow_builder import Builder, Work
from analysis.languages import python_nodes as nodes
from analysis.languages.python_nodes import parts_of

Span = tuple[int, int]

# A constant at the end of what stands before `and` or `or`, and behind `if`.
_BEFORE = re.compile(rb"(?:\b(?:None|True|False|__debug__)|\b\d[\w.]*)\)*\s*\Z")
_BEHIND = re.compile(rb"\s+(?:not\b\s*)?\(*(?:None|True|False|__debug__|\d)")
_NEAR = 24  # bytes to look back for one
_ZERO = re.compile(r"[0_.]+(?:[eE][+-]?[\d_]+)?[jJ]?|0[xXobOB][0_]+")


def span_of(node: Node) -> Span:
    """From where to where it stands."""
    return node.start_byte, node.end_byte


def quiet(node: Node, kind: int) -> bool:
    """Whether evaluating it can raise nothing: a literal that is no f-string."""
    if kind not in nodes.LITERAL:
        return False
    return kind not in nodes.STRING or all(child.kind_id not in nodes.INTERPOLATION for child in node.named_children)


def constant(node: Node) -> bool | None:
    """Whether an expression counts as true or as false whatever happens, as CPython's compiler sees it; else None."""
    negated = False
    while True:
        kind = node.kind_id
        if kind in nodes.NOT:
            negated = not negated
        elif kind not in nodes.PARENTHESIZED:
            break
        parts = parts_of(node)
        if len(parts) != 1:
            return None
        node = parts[0]
    value = _truth(node, kind)
    return value if value is None else value != negated


def _truth(node: Node, kind: int) -> bool | None:
    value: bool | None = None
    if kind in nodes.TRUE or kind in nodes.FALSE:
        value = kind in nodes.TRUE
    elif kind in nodes.IDENTIFIER:
        value = True if node.text == b"__debug__" else None
    elif kind in nodes.NUMBER:
        value = _ZERO.fullmatch((node.text or b"").decode(errors="replace")) is None
    elif kind in nodes.STRING:
        value = _string_truth(node)
    elif kind in nodes.SIGNED:
        operand = node.child_by_field_id(nodes.F_ARGUMENT)
        if operand is not None and operand.kind_id in nodes.NUMBER and (node.text or b"")[:1] != b"~":
            value = _truth(operand, operand.kind_id)
    elif kind in nodes.TUPLE:
        items = parts_of(node)
        if all(item.kind_id in nodes.LITERAL and _truth(item, item.kind_id) is not None for item in items):
            value = bool(items)
    return value


def _string_truth(node: Node) -> bool | None:
    first, last = node.children[0], node.children[-1]
    if b"f" in (first.text or b"").lower():
        return None
    return last.start_byte > first.end_byte


class Conditions:
    """Evaluates expressions in a builder. `spans` is what is evaluated but stands in no step yet."""

    def __init__(self, source: bytes, build: Builder, splits: list[int]) -> None:
        self.source = source
        self.build = build
        self.splits = splits
        self.spans: list[Span] = []

    def text(self, node: Node) -> str:
        """As written."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def splits_in(self, start: int, end: int) -> bool:
        """Whether an expression there may have to be split."""
        splits = self.splits
        at = bisect_left(splits, start)
        return at < len(splits) and splits[at] < end

    def flush(self, kind: str) -> None:
        """Makes a step of what was evaluated."""
        if self.spans:
            self.step(kind, min(one[0] for one in self.spans), max(one[1] for one in self.spans))

    def step(self, kind: str, start: int, end: int) -> None:
        """Makes a step of what was evaluated, which may be nothing; `start` and `end` are what a person points at."""
        spans, self.spans = tuple(self.spans), []
        self.build.step(kind, start, end, spans)

    def finish(self, node: Node) -> None:
        """Makes the last step of an expression or statement: what is done with its parts, once they are evaluated."""
        if self.spans or node.kind_id not in _WRAPPED:
            self.step(node.type, node.start_byte, node.end_byte)

    def condition(self, node: Node, true: Block, false: Block) -> Work:
        """Evaluates a condition and leaves for one of two blocks."""
        build = self.build
        pending: list[tuple[Node, Block, Block, Block | None]] = [(node, true, false, None)]
        while pending:
            node, true, false, entry = pending.pop()
            if entry is not None:
                build.start(entry)
            kind = node.kind_id
            parts = parts_of(node) if kind in _BRANCHING else ()
            if kind in nodes.AND_OR and len(parts) == 2:
                other = build.block()
                pending.append((parts[1], true, false, other))
                left = (other, false) if self._is_and(node) else (true, other)
                pending.append((parts[0], *left, None))
            elif kind in nodes.NOT and len(parts) == 1:
                pending.append((parts[0], false, true, None))
            elif kind in nodes.PARENTHESIZED and len(parts) == 1:
                pending.append((parts[0], true, false, None))
            elif kind in nodes.CHOICE and len(parts) == 3:
                yes, no = build.block(), build.block()
                pending += [(parts[2], true, false, no), (parts[0], true, false, yes), (parts[1], yes, no, None)]
            elif kind in nodes.COMPARISON and self.splits_in(*span_of(node)) and self._matters(node, kind):
                yield self._compared(node, false)
                self.finish(node)
                build.branch(true, false, self.text(node))
            else:
                yield from self._leaf(node, true, false)

    def simple(self, node: Node, true: Block, false: Block) -> bool:
        """Does what `condition` does, where nothing has to be split; False where it has to."""
        start, end = node.start_byte, node.end_byte
        if node.kind_id in _BRANCHING or (self.splits and self.splits_in(start, end)):
            return False
        decided = constant(node)
        self.build.step(node.type, start, end, ((start, end),), decided is None)
        self.build.branch(true, false, self.source[start:end].decode(errors="replace"), decided)
        return True

    def _leaf(self, node: Node, true: Block, false: Block) -> Work:
        if not self.simple(node, true, false):
            yield self.evaluate(node)
            self.finish(node)
            self.build.branch(true, false, self.text(node), constant(node))

    def _is_and(self, node: Node) -> bool:
        operator = node.child_by_field_id(nodes.F_OPERATOR)
        return operator is None or operator.type == "and"

    def evaluate(self, node: Node) -> Work:
        """Adds an expression to `spans`, making steps and blocks on the way where it is split."""
        kind = node.kind_id
        if kind in nodes.LAMBDA or not self.splits_in(node.start_byte, node.end_byte):
            self.spans.append(span_of(node))
        elif kind in _SPLIT and self._matters(node, kind):
            yield _SPLIT[kind](self, node)
        elif kind in nodes.WALRUS:
            for part in parts_of(node)[1:]:
                yield self.evaluate(part)
            name = node.child_by_field_id(nodes.F_NAME)
            if name is not None:
                self.spans.append(span_of(name))
            # A step of its own: what uses its value may raise when the name is stored already
            self.step(node.type, node.start_byte, node.end_byte)
        else:
            for part in parts_of(node):
                yield self.evaluate(part)

    def _matters(self, node: Node, kind: int) -> bool:
        """Whether a name is stored in it, or a constant decides it."""
        if self.source.find(b":=", node.start_byte, node.end_byte) >= 0:
            return True
        place = 0 if kind in nodes.AND_OR else 1
        return kind in nodes.AND_OR | nodes.CHOICE and any(
            constant(part) is not None for part in parts_of(node)[place : place + 1]
        )

    def _short_circuit(self, node: Node) -> Work:
        build, parts = self.build, parts_of(node)
        other, behind = build.block(), build.block()
        self.flush(node.type)
        yield self.condition(parts[0], *((other, behind) if self._is_and(node) else (behind, other)))
        for part in parts[1:]:
            build.start(other)
            yield self.evaluate(part)
            self.finish(part)
        build.go(behind)
        build.start(behind)

    def _choice(self, node: Node) -> Work:
        build, parts = self.build, parts_of(node)
        if len(parts) != 3:  # broken
            self.spans.append(span_of(node))
            return
        yes, no, behind = build.block(), build.block(), build.block()
        self.flush(node.type)
        yield self.condition(parts[1], yes, no)
        for entry, part in ((yes, parts[0]), (no, parts[2])):
            build.start(entry)
            yield self.evaluate(part)
            self.finish(part)
            build.go(behind)
        build.start(behind)

    def _comparison(self, node: Node) -> Work:
        build = self.build
        behind = build.block()
        yield self._compared(node, behind)
        if len(parts_of(node)) > 2:
            self.flush(node.type)
            build.go(behind)
            build.start(behind)

    def _compared(self, node: Node, failed: Block) -> Work:
        """Of `a < b < c`, `c` is evaluated if `a < b`; else it has failed."""
        build, parts = self.build, parts_of(node)
        for place, part in enumerate(parts):
            if place >= 2:
                further = build.block()
                self.flush(node.type)
                upto = self.source[node.start_byte : parts[place - 1].end_byte].decode(errors="replace")
                build.branch(further, failed, upto)
                build.start(further)
            yield self.evaluate(part)

    def _comprehension(self, node: Node) -> Work:
        build = self.build
        behind = build.block()
        back, parts = behind, parts_of(node)
        for clause in parts[1:]:
            if clause.kind_id in nodes.FOR_IN_CLAUSE:
                head = build.block()
                yield self._for_in(clause, head, back)
                back = head
            else:
                for test in parts_of(clause):
                    further = build.block()
                    yield self.condition(test, further, back)
                    build.start(further)
        yield self.evaluate(parts[0])
        self.flush(node.type)
        build.go(back, "loop")
        build.start(behind)

    def _for_in(self, clause: Node, head: Block, back: Block) -> Work:
        """A loop of a comprehension: when it is over, goes on with that around it."""
        build = self.build
        target, values = clause.child_by_field_id(nodes.F_LEFT), clause.child_by_field_id(nodes.F_RIGHT)
        if values is not None:
            yield self.evaluate(values)
            self.finish(values)
        inside = build.block()
        build.begin(head)
        build.step(clause.type, clause.start_byte, clause.end_byte, ())
        build.branch(inside, back, self.text(clause))
        build.start(inside)
        if target is not None:
            self.spans.append(span_of(target))
            self.flush("target")


_SPLIT: dict[int, Callable[[Conditions, Node], Work]] = {
    number: split
    for numbers, split in (
        (nodes.AND_OR, Conditions._short_circuit),
        (nodes.CHOICE, Conditions._choice),
        (nodes.COMPARISON, Conditions._comparison),
        (nodes.COMPREHENSION, Conditions._comprehension),
    )
    for number in numbers
}
_WRAPPED = nodes.WALRUS | nodes.PARENTHESIZED
_BRANCHING = nodes.AND_OR | nodes.NOT | nodes.CHOICE | nodes.PARENTHESIZED


def splits_of(source: bytes) -> list[int]:
    """Where expressions of a file may have to be split: at a walrus, and at a constant that may decide something."""
    found = list(_places(source, b":="))
    for word in (b" and", b" or"):
        found += [at for at in _places(source, word) if _BEFORE.search(source, max(at - _NEAR, 0), at)]
    found += [at for at in _places(source, b" if") if _BEHIND.match(source, at + 3)]
    return sorted(found)


def _places(source: bytes, word: bytes) -> Iterator[int]:
    at = source.find(word)
    while at >= 0:
        yield at
        at = source.find(word, at + 1)
