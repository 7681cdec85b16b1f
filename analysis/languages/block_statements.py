"""Statements that are written alike in several languages of nested blocks: loops with a condition, and jumps."""

from tree_sitter import Node

from analysis.flow_builder import Work
from analysis.languages.block_expressions import parts_of
from analysis.languages.block_flow import Flow


def while_(flow: Flow, node: Node) -> Work:
    """`while (a) b`."""
    yield flow.loop(node.child_by_field_name("condition"), node.child_by_field_name("body"))


def do_(flow: Flow, node: Node) -> Work:
    """`do b while (a)`."""
    yield flow.loop_after(node.child_by_field_name("body"), node.child_by_field_name("condition"))


def return_(flow: Flow, node: Node) -> Work:
    """`return`, with or without a value."""
    yield flow.expressions.statement(node)
    flow.build.jump("return")


def throw(flow: Flow, node: Node) -> Work:
    """`throw a`."""
    yield flow.expressions.statement(node)
    flow.build.throw()


def break_(flow: Flow, node: Node) -> Work:
    """`break`; the label, where there is one, is its only part."""
    flow.leave(node, "break", next(iter(parts_of(node)), None))
    yield from ()


def continue_(flow: Flow, node: Node) -> Work:
    """`continue`, as `break_`."""
    flow.leave(node, "continue", next(iter(parts_of(node)), None))
    yield from ()
