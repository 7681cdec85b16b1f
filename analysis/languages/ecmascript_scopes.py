"""Scopes and names of JavaScript, JSX included, and of what TypeScript shares with it.

A name means what the specification's static rules say. Not followed: `with`, direct `eval` and the sloppy mode's copy
of a block's function into the function around it.
"""

from tree_sitter import Node, Tree

from analysis.languages.block_scopes import ANY, LABEL, TYPE, VALUE, Binder, Handler, field, passed_over
from analysis.scopes import Names, Scope

KINDS = {
    "variable": VALUE, "parameter": VALUE, "function": VALUE, "class": VALUE | TYPE, "import": VALUE | TYPE,
    "namespace": VALUE | TYPE, "type": TYPE, "label": LABEL,
}  # fmt: skip
HOISTING = frozenset(["module", "function", "lambda", "namespace"])  # kinds of scope that `var` rises to
NAMES = frozenset(["identifier", "shorthand_property_identifier_pattern", "undefined"])
AROUND = frozenset(["parenthesized_expression", "non_null_expression", "as_expression", "satisfies_expression"])


def names(tree: Tree, source: bytes) -> Names:
    """Every name of a file, bound."""
    return Binder(source, HANDLERS, KINDS, merges=True).run(tree)


def _targets(
    binder: Binder, pattern: Node, at: Scope, role: str, into: Scope | None = None, *, kind: str = "variable"
) -> None:
    """What a pattern gives values to: declared in `into`, or, where that is None, assigned to wherever it is."""
    waiting = [pattern]
    while waiting:
        node = waiting.pop()
        if node.type in NAMES:
            if into is None:
                binder.refer(node, at, role)
            else:
                binder.declare(node, kind, into, role, at=at)
        elif node.type in ("object_pattern", "array_pattern", "rest_pattern"):
            waiting.extend(reversed(node.named_children))
        elif node.type in ("assignment_pattern", "object_assignment_pattern"):
            waiting.extend(node.children_by_field_name("left"))
            binder.walk((field(node, "right"), at))
        elif node.type == "pair_pattern":
            waiting.extend(node.children_by_field_name("value"))
            binder.walk((field(node, "key"), at))
        elif into is None and node.type in AROUND:
            waiting.extend(node.named_children[:1])
            binder.walk_all(node.named_children[1:], at)
        else:
            binder.walk((node, at))


def _parameter(binder: Binder, pattern: Node, scope: Scope) -> None:
    _targets(binder, pattern, scope, "store", scope, kind="parameter")


def _hoisted(scope: Scope) -> Scope:
    while scope.kind not in HOISTING and scope.parent is not None:
        scope = scope.parent
    return scope


def _reference(binder: Binder, node: Node, scope: Scope) -> None:
    binder.refer(node, scope)
    if binder.source[node.start_byte : node.end_byte] == b"arguments":
        around = scope
        while around.kind != "function" and around.parent is not None:
            around = around.parent
        if around.kind == "function":
            binder.symbol("arguments", "variable", around)


def _declaration(binder: Binder, node: Node, scope: Scope) -> None:
    """`var`, `let`, `const`."""
    into = _hoisted(scope) if node.type == "variable_declaration" else scope
    for declarator in node.named_children:
        if declarator.type != "variable_declarator":
            binder.walk((declarator, scope))
            continue
        name, value = field(declarator, "name"), field(declarator, "value")
        binder.walk((field(declarator, "type"), scope), (value, scope))
        if name is not None:
            _targets(binder, name, scope, "declare" if value is None else "store", into)


def _assignment(binder: Binder, node: Node, scope: Scope) -> None:
    left = field(node, "left") or field(node, "argument")
    binder.walk((field(node, "right"), scope))
    if left is not None:
        _targets(binder, left, scope, "store" if node.type == "assignment_expression" else "update")


def _function(binder: Binder, node: Node, scope: Scope) -> None:
    """A declaration is named where it stands, an expression in a scope of its own around it."""
    name = field(node, "name")
    title = binder.text(name) if name is not None else ""
    if node.type in ("function_declaration", "generator_function_declaration", "function_signature"):
        if name is not None:
            binder.declare(name, "function", scope, "store" if field(node, "body") is not None else "declare")
    elif node.type in ("function_expression", "generator_function"):
        if name is not None:
            scope = binder.open("name", node, scope, title)
            binder.declare(name, "function", scope)
    else:  # a method, whose name is a property; a computed one is evaluated outside
        binder.walk((name, scope))
        binder.walk_all(node.children_by_field_name("decorator"), scope)
    kind = "lambda" if node.type == "arrow_function" else "function"
    body = field(node, "body")
    inside = binder.open(kind if body is not None else "types", node, scope, title)
    if body is not None:
        binder.inner[inside] = body.start_byte
        binder.walk_all(body.named_children if body.type == "statement_block" else [body], inside)
    signature(binder, node, inside)


def signature(binder: Binder, node: Node, inside: Scope) -> None:
    """Type parameters, parameters and what is returned."""
    alone = field(node, "parameter")
    if alone is not None:
        _parameter(binder, alone, inside)
    binder.walk(
        (field(node, "type_parameters"), inside), (field(node, "return_type"), inside), (field(node, "type"), inside)
    )
    parameters = field(node, "parameters")
    for parameter in parameters.named_children if parameters is not None else ():
        pattern: Node | None = parameter
        if parameter.type in ("required_parameter", "optional_parameter"):
            pattern = field(parameter, "pattern")
            binder.walk((field(parameter, "type"), inside), (field(parameter, "value"), inside))
            binder.walk_all(parameter.children_by_field_name("decorator"), inside)
        if pattern is not None:
            _parameter(binder, pattern, inside)


def _class(binder: Binder, node: Node, scope: Scope) -> None:
    """One symbol for its name, inside and outside; only that of an expression is known inside alone."""
    name = field(node, "name")
    inside = binder.open("class", node, scope, binder.text(name) if name is not None else "")
    if name is not None:
        binder.declare(name, "class", inside if node.type == "class" else scope)
    for child in reversed(node.named_children):
        if child != name:
            binder.walk((child, scope if child.type == "decorator" else inside))


def _static_block(binder: Binder, node: Node, scope: Scope) -> None:
    body = field(node, "body")
    if body is not None:
        binder.walk_all(body.named_children, binder.open("function", node, scope))


def _block(binder: Binder, node: Node, scope: Scope) -> None:
    binder.walk_all(node.named_children, binder.open("block", node, scope))


def _for(binder: Binder, node: Node, scope: Scope) -> None:
    initializer = field(node, "initializer")
    if initializer is not None and initializer.type == "lexical_declaration":
        scope = binder.open("block", node, scope)
    binder.walk_all(node.named_children, scope)


def _for_in(binder: Binder, node: Node, scope: Scope) -> None:
    left, kind = field(node, "left"), field(node, "kind")
    into = None
    if kind is not None:
        into = _hoisted(scope)
        if kind.type != "var":
            into = scope = binder.open("block", node, scope)
    binder.walk((field(node, "value"), scope), (field(node, "right"), scope), (field(node, "body"), scope))
    if left is not None:
        _targets(binder, left, scope, "store", into)


def _catch(binder: Binder, node: Node, scope: Scope) -> None:
    inside = binder.open("block", node, scope)
    parameter = field(node, "parameter")
    binder.walk((field(node, "type"), inside), (field(node, "body"), inside))
    if parameter is not None:
        _parameter(binder, parameter, inside)


def _switch(binder: Binder, node: Node, scope: Scope) -> None:
    binder.walk((field(node, "value"), scope), (field(node, "body"), binder.open("block", node, scope)))


def _labelled(binder: Binder, node: Node, scope: Scope) -> None:
    label, body = field(node, "label"), field(node, "body")
    if label is not None:
        inside = binder.open("block", node, scope)
        binder.declare(label, "label", inside, "declare")
        scope = scope if body is not None and body.type == "function_declaration" else inside
    binder.walk((body, scope))


def _label(binder: Binder, node: Node, scope: Scope) -> None:
    binder.refer(node, scope, space=LABEL)


def _import(binder: Binder, node: Node, scope: Scope) -> None:
    """The local name of each: `b` of `{ a as b }`."""
    if node.type == "import_specifier":
        name = field(node, "alias") or field(node, "name")
    else:
        name = next((child for child in node.named_children if child.type == "identifier"), None)
    if name is not None and name.type == "identifier":
        binder.declare(name, "import", scope)
    if node.type == "import_clause":
        binder.walk_all([child for child in node.named_children if child != name], scope)


def _export(binder: Binder, node: Node, scope: Scope) -> None:
    """`export { a as b }` names `a`; with a source, it names nothing here."""
    if field(node, "source") is not None:
        return
    for child in node.named_children:
        if child.type == "identifier":  # `export default a`, `export = a`: a value or a type
            binder.refer(child, scope, space=ANY)
        elif child.type == "export_clause":
            for specifier in child.named_children:
                name = field(specifier, "name")
                if name is not None and name.type == "identifier":
                    binder.refer(name, scope, space=ANY)
        else:
            binder.walk((child, scope))


def _tag(binder: Binder, node: Node, scope: Scope) -> None:
    """A small letter begins a tag of HTML, which is no name; a member's object always is one."""
    name = field(node, "name")
    binder.walk_all([child for child in node.named_children if child != name], scope)
    if name is not None and (name.type != "identifier" or not binder.text(name)[:1].islower()):
        binder.walk((name, scope))


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("identifier", "shorthand_property_identifier", "undefined"), _reference),
    **dict.fromkeys(("comment", "string", "regex", "namespace_export", "jsx_closing_element"), passed_over),
    **dict.fromkeys(("variable_declaration", "lexical_declaration"), _declaration),
    **dict.fromkeys(
        (
            "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
            "arrow_function", "method_definition", "function_signature",
        ),
        _function,
    ),
    **dict.fromkeys(("class_declaration", "abstract_class_declaration", "class"), _class),
    **dict.fromkeys(("assignment_expression", "augmented_assignment_expression", "update_expression"), _assignment),
    **dict.fromkeys(("import_clause", "namespace_import", "import_specifier", "import_require_clause"), _import),
    **dict.fromkeys(("jsx_opening_element", "jsx_self_closing_element"), _tag),
    "class_static_block": _static_block,
    "statement_block": _block,
    "for_statement": _for,
    "for_in_statement": _for_in,
    "catch_clause": _catch,
    "switch_statement": _switch,
    "labeled_statement": _labelled,
    "statement_identifier": _label,
    "export_statement": _export,
}  # fmt: skip
