"""Scopes and names of one Go file.

A file knows its own package's names alone: those of its other files, of a dot import and of the language itself are
bound to nothing. A key of a composite literal is a name where the literal's type, as this file tells it, is a map, a
slice or an array; of any other type it is taken for a field. Methods and fields belong to types, and are no names.
"""

import re

from tree_sitter import Node, Tree

from analysis.languages.block_scopes import LABEL, VALUE, Binder, Handler, field, passed_over
from analysis.scopes import Names, Scope

KINDS = {**dict.fromkeys(("variable", "parameter", "function", "type", "import"), VALUE), "label": LABEL}
NAMED = frozenset(["identifier", "nil", "true", "false", "iota"])  # the language's own are names like others
SPECS = frozenset(["type_spec", "type_alias"])
INDEXED = frozenset(["map_type", "slice_type", "array_type", "implicit_length_array_type"])
MOST_HOPS = 20  # from a type's name to what it stands for
_VERSION = re.compile(rb"v[0-9]+$")


def names(tree: Tree, source: bytes) -> Names:
    """Every name of a file, bound."""
    return Binder(source, HANDLERS, KINDS, merges=False).run(tree)


def _declare(binder: Binder, node: Node, kind: str, scope: Scope, role: str = "store", *, since: int = 0) -> None:
    """Of the package, it is known everywhere; of a block, from byte `since` on."""
    if binder.source[node.start_byte : node.end_byte] != b"_":
        binder.declare(node, kind, scope, role, since=0 if scope is binder.root else since)


def _reference(binder: Binder, node: Node, scope: Scope) -> None:
    if binder.source[node.start_byte : node.end_byte] != b"_":
        binder.refer(node, scope)


def _import(binder: Binder, node: Node, scope: Scope) -> None:
    """Named as said, else as the path's last part, where a version is none."""
    name, path = field(node, "name"), field(node, "path")
    if name is not None:
        if name.type == "package_identifier":
            _declare(binder, name, "import", scope)
    elif path is not None and path.named_child_count == 1 and (content := path.named_child(0)) is not None:
        parts = binder.source[content.start_byte : content.end_byte].split(b"/")
        while len(parts) > 1 and _VERSION.match(parts[-1]):
            parts.pop()
        name_in_path = parts[-1].split(b".")[0]
        start = content.start_byte + len(b"/".join(parts)) - len(parts[-1])
        symbol = binder.symbol(name_in_path.decode(errors="replace"), "import", scope)
        binder.place(symbol, "store", start, start + len(name_in_path), scope)


def _variables(binder: Binder, node: Node, scope: Scope) -> None:
    """`var` and `const`: known behind what is written."""
    value = field(node, "value")
    role = "declare" if value is None and node.type == "var_spec" else "store"
    binder.walk((field(node, "type"), scope), (value, scope))
    for name in node.children_by_field_name("name"):
        if name.is_named:
            _declare(binder, name, "variable", scope, role, since=node.end_byte)


def _type(binder: Binder, node: Node, scope: Scope) -> None:
    name, parameters = field(node, "name"), field(node, "type_parameters")
    inside = binder.open("types", node, scope, binder.text(name) if name is not None else "") if parameters else scope
    if name is not None:
        _declare(binder, name, "type", scope, "declare", since=name.start_byte)
    binder.walk((parameters, inside), (field(node, "type"), inside))


def _type_parameter(binder: Binder, node: Node, scope: Scope) -> None:
    for name in node.children_by_field_name("name"):
        if name.is_named:
            _declare(binder, name, "type", scope, "declare")
    binder.walk((field(node, "type"), scope))


def _function(binder: Binder, node: Node, scope: Scope) -> None:
    """Parameters are known in the body, which shares their scope, and not to their types."""
    name, body = field(node, "name"), field(node, "body")
    title = binder.text(name) if name is not None else ""
    if node.type == "function_declaration" and name is not None and title != "init":  # which nothing can name
        _declare(binder, name, "function", scope)
    inside = binder.open("types" if body is None else "function", node, scope, title)
    since = node.end_byte if body is None else body.start_byte
    if body is not None:
        binder.walk_all(body.named_children, inside)
    result = field(node, "result")
    for part in (field(node, "receiver"), field(node, "parameters"), result):
        if part is not None and part.type == "parameter_list":
            _parameters(binder, part, inside, since, receiver=part == field(node, "receiver"))
    if result is not None and result.type != "parameter_list":
        binder.walk((result, inside))
    binder.walk((field(node, "type_parameters"), inside))


def _parameters(binder: Binder, parameters: Node, inside: Scope, since: int, *, receiver: bool) -> None:
    for parameter in parameters.named_children:
        for name in parameter.children_by_field_name("name"):
            if name.is_named:
                _declare(binder, name, "parameter", inside, since=since)
        kind = field(parameter, "type")
        binder.walk((_received(binder, kind, inside) if receiver and kind is not None else kind, inside))


def _received(binder: Binder, kind: Node, inside: Scope) -> Node | None:
    """The receiver's type without its parameters: K of `T[K]` is bound here."""
    while kind.type in ("pointer_type", "parenthesized_type") and kind.named_child_count:
        kind = kind.named_children[0]
    if kind.type != "generic_type":
        return kind
    for argument in (field(kind, "type_arguments") or kind).named_children:
        name = argument.named_child(0) if argument.type == "type_elem" else None
        if name is not None and name.type == "type_identifier":
            _declare(binder, name, "type", inside, "declare")
    return field(kind, "type")


def _short(binder: Binder, left: Node | None, scope: Scope, since: int) -> None:
    """`:=` makes those variables that this very scope has not."""
    for name in left.named_children if left is not None else ():
        known = scope.symbols.get(binder.text(name)) if name.type in NAMED else None
        if name.type not in NAMED:
            binder.walk((name, scope))
        elif known is not None and known.kind != "label" and scope is not binder.root:
            binder.place(known, "store", name.start_byte, name.end_byte, scope)
        else:
            _declare(binder, name, "variable", scope, since=since)


def _assigned(binder: Binder, left: Node | None, scope: Scope, role: str) -> None:
    for name in left.named_children if left is not None else ():
        if name.type not in NAMED:
            binder.walk((name, scope))
        elif binder.text(name) != "_":
            binder.refer(name, scope, role)


def _left(binder: Binder, node: Node, scope: Scope) -> None:
    """A statement with a left side: `a := b`, `a = b`, `a += b`, `range`, a receiving case of `select`."""
    binder.walk((field(node, "right"), scope))
    left = field(node, "left")
    operators = {child.type for child in node.children if not child.is_named}
    if ":=" in operators:
        _short(binder, left, scope, node.end_byte)
    else:
        plain = node.type != "assignment_statement" or "=" in operators
        _assigned(binder, left, scope, "store" if plain else "update")


def _step(binder: Binder, node: Node, scope: Scope) -> None:
    """`a++`, `a--`."""
    _assigned(binder, node, scope, "update")


def _block(binder: Binder, node: Node, scope: Scope) -> None:
    binder.walk_all(node.named_children, binder.open("block", node, scope))


def _type_switch(binder: Binder, node: Node, scope: Scope) -> None:
    """Its variable is another one in each clause."""
    inside = binder.open("block", node, scope)
    alias = field(node, "alias")
    name = alias.named_child(0) if alias is not None else None
    binder.walk((field(node, "initializer"), inside), (field(node, "value"), inside))
    for clause in node.named_children:
        if clause.type in ("type_case", "default_case"):
            block = binder.open("block", clause, inside)
            if name is not None and binder.text(name) != "_":
                binder.declare(name, "variable", block, at=inside)
            binder.walk_all(clause.named_children, block)


def _labelled(binder: Binder, node: Node, scope: Scope) -> None:
    label = field(node, "label")
    around = scope
    while around.kind != "function" and around.parent is not None:
        around = around.parent
    if label is not None and binder.text(label) != "_":
        binder.declare(label, "label", around, "declare", at=scope)
    binder.walk_all([child for child in node.named_children if child != label], scope)


def _label(binder: Binder, node: Node, scope: Scope) -> None:
    binder.refer(node, scope, space=LABEL)


def _package_type(binder: Binder, node: Node, scope: Scope) -> None:
    """Of `a.B` only `a` is looked for."""
    package = field(node, "package")
    if package is not None:
        binder.refer(package, scope)


def _composite(binder: Binder, node: Node, scope: Scope) -> None:
    binder.walk((field(node, "type"), scope))
    waiting: list[tuple[Node | None, Node | None]] = [(field(node, "body"), field(node, "type"))]
    while waiting:
        literal, written = waiting.pop()
        kind = _underlying(binder, written)
        indexed = kind is not None and kind.type in INDEXED
        key_type, element = (
            (field(kind, "key"), field(kind, "value") or field(kind, "element")) if kind else (None, None)
        )
        for part in literal.named_children if literal is not None else ():
            keyed = part.type == "keyed_element"
            for side, inner in ((field(part, "key"), key_type), (field(part, "value") if keyed else part, element)):
                content = side.named_child(0) if side is not None and side.type == "literal_element" else None
                if content is None:
                    continue
                if content.type == "literal_value":
                    waiting.append((content, inner))
                elif indexed or content.type not in NAMED or not (keyed and side == field(part, "key")):
                    binder.walk((content, scope))


def _underlying(binder: Binder, kind: Node | None) -> Node | None:
    """What a type's name stands for, as far as this file's own declarations tell."""
    for _ in range(MOST_HOPS):
        if kind is None or kind.type not in ("pointer_type", "parenthesized_type", "generic_type", "type_identifier"):
            break
        if kind.type != "type_identifier":
            kind = field(kind, "type") or kind.named_child(0)
            continue
        found = binder.types.get(binder.text(kind))
        if found is None:
            break
        kind = found
    return kind


def _file(binder: Binder, node: Node, scope: Scope) -> None:
    for declaration in node.named_children:
        if declaration.type == "type_declaration":
            for spec in declaration.named_children:
                name, kind = field(spec, "name"), field(spec, "type")
                if spec.type in SPECS and name is not None and kind is not None:
                    binder.types[binder.text(name)] = kind
    binder.walk_all(node.named_children, scope)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys((*NAMED, "type_identifier"), _reference),
    **dict.fromkeys(("comment", "interpreted_string_literal", "raw_string_literal", "package_clause"), passed_over),
    **dict.fromkeys(("var_spec", "const_spec"), _variables),
    **dict.fromkeys(SPECS, _type),
    **dict.fromkeys(
        ("function_declaration", "method_declaration", "func_literal", "function_type", "method_elem"), _function
    ),
    **dict.fromkeys(("short_var_declaration", "assignment_statement", "range_clause", "receive_statement"), _left),
    **dict.fromkeys(("inc_statement", "dec_statement"), _step),
    **dict.fromkeys(
        (
            "block", "if_statement", "for_statement", "expression_switch_statement", "expression_case", "default_case",
            "communication_case",
        ),
        _block,
    ),
    "source_file": _file,
    "import_spec": _import,
    "type_parameter_declaration": _type_parameter,
    "type_switch_statement": _type_switch,
    "labeled_statement": _labelled,
    "label_name": _label,
    "qualified_type": _package_type,
    "composite_literal": _composite,
}  # fmt: skip
