"""Python's `case` patterns: what one reads, what it captures, and whether anything matches it."""

from collections.abc import Iterator

from tree_sitter import Node

from analysis.flow_builder import Builder, Work
from analysis.languages import python_nodes as nodes
from analysis.languages.python_conditions import Span, span_of
from analysis.languages.python_nodes import parts_of


def irrefutable(pattern: Node) -> bool:
    """Whether it matches anything: a name, `_`, either in parentheses, or one of several alternatives."""
    while True:
        kind, parts = pattern.kind_id, parts_of(pattern)
        if kind in nodes.IDENTIFIER:
            return True
        if kind in nodes.DOTTED_NAME:
            return len(parts) == 1
        if kind in nodes.CASE_PATTERN and not parts:
            return pattern.text == b"_"
        if kind in nodes.UNION_PATTERN:
            if pattern.children[-1].type == "_":
                return True
            pattern = parts[-1]
        elif (
            kind in nodes.AS_PATTERN
            or kind in nodes.CASE_PATTERN
            or (kind in _GROUP and len(parts) == 1 and not _has_comma(pattern))
        ):
            pattern = parts[0]
        else:
            return False


def reads(patterns: list[Node]) -> Iterator[Span]:
    """What patterns are compared with: names of classes, values with a dot, keys of mappings."""
    for node, captured in _leaves(patterns):
        if not captured:
            yield span_of(node)


def captures(pattern: Node, build: Builder) -> Work:
    """Adds what a pattern captures. Of alternatives only one does, so each has a block."""
    spans: list[Span] = []
    pending = [pattern]
    while pending:
        node = pending.pop()
        if node.kind_id in nodes.UNION_PATTERN and any(captured for _, captured in _leaves([node])):
            _flush(spans, build)
            build.step("union_pattern", *span_of(node), (), raises=False)
            behind, start = build.block(), build.open()
            for alternative in parts_of(node):
                entry = build.block()
                build.edge(start, entry, "case")
                build.start(entry)
                yield captures(alternative, build)
                build.go(behind)
            build.start(behind)
        elif (captured := _captures(node)) is not None:
            if captured:
                spans.append(span_of(node))
        else:
            pending += _inside(node)[::-1]
    _flush(spans, build)


def _flush(spans: list[Span], build: Builder) -> None:
    if spans:
        build.step("case_pattern", spans[0][0], spans[-1][1], tuple(spans), raises=False)
        spans.clear()


def _leaves(patterns: list[Node]) -> Iterator[tuple[Node, bool]]:
    """Parts that are names or values, and whether each is a capture."""
    pending = patterns[::-1]
    while pending:
        node = pending.pop()
        captured = _captures(node)
        if captured is not None:
            yield node, captured
            continue
        if node.kind_id in nodes.CLASS_PATTERN:
            yield parts_of(node)[0], False
        pending += _inside(node)[::-1]


def _captures(node: Node) -> bool | None:
    """Whether a part captures; None where it has parts of its own."""
    kind = node.kind_id
    if kind in nodes.IDENTIFIER:
        return True
    if kind in nodes.DOTTED_NAME:
        return node.named_child_count == 1
    return None if node.named_child_count else False


def _inside(node: Node) -> list[Node]:
    """The parts of a pattern that are patterns or are read."""
    parts = parts_of(node)
    return parts[1:] if node.kind_id in _NAMED else parts


def _has_comma(node: Node) -> bool:
    return any(child.type == "," for child in node.children)


_GROUP = nodes.kinds("tuple_pattern")
_NAMED = nodes.KEYWORD_PATTERN | nodes.CLASS_PATTERN
