"""Control flow of JavaScript and TypeScript.

`await` and `yield` are steps like others. A class is one step, its fields with it. What a switch compares with is
evaluated in one step with what it compares. Declarations of functions are done where their block begins.
"""

from collections.abc import Iterator

from tree_sitter import Node

from analysis.flow import Graph
from analysis.flow_builder import Work
from analysis.languages import block_flow
from analysis.languages import block_statements as statements
from analysis.languages.block_expressions import Grammar, parts_of
from analysis.languages.block_flow import Case, Dialect, Flow, Handler

LOOPS = frozenset(["for_statement", "for_in_statement", "while_statement", "do_statement", "switch_statement"])


def flow(node: Node, source: bytes) -> Graph:
    """The flow of a function's node, or of a module's root."""
    return block_flow.flow(DIALECT, node, source)


def flows(root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a module and of each function in it, all of those without a name."""
    return block_flow.flows(DIALECT, root, source)


def _if(flow: Flow, node: Node) -> Work:
    otherwise = node.child_by_field_name("alternative")
    if otherwise is not None and otherwise.type == "else_clause":
        otherwise = next(iter(parts_of(otherwise)), None)
    yield flow.branch(node.child_by_field_name("condition"), node.child_by_field_name("consequence"), otherwise)


def _for(flow: Flow, node: Node) -> Work:
    first, condition = node.child_by_field_name("initializer"), node.child_by_field_name("condition")
    if first is not None and first.type != "empty_statement":
        yield flow.expressions.statement(first)
    ever = condition is None or condition.type == "empty_statement"
    updates = node.children_by_field_name("increment")
    yield flow.loop(condition, node.child_by_field_name("body"), updates, ever=ever)


def _for_in(flow: Flow, node: Node) -> Work:
    targets = node.children_by_field_name("left")
    yield flow.loop_over(node, targets, node.child_by_field_name("right"), node.child_by_field_name("body"))


def _switch(flow: Flow, node: Node) -> Work:
    value, body = node.child_by_field_name("value"), node.child_by_field_name("body")
    cases = []
    if value is not None:
        yield flow.expressions.evaluate(value)
    for clause in body.named_children if body is not None else ():
        if clause.type in ("switch_case", "switch_default"):
            compared = clause.child_by_field_name("value")
            if compared is not None:
                yield flow.expressions.evaluate(compared)
            statements = clause.children_by_field_name("body")
            text = flow.expressions.text(compared) if compared is not None else "default"
            cases.append(Case(text, statements, default=clause.type == "switch_default"))
    yield flow.switch(node, cases, falls=True)


def _try(flow: Flow, node: Node) -> Work:
    handler, last = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
    handlers = []
    if handler is not None:
        parameter = handler.child_by_field_name("parameter")
        handlers.append(Handler(handler, handler.child_by_field_name("body"), parameter))
    last = last.child_by_field_name("body") if last is not None else None
    yield flow.attempt(lambda: flow.statement(node.child_by_field_name("body")), handlers, last)


def _break(flow: Flow, node: Node) -> Work:
    flow.leave(node, "break", node.child_by_field_name("label"))
    yield from ()


def _continue(flow: Flow, node: Node) -> Work:
    flow.leave(node, "continue", node.child_by_field_name("label"))
    yield from ()


def _labelled(flow: Flow, node: Node) -> Work:
    yield flow.labelled(node.child_by_field_name("label"), node.child_by_field_name("body"), LOOPS)


def _export(flow: Flow, node: Node) -> Work:
    declaration = node.child_by_field_name("declaration")
    if declaration is not None:
        yield flow.statement(declaration)
    else:
        yield flow.expressions.statement(node)


def _with(flow: Flow, node: Node) -> Work:
    if (target := node.child_by_field_name("object")) is not None:
        yield flow.expressions.evaluate(target)
        flow.expressions.flush(node.type)
    yield flow.statement(node.child_by_field_name("body"))


def _namespace(flow: Flow, node: Node) -> Work:
    yield flow.statement(node.child_by_field_name("body"))


def _call(flow: Flow, node: Node) -> Work | None:
    """`a?.b(c)`: behind `?.` nothing is done where `a` is null or undefined."""
    link: Node | None = node
    while link is not None and link.child_by_field_name("optional_chain") is None:
        link = _inner(link)
        if link is not None and link.type not in CHAIN:
            return None
    first = _inner(link) if link is not None else None
    return _chain(flow, node, first) if first is not None else None


def _inner(link: Node) -> Node | None:
    return link.child_by_field_name("object") or link.child_by_field_name("function")


def _chain(flow: Flow, node: Node, first: Node) -> Work:
    build = flow.build
    there, behind = build.block(), build.block()
    yield flow.expressions.evaluate(first)
    flow.expressions.flush(first.type)
    build.branch(there, behind, f"{flow.expressions.text(first)}?.")
    build.start(there)
    part: Node | None = node
    rest: list[Node] = []
    while part is not None and part != first:
        rest += [one for role in ("arguments", "index") for one in part.children_by_field_name(role)]
        part = _inner(part)
    for one in reversed(rest):
        yield flow.expressions.evaluate(one)
    flow.expressions.flush(node.type, node, raises=True)
    build.go(behind)
    build.start(behind)


CHAIN = frozenset(["call_expression", "member_expression", "subscript_expression", "non_null_expression"])
EXPRESSIONS = Grammar(
    functions=frozenset(
        [
            "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
            "arrow_function", "method_definition",
        ]
    ),
    effects=frozenset(
        [
            "call_expression", "new_expression", "assignment_expression", "augmented_assignment_expression",
            "update_expression", "await_expression", "yield_expression",
        ]
    ),
    assignments=frozenset(["assignment_expression", "augmented_assignment_expression", "variable_declarator"]),
    marks=frozenset(["optional_chain"]),
    ignored=frozenset(
        [
            "comment", "empty_statement", "debugger_statement", "interface_declaration", "type_alias_declaration",
            "ambient_declaration", "function_signature", "hash_bang_line", "html_comment", "type_annotation",
            "type_arguments", "type_parameters",
        ]
    ),
    quiet=frozenset(
        ["identifier", "string", "number", "true", "false", "null", "undefined", "this", "regex", "import_statement"]
    ),
    wrapping=frozenset(
        [
            "lexical_declaration", "variable_declaration", "variable_declarator", "expression_statement",
            "return_statement", "parenthesized_expression", "assignment_expression", "augmented_assignment_expression",
            "export_statement",
        ]
    ),
)  # fmt: skip
DIALECT = Dialect(
    expressions=EXPRESSIONS,
    defined=frozenset(["function_declaration", "generator_function_declaration"]),
    hoisted=frozenset(["function_declaration", "generator_function_declaration"]),
    blocks=frozenset(["statement_block", "ERROR"]),
    statements={
        "if_statement": _if,
        "while_statement": statements.while_,
        "do_statement": statements.do_,
        "for_statement": _for,
        "for_in_statement": _for_in,
        "switch_statement": _switch,
        "try_statement": _try,
        "return_statement": statements.return_,
        "throw_statement": statements.throw,
        "break_statement": _break,
        "continue_statement": _continue,
        "labeled_statement": _labelled,
        "export_statement": _export,
        "with_statement": _with,
        "internal_module": _namespace,
        "module": _namespace,
    },
    special={"call_expression": _call},
)
