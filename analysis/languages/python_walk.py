"""Walks Python's statements in the order in which they are done. What holds other statements is done by a table."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tree_sitter import Node

from analysis.flow import Block
from analysis.flow_builder import Builder, Work
from analysis.languages import python_nodes as nodes
from analysis.languages.python_conditions import Conditions, quiet, span_of, splits_of
from analysis.languages.python_nodes import parts_of

_FUTURE = re.compile(rb"^from\s+__future__\s+import\b[^\n]*\bannotations\b", re.MULTILINE)
T = TypeVar("T")


class File:
    """What is the same for all functions of a file."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.splits = splits_of(source)
        self.annotates = b"annotations" not in source or _FUTURE.search(source) is None  # evaluates annotations


class Walk:
    """Where the walk through one function, or through the module's own statements, stands."""

    def __init__(self, file: File, build: Builder, compound: "Mapping[int, Callable[[Walk, Node], Work]]") -> None:
        self.file = file
        self.build = build
        self.expressions = Conditions(file.source, build, file.splits)
        self.inner: dict[int, tuple[Node, str]] = {}  # functions that stand directly in it, by place, with their names
        self.prefix = ""  # of the names of what stands in it
        self.annotates = False  # whether annotations of names are evaluated: in functions they are not
        self._compound = compound

    def suite(self, statements: Iterable[Node]) -> Work:
        """One statement after the other."""
        build, splits = self.build, self.file.splits
        for node in statements:
            kind = node.kind_id
            compound = self._compound.get(kind)
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
        parts = order(self, node) if order is not None else [node]
        if order is _update:
            parts = [*parts[1:], *parts]  # in `x += (x := 1)`, the left side is read before the right one stores
        for part in parts:
            yield self.expressions.evaluate(part)
        self.expressions.finish(node)

    def body(self, node: Node | None) -> Work:
        """The statements of a block, or of the block in a clause."""
        if node is None:
            return
        if node.kind_id not in nodes.BLOCK:
            node = node.child_by_field_id(nodes.F_BODY) or next(
                (child for child in node.named_children if child.kind_id in nodes.BLOCK), None
            )
        if node is not None:
            yield self.suite(node.named_children)

    def condition(self, node: Node | None, true: Block, false: Block) -> Work:
        """Leaves for one of two blocks."""
        if node is None:  # broken: both are possible
            self.build.branch(true, false, "")
        elif not self.expressions.simple(node, true, false):
            yield self.expressions.condition(node, true, false)


# What is evaluated of a simple statement, in order


def _assignment(walk: Walk, node: Node) -> list[Node]:
    parts: list[Node] = []
    targets: list[Node] = []
    value: Node | None = node
    while value is not None and value.kind_id in nodes.ASSIGNMENT:
        target, annotation = value.child_by_field_id(nodes.F_LEFT), value.child_by_field_id(nodes.F_TYPE)
        value = value.child_by_field_id(nodes.F_RIGHT)
        if target is not None and (value is not None or target.kind_id in nodes.PART):
            targets.append(target)
        if annotation is not None and walk.annotates:
            targets.append(annotation)
    if value is not None:
        parts.append(value)
    return parts + targets


def _update(_walk: Walk, node: Node) -> list[Node]:
    parts = (node.child_by_field_id(nodes.F_RIGHT), node.child_by_field_id(nodes.F_LEFT))
    return [part for part in parts if part is not None]


def _type_alias(walk: Walk, node: Node) -> list[Node]:
    """Its name; the type is evaluated when somebody asks. The grammar also takes `type(x).y = z` for one."""
    parts = parts_of(node)
    return parts[::-1] if parts and walk.expressions.text(parts[0]).startswith("(") else parts[:1]


def _parts(_walk: Walk, node: Node) -> list[Node]:
    return parts_of(node)


def _nothing(_walk: Walk, _node: Node) -> list[Node]:
    return []


def _raises(kind: int, parts: list[Node]) -> bool:
    if not parts:
        return kind in _RAISE
    if kind in nodes.ASSIGNMENT and len(parts) > 1:
        return not quiet(parts[0], parts[0].kind_id) or any(one.kind_id not in nodes.IDENTIFIER for one in parts[1:])
    return True


def table(*rows: tuple[str, T]) -> dict[int, T]:
    """Names of nodes, with what belongs to them, by the nodes' numbers."""
    return {number: value for names, value in rows for number in nodes.kinds(*names.split())}


_RAISE = nodes.kinds("raise_statement")
_ORDER: dict[int, Callable[[Walk, Node], list[Node]]] = table(
    ("assignment", _assignment),
    ("augmented_assignment", _update),
    ("type_alias_statement", _type_alias),
    ("return_statement raise_statement delete_statement", _parts),
    ("pass_statement break_statement continue_statement global_statement nonlocal_statement", _nothing),
)
_LEAVING: dict[int, Callable[[Builder], object]] = table(
    ("return_statement", lambda build: build.jump("return")),
    ("raise_statement", lambda build: build.throw()),
    ("break_statement", lambda build: build.jump("break")),
    ("continue_statement", lambda build: build.jump("continue")),
)
