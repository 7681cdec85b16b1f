"""Control flow of Go.

What `defer` puts off is done in one step, `deferred`, on every way out of the function, whichever of it was reached;
a function that says `recover` goes on from there to its caller. `select` chooses one of its cases; without a default it
waits for one. A call of `panic` leaves by an exception; of `os.Exit` and the like nothing is known.
"""

from collections.abc import Iterator

from tree_sitter import Node

from analysis.flow import Graph, Step
from analysis.flow_builder import AWAITED, PLACED_LATER, Work
from analysis.languages import block_flow
from analysis.languages import block_statements as statements
from analysis.languages.block_expressions import Grammar, parts_of
from analysis.languages.block_flow import Case, Dialect, Flow

LOOPS = frozenset(["for_statement", "expression_switch_statement", "type_switch_statement", "select_statement"])
CASES = frozenset(["expression_case", "type_case", "default_case", "communication_case"])
LITERALS = ("func_literal",)


def flow(node: Node, source: bytes) -> Graph:
    """The flow of a function's node, or of a file's root."""
    return block_flow.flow(DIALECT, node, source)


def flows(root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a file and of each function in it, all of those without a name."""
    return block_flow.flows(DIALECT, root, source)


def _if(flow: Flow, node: Node) -> Work:
    if (first := node.child_by_field_name("initializer")) is not None:
        yield flow.expressions.statement(first)
    consequence, otherwise = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    yield flow.branch(node.child_by_field_name("condition"), consequence, otherwise)


def _for(flow: Flow, node: Node) -> Work:
    body = node.child_by_field_name("body")
    head = next((part for part in parts_of(node) if part != body), None)
    if head is not None and head.type == "range_clause":
        targets = node.children_by_field_name("left") or head.children_by_field_name("left")
        yield flow.loop_over(node, targets, head.child_by_field_name("right"), body)
        return
    if head is None or head.type != "for_clause":
        yield flow.loop(head, body, ever=head is None)
        return
    if (first := head.child_by_field_name("initializer")) is not None:
        yield flow.expressions.statement(first)
    condition = head.child_by_field_name("condition")
    yield flow.loop(condition, body, head.children_by_field_name("update"), ever=condition is None)


def _statements(clause: Node) -> list[Node]:
    return [one for part in clause.named_children if part.type == "statement_list" for one in part.named_children]


def _switch(flow: Flow, node: Node) -> Work:
    if (first := node.child_by_field_name("initializer")) is not None:
        yield flow.expressions.statement(first)
    for role in ("value", "alias"):
        if (part := node.child_by_field_name(role)) is not None:
            yield flow.expressions.evaluate(part)
    cases = []
    for clause in parts_of(node):
        if clause.type in CASES:
            compared = clause.children_by_field_name("value") + clause.children_by_field_name("type")
            compared = [one for one in compared if one.is_named]
            for one in compared if clause.type == "expression_case" else ():
                yield flow.expressions.evaluate(one)
            condition = ", ".join(flow.expressions.text(one) for one in compared) or "default"
            cases.append(Case(condition, _statements(clause), default=clause.type == "default_case"))
    yield flow.switch(node, cases, falls=False)


def _select(flow: Flow, node: Node) -> Work:
    cases = []
    for clause in parts_of(node):
        if clause.type in CASES:
            awaited = clause.child_by_field_name("communication")
            statements = ([awaited] if awaited is not None else []) + _statements(clause)
            cases.append(Case(flow.expressions.text(awaited) if awaited is not None else "default", statements))
    yield flow.switch(node, cases, falls=False, exhaustive=True)


def _fallthrough(flow: Flow, node: Node) -> Work:
    flow.build.step(node.type, node.start_byte, node.end_byte, (), raises=False)
    if flow.following is not None:
        flow.build.go(flow.following)
    yield from ()


def _goto(flow: Flow, node: Node) -> Work:
    build = flow.build
    build.step(node.type, node.start_byte, node.end_byte, (), raises=False)
    label = next(iter(parts_of(node)), None)
    if label is not None:
        build.go(flow.targets.setdefault(flow.expressions.text(label), build.block()), "goto")
    yield from ()


def _labelled(flow: Flow, node: Node) -> Work:
    build, label = flow.build, node.child_by_field_name("label")
    statement = next((part for part in parts_of(node) if part != label), None)
    if label is not None:
        block = flow.targets.setdefault(flow.expressions.text(label), build.block())
        build.go(block)
        if block.index == PLACED_LATER:
            block.index = AWAITED  # a `goto` may come to it yet
        if block.index == AWAITED:
            build.start(block)
    if statement is not None and statement.type in LOOPS:
        yield flow.labelled(label, statement, LOOPS)
    else:  # a goal of `goto` alone
        yield flow.statement(statement)


def _expression(flow: Flow, node: Node) -> Work:
    yield flow.expressions.statement(node)
    called = next(iter(parts_of(node)), None)
    if called is not None and called.type == "call_expression":
        function = called.child_by_field_name("function")
        if function is not None and function.text == b"panic":
            flow.build.throw()


def _deferred(node: Node, source: bytes) -> tuple[Step, bool] | None:
    """What the function itself puts off, not those in it."""
    body = node.child_by_field_name("body")
    if body is None or source.find(b"defer", body.start_byte, body.end_byte) < 0:
        return None
    found: list[Node] = []
    pending = [body]
    while pending:
        one = pending.pop()
        if one.type == "defer_statement":
            found.append(one)
        elif one.type not in LITERALS:
            pending += one.named_children[::-1]
    if not found:
        return None
    recovers = any(b"recover" in source[one.start_byte : one.end_byte] for one in found)
    return Step("deferred", found[0].start_byte, found[-1].end_byte, ()), recovers


EXPRESSIONS = Grammar(
    functions=frozenset(["function_declaration", "method_declaration", "func_literal"]),
    choices=frozenset(),
    effects=frozenset(["call_expression", "unary_expression"]),  # a receive is unary
    assignments=frozenset(
        ["assignment_statement", "short_var_declaration", "var_spec", "const_spec", "receive_statement"]
    ),
    ignored=frozenset(["comment", "empty_statement", "package_clause"]),
    quiet=frozenset(
        [
            "identifier", "interpreted_string_literal", "raw_string_literal", "int_literal", "float_literal",
            "rune_literal", "imaginary_literal", "nil", "true", "false", "iota", "import_declaration",
            "type_declaration", "type_identifier", "pointer_type", "slice_type", "map_type", "array_type",
            "qualified_type", "struct_type", "interface_type", "function_type", "channel_type", "generic_type",
            "parameter_list", "inc_statement", "dec_statement",
        ]
    ),
    wrapping=frozenset(
        [
            "var_declaration", "const_declaration", "var_spec_list", "var_spec", "const_spec", "expression_list",
            "return_statement", "assignment_statement", "short_var_declaration", "expression_statement",
            "parenthesized_expression",
        ]
    ),
)  # fmt: skip
DIALECT = Dialect(
    expressions=EXPRESSIONS,
    defined=frozenset(["function_declaration"]),
    hoisted=frozenset(["function_declaration", "method_declaration"]),
    blocks=frozenset(["block", "statement_list", "ERROR"]),
    statements={
        "if_statement": _if,
        "for_statement": _for,
        "expression_switch_statement": _switch,
        "type_switch_statement": _switch,
        "select_statement": _select,
        "fallthrough_statement": _fallthrough,
        "return_statement": statements.return_,
        "break_statement": statements.break_,
        "continue_statement": statements.continue_,
        "goto_statement": _goto,
        "labeled_statement": _labelled,
        "expression_statement": _expression,
    },
    closing=_deferred,
)
