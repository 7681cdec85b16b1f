"""Scopes and names of what TypeScript adds: types in a space of their own, enums, namespaces, ambient declarations.

Equal names of one scope are one symbol (declaration merging), found in the space of types, of values, or in both. What
one part of a namespace exports is not seen in another part.
"""

from tree_sitter import Node, Tree

from analysis.languages.block_scopes import TYPE, Binder, Handler, field, passed_over
from analysis.languages.ecmascript_scopes import HANDLERS as SHARED
from analysis.languages.ecmascript_scopes import KINDS, signature
from analysis.scopes import Names, Scope

CONDITIONAL = "infer"  # the name of the scope of a conditional type, which `infer U` binds in


def names(tree: Tree, source: bytes) -> Names:
    """Every name of a file, bound."""
    return Binder(source, HANDLERS, KINDS, merges=True).run(tree)


def _type_reference(binder: Binder, node: Node, scope: Scope) -> None:
    if binder.source[node.start_byte : node.end_byte] != b"bigint":  # to the grammar a name like any other
        binder.refer(node, scope, space=TYPE)


def _qualified_type(binder: Binder, node: Node, scope: Scope) -> None:
    """Of `a.b.C` only `a` is looked for."""
    first: Node | None = node
    while first is not None and first.type in ("nested_type_identifier", "nested_identifier", "member_expression"):
        first = field(first, "module") or field(first, "object")
    if first is not None and first.type == "identifier":
        binder.refer(first, scope, space=TYPE)
    else:
        binder.walk((first, scope))


def _type_signature(binder: Binder, node: Node, scope: Scope) -> None:
    """A function without a body: a type of its own."""
    binder.walk((field(node, "name"), scope))
    signature(binder, node, binder.open("types", node, scope))


def _tuple_member(binder: Binder, node: Node, scope: Scope) -> None:
    """`first: A` of `[first: A, second?: B]` names nothing."""
    binder.walk((field(node, "type"), scope))


def _types(binder: Binder, node: Node, scope: Scope) -> None:
    """An interface or a type alias."""
    name = field(node, "name")
    inside = binder.open("types", node, scope, binder.text(name) if name is not None else "")
    if name is not None:
        binder.declare(name, "type", scope, "declare")
    binder.walk_all([child for child in node.named_children if child != name], inside)


def _type_parameter(binder: Binder, node: Node, scope: Scope) -> None:
    name = field(node, "name")
    if name is not None:
        binder.declare(name, "type", scope, "declare")
    binder.walk_all([child for child in node.named_children if child != name], scope)


def _conditional(binder: Binder, node: Node, scope: Scope) -> None:
    """What `infer` binds is known but in the false branch."""
    inside = binder.open("types", node, scope, CONDITIONAL)
    parts = [(field(node, name), inside) for name in ("left", "right", "consequence")]
    binder.walk(*parts, (field(node, "alternative"), scope))


def _infer(binder: Binder, node: Node, scope: Scope) -> None:
    around = scope
    while around.name != CONDITIONAL and around.parent is not None:
        around = around.parent
    for child in node.named_children:
        if child.type == "type_identifier":
            binder.declare(child, "type", around if around.name == CONDITIONAL else scope, "declare", at=scope)
        else:
            binder.walk((child, scope))


def _index_signature(binder: Binder, node: Node, scope: Scope) -> None:
    """`[key: string]: T` binds nothing; `[K in T]: U` binds K."""
    name = field(node, "name")
    mapped = next((child for child in node.named_children if child.type == "mapped_type_clause"), None)
    if mapped is not None:
        scope = binder.open("types", node, scope)
        key = field(mapped, "name")
        if key is not None:
            binder.declare(key, "type", scope, "declare")
        binder.walk_all([child for child in mapped.named_children if child != key], scope)
    binder.walk_all([child for child in node.named_children if child not in (name, mapped)], scope)


def _enum(binder: Binder, node: Node, scope: Scope) -> None:
    name, body = field(node, "name"), field(node, "body")
    if name is not None:
        binder.declare(name, "class", scope)
    inside = binder.open("class", node, scope, binder.text(name) if name is not None else "")
    for member in body.named_children if body is not None else ():
        key = field(member, "name") if member.type == "enum_assignment" else member
        binder.walk((field(member, "value"), inside))
        if key is not None and key.type == "property_identifier":
            binder.declare(key, "variable", inside, "store")


def _namespace(binder: Binder, node: Node, scope: Scope) -> None:
    name, body = field(node, "name"), field(node, "body")
    first = name
    while first is not None and first.type == "nested_identifier":
        first = field(first, "object")
    if first is not None and first.type == "identifier":
        binder.declare(first, "namespace", scope, "declare")
    if body is not None:
        title = binder.text(name) if name is not None else ""
        binder.walk_all(body.named_children, binder.open("namespace", node, scope, title))


def _ambient(binder: Binder, node: Node, scope: Scope) -> None:
    """`declare global { … }` is a scope; other declarations stand where they are written."""
    for child in reversed(node.named_children):
        if child.type == "statement_block":
            binder.walk_all(child.named_children, binder.open("namespace", node, scope, "global"))
        else:
            binder.walk((child, scope))


def _import_alias(binder: Binder, node: Node, scope: Scope) -> None:
    """`import a = b.c`."""
    name, *aliased = node.named_children
    if name.type == "identifier":
        binder.declare(name, "import", scope)
    for child in aliased:
        _qualified_type(binder, child, scope)


HANDLERS: dict[str, Handler] = {
    **SHARED,
    **dict.fromkeys(
        (
            "function_type", "constructor_type", "call_signature", "construct_signature", "method_signature",
            "abstract_method_signature",
        ),
        _type_signature,
    ),
    **dict.fromkeys(("interface_declaration", "type_alias_declaration"), _types),
    **dict.fromkeys(("internal_module", "module"), _namespace),
    **dict.fromkeys(("required_parameter", "optional_parameter"), _tuple_member),
    "literal_type": passed_over,
    "type_identifier": _type_reference,
    "nested_type_identifier": _qualified_type,
    "type_parameter": _type_parameter,
    "conditional_type": _conditional,
    "infer_type": _infer,
    "index_signature": _index_signature,
    "import_alias": _import_alias,
    "enum_declaration": _enum,
    "ambient_declaration": _ambient,
}  # fmt: skip
