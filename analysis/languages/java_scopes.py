"""Scopes and names of one Java file.

Variables, methods and types have a space each; overloads of a class are one symbol. What a class inherits is known as
far as its superclasses stand in the file: a name inherited from elsewhere is bound to what is called so around the
class, or to nothing. Constructors have no name of their own, and the class of `a.new B()` is a member. A pattern's
variable is seen where it has matched, by the shape of the condition.
"""

from tree_sitter import Node, Tree

from analysis.languages.block_scopes import ANY, LABEL, METHOD, TYPE, VALUE, Binder, Handler, field, passed_over
from analysis.languages.java_patterns import where_it_matched
from analysis.scopes import Names, Scope

KINDS = {
    "variable": VALUE, "parameter": VALUE, "function": METHOD, "class": TYPE, "type": TYPE, "import": TYPE,
    "label": LABEL,
}  # fmt: skip
NAMES = frozenset(["identifier", "type_identifier"])


def names(tree: Tree, source: bytes) -> Names:
    """Every name of a file, bound."""
    return Binder(source, HANDLERS, KINDS, merges=False).run(tree)


def _reference(binder: Binder, node: Node, scope: Scope) -> None:
    binder.refer(node, scope)


def _type_reference(binder: Binder, node: Node, scope: Scope) -> None:
    if binder.source[node.start_byte : node.end_byte] != b"var":
        binder.refer(node, scope, space=TYPE)


def _first(binder: Binder, node: Node | None, scope: Scope, space: int = VALUE | TYPE) -> None:
    """Of `a.b.c` only `a` is looked for."""
    while node is not None and node.type in ("scoped_type_identifier", "scoped_identifier"):
        node = node.named_child(0)
    if node is not None and node.type in NAMES:
        binder.refer(node, scope, space=space)
    else:
        binder.walk((node, scope))


def _qualified(binder: Binder, node: Node, scope: Scope) -> None:
    _first(binder, node, scope, TYPE)


def _field_access(binder: Binder, node: Node, scope: Scope) -> None:
    _first(binder, field(node, "object"), scope)


def _method_reference(binder: Binder, node: Node, scope: Scope) -> None:
    _first(binder, node.named_child(0), scope)


def _call(binder: Binder, node: Node, scope: Scope) -> None:
    """Without an object, a method of the classes around."""
    name, target = field(node, "name"), field(node, "object")
    if target is not None:
        _first(binder, target, scope)
    elif name is not None:
        binder.refer(name, scope, space=METHOD)
    binder.walk((field(node, "type_arguments"), scope), (field(node, "arguments"), scope))


def _annotation(binder: Binder, node: Node, scope: Scope) -> None:
    _first(binder, field(node, "name"), scope, TYPE)
    arguments = field(node, "arguments")
    for argument in arguments.named_children if arguments is not None else ():
        binder.walk((field(argument, "value") if argument.type == "element_value_pair" else argument, scope))


def _import(binder: Binder, node: Node, scope: Scope) -> None:
    """A static one may be of a variable, a method, a type, or of all of them."""
    if any(child.type == "asterisk" for child in node.named_children):
        return
    written = next(iter(node.named_children), None)
    name = field(written, "name") if written is not None and written.type == "scoped_identifier" else written
    if name is not None and name.type == "identifier":
        static = any(child.type == "static" for child in node.children)
        symbol = binder.symbol(binder.text(name), "import", scope, ANY if static else TYPE)
        binder.place(symbol, "store", name.start_byte, name.end_byte, scope)


def _class(binder: Binder, node: Node, scope: Scope) -> None:
    """Its members are known in its body alone, its type parameters in its head too."""
    name, parameters = field(node, "name"), field(node, "type_parameters")
    title = binder.text(name) if name is not None else ""
    if name is not None:
        binder.declare(name, "class", scope, since=0 if scope.kind in ("class", "module") else node.start_byte)
    head = binder.open("types", node, scope, title) if parameters is not None else scope
    inside = binder.open("class", node, head, title)
    if name is not None and title:
        binder.bodies[binder.symbol(title, "class", scope)] = inside
    heritage = [child for child in node.named_children if child.type in HERITAGE]
    binder.bases[inside] = [(path, head) for child in heritage for path in _paths(binder, child)]
    for child in reversed(node.named_children):
        if child.type == "formal_parameters":  # of a record
            for component in child.named_children:
                _variable(binder, component, inside, "variable")
        elif child != name:
            binder.walk(
                (child, inside if child == field(node, "body") else scope if child.type == "modifiers" else head)
            )


HERITAGE = frozenset(["superclass", "super_interfaces", "extends_interfaces", "type_list"])


def _paths(binder: Binder, heritage: Node) -> list[list[str]]:
    """`a.B` of `extends a.B<C>, D` as its parts, and `D`."""
    paths, waiting = [], [heritage]
    while waiting:
        node = waiting.pop()
        if node.type in HERITAGE:
            waiting += node.named_children
        elif node.type in ("generic_type", "annotated_type"):
            waiting += node.named_children[:1] if node.type == "generic_type" else node.named_children[-1:]
        elif node.type in ("type_identifier", "scoped_type_identifier"):
            paths.append(binder.text(node).replace(" ", "").split("."))
    return paths


def _creation(binder: Binder, node: Node, scope: Scope) -> None:
    """`new A(…)`, with a class of its own where it has a body. The class of `a.new B()` is a member of another."""
    kind = field(node, "type")
    qualified = kind is not None and any(
        child.type == "." for child in node.children if child.end_byte <= kind.start_byte
    )
    for child in reversed(node.named_children):
        if child.type == "class_body":
            inside = binder.open("class", child, scope)
            paths = _paths(binder, kind) if kind is not None and not qualified else []
            binder.bases[inside] = [(path, scope) for path in paths]
            binder.walk_all(child.named_children, inside)
        elif child != kind or not qualified:
            binder.walk((child, scope))


def _enum_constant(binder: Binder, node: Node, scope: Scope) -> None:
    name, body = field(node, "name"), field(node, "body")
    if name is not None:
        binder.declare(name, "variable", scope)
    binder.walk((field(node, "arguments"), scope))
    if body is not None:  # a class inside that of the enum, whose members it sees anyway
        binder.walk_all(body.named_children, binder.open("class", body, scope))


def _type_parameter(binder: Binder, node: Node, scope: Scope) -> None:
    name = next((child for child in node.named_children if child.type in NAMES), None)
    if name is not None:
        binder.declare(name, "type", scope, "declare")
    binder.walk_all([child for child in node.named_children if child != name], scope)


def _function(binder: Binder, node: Node, scope: Scope) -> None:
    name, body = field(node, "name"), field(node, "body")
    if name is not None and node.type in ("method_declaration", "annotation_type_element_declaration"):
        binder.declare(name, "function", scope, "declare" if body is None else "store")
    inside = binder.open("function", node, scope, binder.text(name) if name is not None else "")
    for child in reversed(node.named_children):
        if child.type == "formal_parameters":
            for parameter in child.named_children:
                _variable(binder, parameter, inside, "parameter")
        elif child == body:
            binder.walk_all(body.named_children, inside)
        elif child != name:
            binder.walk((child, scope if child.type == "modifiers" else inside))


def _lambda(binder: Binder, node: Node, scope: Scope) -> None:
    inside = binder.open("lambda", node, scope)
    parameters, body = field(node, "parameters"), field(node, "body")
    if body is not None:
        binder.walk_all(body.named_children if body.type == "block" else [body], inside)
    if parameters is not None and parameters.type == "identifier":
        binder.declare(parameters, "parameter", inside)
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type == "identifier":
            binder.declare(parameter, "parameter", inside)
        else:
            _variable(binder, parameter, inside, "parameter")


def _variable(binder: Binder, node: Node, scope: Scope, kind: str, since: int = 0) -> None:
    """One declaration of one or more; a local one is seen from its name on, its own value included."""
    holders = [child for child in node.named_children if child.type == "variable_declarator"] or [node]
    found = []
    for holder in holders:
        name, value = field(holder, "name"), field(holder, "value")
        if name is not None and name.type == "identifier":
            role = "store" if value is not None or kind == "parameter" or holder is node else "declare"
            binder.declare(name, kind, scope, role, since=name.start_byte if since else 0)
        found.append(name)
        if holder is not node:
            binder.walk((value, scope))
    binder.walk_all([child for child in node.named_children if child not in (*holders, *found)], scope)


def _field(binder: Binder, node: Node, scope: Scope) -> None:
    _variable(binder, node, scope, "variable")


def _local(binder: Binder, node: Node, scope: Scope) -> None:
    _variable(binder, node, scope, "variable", since=1)


def _block(binder: Binder, node: Node, scope: Scope) -> None:
    binder.walk_all(node.named_children, binder.open("block", node, scope))


def _for_each(binder: Binder, node: Node, scope: Scope) -> None:
    inside = binder.open("block", node, scope)
    name = field(node, "name")
    if name is not None:
        binder.declare(name, "variable", inside)
    value = field(node, "value")
    binder.walk((value, scope))
    binder.walk_all([child for child in node.named_children if child not in (name, value)], inside)


def _try(binder: Binder, node: Node, scope: Scope) -> None:
    """What is opened is known to what is tried, and not to the handlers."""
    inside = binder.open("block", node, scope)
    for child in reversed(node.named_children):
        tried = child.type == "resource_specification" or child == field(node, "body")
        binder.walk((child, inside if tried else scope))


def _catch(binder: Binder, node: Node, scope: Scope) -> None:
    inside = binder.open("block", node, scope)
    for child in reversed(node.named_children):
        if child.type == "catch_formal_parameter":
            _variable(binder, child, inside, "parameter")
        else:
            binder.walk((child, inside))


def _group(binder: Binder, node: Node, scope: Scope) -> None:
    """Statements behind `case` share the block of the switch, but for what a pattern binds."""
    if any(part.type == "pattern" for label in node.named_children for part in label.named_children):
        scope = binder.open("block", node, scope)
    binder.walk_all(node.named_children, scope)


def _label_of_case(binder: Binder, node: Node, scope: Scope) -> None:
    for child in node.named_children:
        if child.type == "pattern":
            for name in _bound(binder, child, scope):
                binder.declare(name, "variable", scope)
        elif child.type != "identifier" or binder.text(child) != "default":
            binder.walk((child, scope))


def _bound(binder: Binder, pattern: Node, scope: Scope) -> list[Node]:
    """The names that a pattern binds; its types are walked."""
    found, waiting = [], [pattern]
    while waiting:
        node = waiting.pop()
        if node.type in ("type_pattern", "record_pattern_component"):
            *kinds, name = node.named_children or [node]
            if name.type == "identifier":
                found.append(name)
                binder.walk_all(kinds, scope)
            else:
                waiting += node.named_children
        elif node.type == "record_pattern":
            _first(binder, node.named_child(0), scope, TYPE)
            waiting += node.named_children[1:]
        elif node.type in ("pattern", "record_pattern_body"):
            waiting += node.named_children
        elif node != pattern:
            binder.walk((node, scope))
    return found


def _instance(binder: Binder, node: Node, scope: Scope) -> None:
    name, pattern = field(node, "name"), field(node, "pattern")
    found = [name] if name is not None else _bound(binder, pattern, scope) if pattern is not None else []
    if found:
        parts = where_it_matched(node)
        for one in found:
            binder.declare_in_parts(one, "variable", scope, parts)
    binder.walk_all([child for child in node.named_children if child not in (name, pattern)], scope)


def _assignment(binder: Binder, node: Node, scope: Scope) -> None:
    left = field(node, "left") or node.named_child(0)
    binder.walk((field(node, "right"), scope))
    if left is not None and left.type == "identifier":
        plain = node.type == "assignment_expression" and any(child.type == "=" for child in node.children)
        binder.refer(left, scope, "store" if plain else "update")
    else:
        binder.walk((left, scope))


def _labelled(binder: Binder, node: Node, scope: Scope) -> None:
    inside = binder.open("block", node, scope)
    label, *statement = node.named_children
    if label.type == "identifier":
        binder.declare(label, "label", inside, "declare")
    binder.walk_all(statement, inside)


def _jump(binder: Binder, node: Node, scope: Scope) -> None:
    for label in node.named_children:
        if label.type == "identifier":
            binder.refer(label, scope, space=LABEL)


CLASSES = (
    "class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
    "annotation_type_declaration",
)  # fmt: skip
FUNCTIONS = (
    "method_declaration", "constructor_declaration", "compact_constructor_declaration",
    "annotation_type_element_declaration",
)  # fmt: skip
HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("line_comment", "block_comment", "package_declaration", "receiver_parameter"), passed_over),
    "module_declaration": passed_over,
    **dict.fromkeys(CLASSES, _class),
    **dict.fromkeys(FUNCTIONS, _function),
    **dict.fromkeys(("field_declaration", "constant_declaration"), _field),
    **dict.fromkeys(("local_variable_declaration", "resource"), _local),
    **dict.fromkeys(("block", "constructor_body", "for_statement", "switch_block", "switch_rule"), _block),
    **dict.fromkeys(("annotation", "marker_annotation"), _annotation),
    **dict.fromkeys(("assignment_expression", "update_expression"), _assignment),
    **dict.fromkeys(("break_statement", "continue_statement"), _jump),
    **dict.fromkeys(("scoped_type_identifier", "scoped_identifier"), _qualified),
    "identifier": _reference,
    "type_identifier": _type_reference,
    "field_access": _field_access,
    "method_invocation": _call,
    "method_reference": _method_reference,
    "import_declaration": _import,
    "object_creation_expression": _creation,
    "enum_constant": _enum_constant,
    "type_parameter": _type_parameter,
    "lambda_expression": _lambda,
    "enhanced_for_statement": _for_each,
    "try_with_resources_statement": _try,
    "catch_clause": _catch,
    "switch_block_statement_group": _group,
    "switch_label": _label_of_case,
    "instanceof_expression": _instance,
    "labeled_statement": _labelled,
}  # fmt: skip
