"""Python's scopes and the names in them, from the syntax tree, 3.8 to 3.13; what the names mean is python_binding's.

Here is what each kind of node says of the names in it, but for those that make scopes: python_definitions.
"""

from functools import cache

from tree_sitter import Node, Tree

from analysis.languages.adapter import grammar_of
from analysis.languages.python_binding import START, bind
from analysis.languages.python_definitions import (
    alias,
    annotation,
    class_,
    comprehension,
    function,
    lambda_,
    type_part,
    word,
)
from analysis.languages.python_nodes import ERROR, parts_of
from analysis.languages.python_reader import (
    ANNOTATED,
    DECLARED,
    DELETE,
    IMPORT,
    STORE,
    UPDATE,
    Action,
    Reader,
)
from analysis.scopes import Names

QUOTES = b"\"'"
LEAVES = (
    "comment", "line_continuation", "integer", "float", "true", "false", "none", "ellipsis", "string_start",
    "string_content", "string_end", "escape_sequence", "escape_interpolation", "type_conversion", "import_prefix",
    "pass_statement", "break_statement", "continue_statement", "positional_separator", "keyword_separator",
)  # fmt: skip


def names_of(tree: Tree, source: bytes) -> Names:
    """The scopes of a file, and all names in it bound to what they mean."""
    reader = Reader(tree.root_node, source)
    reader.read(*_actions())
    if tree.root_node.has_error:  # what is broken can stand before what it would come after
        reader.occurrences.sort(key=START)
        for table in reader.tables:
            for _, places in table.names.values():
                places.sort(key=START)
    bind(reader.tables)
    return Names(reader.tables[0].scope, reader.occurrences, tuple(reader.stars))


@cache
def _actions() -> tuple[int, list[Action | None]]:
    """The number of identifiers, and the actions by the numbers of kinds, of which some have two."""
    language = grammar_of("python")
    actions: list[Action | None] = [None] * (ERROR + 1)
    actions[ERROR] = broken
    for number in range(language.node_kind_count):
        if language.node_kind_is_named(number):
            actions[number] = ACTIONS.get(language.node_kind_for_id(number) or "")
    return language.id_for_node_kind("identifier", True) or 0, actions


def skip(reader: Reader, _node: Node) -> None:
    """Holds no names."""


def first_is_target(reader: Reader, node: Node) -> None:
    """`for x in …`, with its `async`, in a statement or a comprehension."""
    children = parts_of(node)
    if children:
        reader.target(children[0], STORE)
    reader.waiting += children[::-1]


def assignment(reader: Reader, node: Node) -> None:
    """`x = …`, `x: int = …` and `x: int`, which gives no value; `(x): int` does not even bind."""
    children = node.named_children
    left = children[0]
    if children[-1].type != "type":
        reader.target(left, STORE)
    elif left.type == "identifier":
        reader.target(left, ANNOTATED)
    elif left.type == "tuple_pattern" and [part.type for part in left.named_children] == ["identifier"]:
        children = children[1:]
    reader.waiting += children[::-1]


def update(reader: Reader, node: Node) -> None:
    """`x += …`."""
    children = node.named_children
    if children[0].type == "identifier":
        reader.marks[children[0].start_byte] = UPDATE
    reader.waiting += children[::-1]


def walrus(reader: Reader, node: Node) -> None:
    """Binds in the function around comprehensions."""
    children = node.named_children
    owner = reader.table
    while owner.scope.kind == "comprehension" and owner.parent is not None:
        owner = owner.parent
    if children and children[0].type == "identifier":
        reader.marks[children[0].start_byte] = ("store", "variable", None, owner)
    reader.waiting += children[::-1]


def delete(reader: Reader, node: Node) -> None:
    """`del`."""
    for child in node.named_children:
        reader.target(child, DELETE)
    reader.waiting += node.named_children[::-1]


def as_target(reader: Reader, node: Node) -> None:
    """What stands behind `as` in `with` and `except`."""
    for child in node.named_children:
        reader.target(child, STORE)
    reader.waiting += node.named_children[::-1]


def global_(reader: Reader, node: Node) -> None:
    """`global`."""
    _declare(reader, node, "global")


def nonlocal_(reader: Reader, node: Node) -> None:
    """`nonlocal`."""
    _declare(reader, node, "nonlocal")


def _declare(reader: Reader, node: Node, where: str) -> None:
    for child in node.named_children:
        if child.type == "identifier":
            reader.marks[child.start_byte] = DECLARED
            reader.table.declared[reader.table.names[reader.source[child.start_byte : child.end_byte]][0]] = where
    reader.waiting += node.named_children[::-1]


def import_(reader: Reader, node: Node) -> None:
    """`import a.b` binds `a`, `import a.b as c` binds `c`; what is imported is no name of this file."""
    _import(reader, node.named_children)


def import_from(reader: Reader, node: Node) -> None:
    """`from a import b`, where the first that is named is the module."""
    children = parts_of(node)
    if any(child.type == "wildcard_import" for child in children):
        reader.stars.append(reader.source[children[0].start_byte : children[0].end_byte].decode(errors="replace"))
    _import(reader, children[1:])


def import_future(reader: Reader, node: Node) -> None:
    """`from __future__ import annotations` changes what follows."""
    children = node.named_children
    reader.future |= any(b"annotations" in (child.text or b"").split() for child in children)
    _import(reader, children)


def _import(reader: Reader, children: list[Node]) -> None:
    found: list[Node] = []
    for child in children:
        bound = [child]
        if child.type == "dotted_name":
            bound = child.named_children[:1]
        elif child.type == "aliased_import":
            bound = child.named_children[-1:]
        for name in bound:
            if name.type == "identifier":
                reader.marks[name.start_byte] = IMPORT
        found += bound
    reader.waiting += found[::-1]


def attribute(reader: Reader, node: Node) -> None:
    """In `a.b`, `b` is no name."""
    reader.waiting.append(node.child(0))


def keyword(reader: Reader, node: Node) -> None:
    """In `f(a=b)` and `case C(a=b)`, `a` is no name."""
    reader.waiting += node.named_children[:0:-1]


def string(reader: Reader, node: Node) -> None:
    """Only one with a prefix can hold names."""
    if reader.source[node.start_byte] not in QUOTES:
        reader.waiting += node.named_children[::-1]


def interpolation(reader: Reader, node: Node) -> None:
    """`{x:=5}` is `x` with a format, whatever the grammar says."""
    children = node.named_children
    if children and children[0].type == "named_expression":
        children = children[0].named_children + children[1:]
    reader.waiting += children[::-1]


def capture(reader: Reader, node: Node) -> None:
    """A name in a pattern binds, and in `a.b`, `a` is read."""
    parts = [child for child in node.named_children if child.type == "identifier"]
    if len(parts) == 1:
        reader.marks[parts[0].start_byte] = STORE
    reader.waiting += parts[:1]


def class_pattern(reader: Reader, node: Node) -> None:
    """The class is read."""
    children = node.named_children
    if children and children[0].type == "dotted_name":
        children = children[0].named_children[:1] + children[1:]
    reader.waiting += children[::-1]


def pattern(reader: Reader, node: Node) -> None:
    """`case … as x` and `case [*x]`: the last part is the name. (`with … as x` has an `as_pattern_target`.)"""
    children = node.named_children
    if children and children[-1].type == "identifier":
        reader.marks[children[-1].start_byte] = STORE
    reader.waiting += children[::-1]


def broken(reader: Reader, node: Node) -> None:
    """What could not be followed: its names are read, so far as can be told."""
    parts = []
    for child in node.named_children:
        parts += child.named_children[:1] if child.type == "dotted_name" else [child]
    reader.waiting += parts[::-1]


ACTIONS: dict[str, Action] = {
    **dict.fromkeys(LEAVES, skip),
    "function_definition": function,
    "class_definition": class_,
    "lambda": lambda_,
    "list_comprehension": comprehension,
    "set_comprehension": comprehension,
    "dictionary_comprehension": comprehension,
    "generator_expression": comprehension,
    "for_statement": first_is_target,
    "for_in_clause": first_is_target,
    "assignment": assignment,
    "augmented_assignment": update,
    "named_expression": walrus,
    "delete_statement": delete,
    "as_pattern_target": as_target,
    "global_statement": global_,
    "nonlocal_statement": nonlocal_,
    "import_statement": import_,
    "import_from_statement": import_from,
    "future_import_statement": import_future,
    "attribute": attribute,
    "member_type": attribute,
    "keyword_argument": keyword,
    "keyword_pattern": keyword,
    "string": string,
    "interpolation": interpolation,
    "type": annotation,
    "type_parameter": type_part,
    "constrained_type": type_part,
    "generic_type": type_part,
    "splat_type": type_part,
    "union_type": type_part,
    "type_alias_statement": alias,
    "dotted_name": capture,
    "class_pattern": class_pattern,
    "as_pattern": pattern,
    "splat_pattern": pattern,
    "print_statement": word,
    "exec_statement": word,
}
