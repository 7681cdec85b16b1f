"""What makes a scope in Python: definitions, lambdas, comprehensions, type parameters, annotations that stay unread."""

from tree_sitter import Node

from analysis.languages.python_binding import Table, private_prefix, spelled
from analysis.languages.python_nodes import COMMENT, parts_of
from analysis.languages.python_reader import STORE, TARGETS, TYPE, Mark, Reader

PARAMETERS = ("default_parameter", "typed_parameter", "typed_default_parameter")


def function(reader: Reader, node: Node) -> None:
    """`def`, with what its decorators leave."""
    _definition(reader, node, "function")


def class_(reader: Reader, node: Node) -> None:
    """`class`."""
    _definition(reader, node, "class")


def lambda_(reader: Reader, node: Node) -> None:
    """Defaults are read outside."""
    inner = reader.open("lambda", "", node, reader.table)
    head: list[Node] = []
    body: list[Node] = []
    for child in node.named_children:
        if child.type == "lambda_parameters":
            head += _parameters(reader, child, inner)
        else:
            body.append(child)
    reader.then(inner, body)
    reader.then(reader.table, head)


def comprehension(reader: Reader, node: Node) -> None:
    """What the first `for` goes over is read outside, all else inside."""
    outer = reader.table
    inner = reader.open("comprehension", "", node, outer)
    children = node.named_children
    for index, child in enumerate(children):
        if child.type == "for_in_clause":
            parts = parts_of(child)
            if parts:
                reader.target(parts[0], STORE)
            reader.then(inner, children[index + 1 :])
            reader.then(outer, parts[1:])
            reader.then(inner, children[:index] + parts[:1])
            return
    reader.then(inner, children)


def alias(reader: Reader, node: Node) -> None:
    """`type X[T] = …`: its value has a scope of its own. The grammar also takes `type(x).y = …` for one."""
    parts = [part for part in _without_types(node) if part.kind_id not in COMMENT]
    if not parts or parts[0].type not in ("identifier", "generic_type"):
        word(reader, node)
        return
    outer = reader.table
    inner = reader.open("types", "", node, outer)
    name, rest = parts[0], parts[1:]
    if name.type == "generic_type":
        name, *within = name.named_children
        rest = [*within, *rest]
        for child in within:
            _type_parameters(reader, child, inner)
    reader.target(name, TYPE)
    reader.then(inner, rest)
    reader.then(outer, [name])


def word(reader: Reader, node: Node) -> None:
    """`print >> x`, `exec "x"`, `type(x).y = z`: no statements, but names of functions in Python 3."""
    first = node.children[0]
    reader.read_word(first.start_byte, first.end_byte)
    reader.waiting += _without_types(node)[::-1]


def annotation(reader: Reader, node: Node) -> None:
    """A type, where annotations are not evaluated, stands in a scope that takes nothing from those around it."""
    table = reader.table
    if reader.future and table.scope.kind != "annotation":
        table = reader.open("annotation", "", node, table)
    reader.then(table, node.named_children)


def type_part(reader: Reader, node: Node) -> None:
    """Bounds of type parameters and values of aliases are evaluated, if late: they are no annotations."""
    bare = reader.table.scope.kind == "types"
    reader.waiting += (_without_types(node) if bare else node.named_children)[::-1]


def _without_types(node: Node) -> list[Node]:
    parts: list[Node] = []
    for child in node.named_children:
        parts += child.named_children if child.type == "type" else [child]
    return parts


def _definition(reader: Reader, node: Node, kind: str) -> None:
    """Type parameters have a scope of their own, between the one around and the definition's."""
    outer = middle = reader.table
    parts = {child.type: child for child in node.named_children}
    named, generic = parts.get("identifier"), parts.get("type_parameter")
    name = spelled(reader.source[named.start_byte : named.end_byte]) if named else ""
    if generic is not None:
        middle = reader.open("types", "", node, outer)
        if kind == "class":
            middle.names.private = private_prefix(name)
        _type_parameters(reader, generic, middle)
    inner = reader.open(kind, name, node, middle)
    head: list[Node] = []
    body: list[Node] = []
    for child in node.named_children:
        part = child.type
        if part == "block":
            body.append(child)
        elif part == "parameters":
            head += _parameters(reader, child, inner)
        else:
            head.append(child)
    if named is not None:
        reader.marks[named.start_byte] = ("store", kind, outer, None)
    reader.then(inner, body)
    reader.then(middle, head)


def _parameters(reader: Reader, node: Node, inner: Table) -> list[Node]:
    """Parameters stand in the function's scope, their defaults and annotations in the one around it."""
    mark: Mark = ("store", "parameter", inner, None)
    children = node.named_children
    for child in children:
        kind = child.type
        if kind == "identifier":
            reader.marks[child.start_byte] = mark
        elif kind in TARGETS:
            reader.target(child, mark)
        elif kind in PARAMETERS:
            for first in child.named_children[:1]:
                reader.target(first, mark)
    return children


def _type_parameters(reader: Reader, node: Node, table: Table) -> None:
    """Each begins with its name. Read by its leaves: the grammar does not know defaults (PEP 696)."""
    mark: Mark = ("store", "type", table, None)
    depth, expected = 0, False
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.child_count:
            waiting += one.children[::-1]
        elif one.type in "[({":
            depth += 1
            expected = depth == 1
        elif one.type in "])}":
            depth -= 1
        elif one.type == ",":
            expected = expected or depth == 1
        elif one.type == "identifier" and expected:
            reader.marks[one.start_byte] = mark
            expected = False
