"""Control flow of Java.

A class, and a lambda, is one step where it stands. An exception may be taken by any handler, in their order: which one
fits is not known. What `try` opens is closed by a step, `close`, on every way out of it.
"""

from collections.abc import Iterator

from tree_sitter import Node

from analysis.flow import Graph, Step
from analysis.flow_builder import Around, Work
from analysis.languages import block_flow
from analysis.languages import block_statements as statements
from analysis.languages.block_expressions import Grammar, parts_of
from analysis.languages.block_flow import Case, Dialect, Flow, Handler

LOOPS = frozenset(["for_statement", "enhanced_for_statement", "while_statement", "do_statement", "switch_expression"])
EVERYTHING = frozenset(["Throwable", "java.lang.Throwable"])
YIELD = "yield"


def flow(node: Node, source: bytes) -> Graph:
    """The flow of a method's node, or of a file's root."""
    return block_flow.flow(DIALECT, node, source)


def flows(root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a file and of each method and lambda in it, all of those without a name."""
    return block_flow.flows(DIALECT, root, source)


def _if(flow: Flow, node: Node) -> Work:
    consequence, otherwise = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    yield flow.branch(node.child_by_field_name("condition"), consequence, otherwise)


def _for(flow: Flow, node: Node) -> Work:
    for first in node.children_by_field_name("init"):
        yield flow.expressions.statement(first)
    condition = node.child_by_field_name("condition")
    updates = node.children_by_field_name("update")
    yield flow.loop(condition, node.child_by_field_name("body"), updates, ever=condition is None)


def _for_each(flow: Flow, node: Node) -> Work:
    targets = node.children_by_field_name("name")
    yield flow.loop_over(node, targets, node.child_by_field_name("value"), node.child_by_field_name("body"))


def _switch_statement(flow: Flow, node: Node) -> Work:
    yield _switch(flow, node, exhaustive=False)


def _switch_value(flow: Flow, node: Node) -> Work:
    """A switch as an expression: one of its cases gives its value."""
    yield _switch(flow, node, exhaustive=True)


def _switch(flow: Flow, node: Node, *, exhaustive: bool) -> Work:
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is not None:
        yield flow.expressions.evaluate(condition)
    cases, falls = [], False
    for clause in parts_of(body) if body is not None else ():
        labels = [part for part in parts_of(clause) if part.type == "switch_label"]
        statements = [part for part in parts_of(clause) if part.type != "switch_label"]
        falls = falls or clause.type == "switch_block_statement_group"
        texts = [flow.expressions.text(label).removeprefix("case").strip() for label in labels]
        values = [part for label in labels for part in parts_of(label)]
        patterns = [part for part in values if part.type == "pattern"]
        guard = next((part for part in values if part.type == "guard"), None)
        cases.append(
            Case(
                ", ".join(texts),
                statements,
                default=any(text.split(",")[-1].strip() == "default" for text in texts),
                bound=tuple(patterns),
                guard=guard.named_child(0) if guard is not None else None,
            )
        )
    yield flow.switch(node, cases, falls=falls, exhaustive=exhaustive, label=YIELD if exhaustive else "")


def _try(flow: Flow, node: Node) -> Work:
    handlers, last = [], None
    for clause in parts_of(node):
        if clause.type == "catch_clause":
            caught = next((part for part in parts_of(clause) if part.type == "catch_formal_parameter"), None)
            kind = next((part for part in parts_of(caught) if part.type == "catch_type"), None) if caught else None
            text = flow.expressions.text(kind) if kind is not None else ""
            name = caught.child_by_field_name("name") if caught is not None else None
            condition = "" if text in EVERYTHING else text
            handlers.append(Handler(clause, clause.child_by_field_name("body"), name, condition))
        elif clause.type == "finally_clause":
            last = next(iter(parts_of(clause)), None)
    yield flow.attempt(lambda: _tried(flow, node), handlers, last)


def _tried(flow: Flow, node: Node) -> Work:
    build = flow.build
    opened: list[tuple[Around, Step]] = []
    resources = node.child_by_field_name("resources")
    dispatches = []
    for resource in parts_of(resources) if resources is not None else ():
        yield flow.expressions.statement(resource)
        closing = Step("close", resource.start_byte, resource.end_byte, ())
        dispatch = build.block()
        opened.append((build.enter_closing(closing, dispatch), closing))
        dispatches.append(dispatch)
        build.fresh()
    yield flow.statement(node.child_by_field_name("body"))
    for (around, closing), dispatch in zip(reversed(opened), reversed(dispatches), strict=True):
        behind = build.block()
        if build.here is not None:
            build.here.steps.append(closing)
            build.go(behind)
        build.leave(around)
        flow.close(closing, dispatch, recovers=False)
        build.start(behind)


def _synchronized(flow: Flow, node: Node) -> Work:
    for part in parts_of(node):
        if part != node.child_by_field_name("body"):
            yield flow.expressions.evaluate(part)
    flow.expressions.flush(node.type)
    yield flow.statement(node.child_by_field_name("body"))


def _yield(flow: Flow, node: Node) -> Work:
    yield flow.expressions.statement(node)
    flow.build.jump("break", YIELD)


def _labelled(flow: Flow, node: Node) -> Work:
    parts = parts_of(node)
    yield flow.labelled(next(iter(parts), None), next(iter(parts[1:]), None), LOOPS)


def _assert(flow: Flow, node: Node) -> Work:
    """As it is where assertions are enabled."""
    build, parts = flow.build, parts_of(node)
    behind, failed = build.block(), build.block()
    yield flow.expressions.condition(next(iter(parts), None), behind, failed)
    build.start(failed)
    for part in parts[1:]:
        yield flow.expressions.evaluate(part)
    flow.expressions.flush(node.type, node, raises=True)
    build.throw()
    build.start(behind)


def _expression(flow: Flow, node: Node) -> Work:
    inner = next(iter(parts_of(node)), None)
    if inner is not None and inner.type == "switch_expression":
        yield flow.statement(inner)
    else:
        yield flow.expressions.statement(node)


EXPRESSIONS = Grammar(
    functions=frozenset(
        [
            "method_declaration", "constructor_declaration", "compact_constructor_declaration", "lambda_expression",
        ]
    ),
    effects=frozenset(
        ["method_invocation", "object_creation_expression", "assignment_expression", "update_expression"]
    ),
    assignments=frozenset(["assignment_expression", "variable_declarator", "resource"]),
    marks=frozenset(["switch_expression"]),
    ignored=frozenset(
        [
            "line_comment", "block_comment", "package_declaration", "import_declaration", "modifiers",
            "type_identifier", "generic_type", "scoped_type_identifier", "integral_type", "floating_point_type",
            "boolean_type", "array_type", "void_type", "dimensions", "type_arguments", ";",
        ]
    ),
    quiet=frozenset(
        [
            "identifier", "string_literal", "decimal_integer_literal", "hex_integer_literal", "null_literal", "true",
            "false", "this", "character_literal", "decimal_floating_point_literal",
        ]
    ),
    wrapping=frozenset(
        [
            "local_variable_declaration", "variable_declarator", "expression_statement", "assignment_expression",
            "return_statement", "parenthesized_expression",
        ]
    ),
)  # fmt: skip
DIALECT = Dialect(
    expressions=EXPRESSIONS,
    blocks=frozenset(["block", "constructor_body", "ERROR"]),
    statements={
        "if_statement": _if,
        "while_statement": statements.while_,
        "do_statement": statements.do_,
        "for_statement": _for,
        "enhanced_for_statement": _for_each,
        "switch_expression": _switch_statement,
        "try_statement": _try,
        "try_with_resources_statement": _try,
        "synchronized_statement": _synchronized,
        "return_statement": statements.return_,
        "throw_statement": statements.throw,
        "yield_statement": _yield,
        "break_statement": statements.break_,
        "continue_statement": statements.continue_,
        "labeled_statement": _labelled,
        "assert_statement": _assert,
        "expression_statement": _expression,
    },
    special={"switch_expression": _switch_value},
)
