"""Python's scopes and the names in them, from the syntax tree, 3.8 to 3.13; what the names mean is python_binding's.

One way through the tree, in the order of the file, without recursion. What a node cannot say of itself (that a name in
it is a target, that a part of it belongs to another scope) the node around it has said before: in `marks`, by place,
and in `switches`, by a None among the nodes that wait.
"""

from collections.abc import Callable, Iterable
from functools import cache

from tree_sitter import Language, Node, Tree

from analysis.languages.adapter import grammar_of
from analysis.languages.python_binding import START, Table, bind, private_prefix, spelled
from analysis.scopes import Names, Occurrence, Scope

# A place where a name is not just read: its role, the kind of what is bound (empty: nothing is), the table of the scope
# in which it stands, and of the one that binds it. None: the scope that is being read.
Mark = tuple[str, str, Table | None, Table | None]
STORE: Mark = ("store", "variable", None, None)
UPDATE: Mark = ("update", "variable", None, None)
DELETE: Mark = ("delete", "variable", None, None)
IMPORT: Mark = ("store", "import", None, None)
TYPE: Mark = ("store", "type", None, None)
ANNOTATED: Mark = ("declare", "variable", None, None)
DECLARED: Mark = ("declare", "", None, None)
READ: Mark = ("load", "", None, None)

EXTRAS = ("comment", "line_continuation")  # can stand between any two parts
QUOTES = b"\"'"
LEAVES = (
    "comment", "line_continuation", "integer", "float", "true", "false", "none", "ellipsis", "string_start",
    "string_content", "string_end", "escape_sequence", "escape_interpolation", "type_conversion", "import_prefix",
    "pass_statement", "break_statement", "continue_statement", "positional_separator", "keyword_separator",
)  # fmt: skip


def names_of(tree: Tree, source: bytes) -> Names:
    """The scopes of a file, and all names in it bound to what they mean."""
    reader = _Reader(tree.root_node, source)
    reader.read(_grammar())
    if tree.root_node.has_error:  # what is broken can stand before what it would come after
        reader.occurrences.sort(key=START)
        for table in reader.tables:
            for _, places in table.names.values():
                places.sort(key=START)
    bind(reader.tables)
    return Names(reader.tables[0].scope, reader.occurrences, tuple(reader.stars))


class _Grammar:
    """Numbers of the grammar's kinds. Some kinds have two."""

    def __init__(self, language: Language) -> None:
        self.ids: dict[str, list[int]] = {}
        for number in range(language.node_kind_count):
            if language.node_kind_is_named(number):
                self.ids.setdefault(language.node_kind_for_id(number) or "", []).append(number)
        self.ids["ERROR"] = [0xFFFF]
        self.actions: list[Callable[[_Reader, Node], None] | None] = [None] * 0x10000
        for kind, action in ACTIONS.items():
            for number in self.ids.get(kind, ()):
                self.actions[number] = action


@cache
def _grammar() -> _Grammar:
    return _Grammar(grammar_of("python"))


def _without_extras(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in EXTRAS]


class _Reader:
    """Where the reading of one file stands."""

    def __init__(self, root: Node, source: bytes) -> None:
        self.source = source
        self.tables: list[Table] = []  # each after the one around it
        self.table = self.open("module", "", root, None)  # of the scope that is being read
        self.waiting: list[Node | None] = [root]  # the next one last; None: the scope changes
        self.switches: list[Table] = []  # the table to change to, the next one last
        self.marks: dict[int, Mark] = {}  # start of a name → what it is
        self.occurrences: list[Occurrence] = []
        self.stars: list[str] = []
        self.future = False  # annotations are not evaluated

    def open(self, kind: str, name: str, node: Node, around: Table | None) -> Table:
        """A new scope's table."""
        scope = Scope(kind, name, node.start_byte, node.end_byte, around.scope if around else None)
        private = around.names.private if around else ""
        table = Table(scope, around, private_prefix(name) if kind == "class" else private)
        self.tables.append(table)
        return table

    def read(self, grammar: _Grammar) -> None:
        """Goes through the whole tree. Inner loops are written out here: this is what the time goes to."""
        waiting, switches, marks, actions = self.waiting, self.switches, self.marks, grammar.actions
        source, append = self.source, self.occurrences.append
        (identifier,) = grammar.ids["identifier"]
        table = self.table
        names, scope = table.names, table.scope
        while waiting:
            node = waiting.pop()
            if node is None:
                self.table = table = switches.pop()
                names, scope = table.names, table.scope
                continue
            kind = node.kind_id
            if kind == identifier:
                start, end = node.start_byte, node.end_byte
                mark = marks.get(start)
                if start == end:  # missing, and put in by the parser
                    continue
                if mark is None:
                    name, places = names[source[start:end]]
                    place = Occurrence(name, "load", start, end, scope)
                else:
                    role, what, stands, binds = mark
                    stands = stands or table
                    name, places = stands.names[source[start:end]]
                    if what and name not in (bound := (binds or stands).bound):
                        bound[name] = what
                    place = Occurrence(name, role, start, end, stands.scope)
                places.append(place)
                append(place)
                continue
            action = actions[kind]
            if action is None:
                waiting += node.named_children[::-1]
            else:
                action(self, node)

    # What waits is written down backwards: the last that is said here is the first that is read.

    def then(self, table: Table, nodes: Iterable[Node]) -> None:
        """Reads nodes in another scope, and goes back."""
        if table is self.table:
            self.waiting += [*nodes][::-1]
            return
        self.waiting += [None, *[*nodes][::-1], None]
        self.switches += [self.table, table]

    def skip(self, _node: Node) -> None:
        """Holds no names."""

    def target(self, node: Node, mark: Mark) -> None:
        """Marks the names that a target binds, however deep in tuples and lists. In `a.b` and `a[b]` none is bound."""
        inside = [node]
        while inside:
            one = inside.pop()
            kind = one.type
            if kind == "identifier":
                self.marks[one.start_byte] = mark
            elif kind in TARGETS:
                inside += one.named_children

    def function(self, node: Node) -> None:
        """`def`, with what its decorators leave."""
        self._definition(node, "function")

    def class_(self, node: Node) -> None:
        """`class`."""
        self._definition(node, "class")

    def _definition(self, node: Node, kind: str) -> None:
        """Type parameters have a scope of their own, between the one around and the definition's."""
        outer = middle = self.table
        parts = {child.type: child for child in node.named_children}
        named, generic = parts.get("identifier"), parts.get("type_parameter")
        name = spelled(self.source[named.start_byte : named.end_byte]) if named else ""
        if generic is not None:
            middle = self.open("types", "", node, outer)
            if kind == "class":
                middle.names.private = private_prefix(name)
            self._type_parameters(generic, middle)
        inner = self.open(kind, name, node, middle)
        head: list[Node] = []
        body: list[Node] = []
        for child in node.named_children:
            part = child.type
            if part == "block":
                body.append(child)
            elif part == "parameters":
                head += self._parameters(child, inner)
            else:
                head.append(child)
        if named is not None:
            self.marks[named.start_byte] = ("store", kind, outer, None)
        self.then(inner, body)
        self.then(middle, head)

    def _parameters(self, node: Node, inner: Table) -> list[Node]:
        """Parameters stand in the function's scope, their defaults and annotations in the one around it."""
        mark: Mark = ("store", "parameter", inner, None)
        children = node.named_children
        for child in children:
            kind = child.type
            if kind == "identifier":
                self.marks[child.start_byte] = mark
            elif kind in TARGETS:
                self.target(child, mark)
            elif kind in PARAMETERS:
                for first in child.named_children[:1]:
                    self.target(first, mark)
        return children

    def _type_parameters(self, node: Node, table: Table) -> None:
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
                self.marks[one.start_byte] = mark
                expected = False

    def lambda_(self, node: Node) -> None:
        """Defaults are read outside."""
        inner = self.open("lambda", "", node, self.table)
        head: list[Node] = []
        body: list[Node] = []
        for child in node.named_children:
            if child.type == "lambda_parameters":
                head += self._parameters(child, inner)
            else:
                body.append(child)
        self.then(inner, body)
        self.then(self.table, head)

    def comprehension(self, node: Node) -> None:
        """What the first `for` goes over is read outside, all else inside."""
        outer = self.table
        inner = self.open("comprehension", "", node, outer)
        children = node.named_children
        for index, child in enumerate(children):
            if child.type == "for_in_clause":
                parts = _without_extras(child)
                if parts:
                    self.target(parts[0], STORE)
                self.then(inner, children[index + 1 :])
                self.then(outer, parts[1:])
                self.then(inner, children[:index] + parts[:1])
                return
        self.then(inner, children)

    def first_is_target(self, node: Node) -> None:
        """`for x in …`, with its `async`, in a statement or a comprehension."""
        children = _without_extras(node)
        if children:
            self.target(children[0], STORE)
        self.waiting += children[::-1]

    def assignment(self, node: Node) -> None:
        """`x = …`, `x: int = …` and `x: int`, which gives no value; `(x): int` does not even bind."""
        children = node.named_children
        left = children[0]
        if children[-1].type != "type":
            self.target(left, STORE)
        elif left.type == "identifier":
            self.target(left, ANNOTATED)
        elif left.type == "tuple_pattern" and [part.type for part in left.named_children] == ["identifier"]:
            children = children[1:]
        self.waiting += children[::-1]

    def update(self, node: Node) -> None:
        """`x += …`."""
        children = node.named_children
        if children[0].type == "identifier":
            self.marks[children[0].start_byte] = UPDATE
        self.waiting += children[::-1]

    def walrus(self, node: Node) -> None:
        """Binds in the function around comprehensions."""
        children = node.named_children
        owner = self.table
        while owner.scope.kind == "comprehension" and owner.parent is not None:
            owner = owner.parent
        if children and children[0].type == "identifier":
            self.marks[children[0].start_byte] = ("store", "variable", None, owner)
        self.waiting += children[::-1]

    def delete(self, node: Node) -> None:
        """`del`."""
        for child in node.named_children:
            self.target(child, DELETE)
        self.waiting += node.named_children[::-1]

    def as_target(self, node: Node) -> None:
        """What stands behind `as` in `with` and `except`."""
        for child in node.named_children:
            self.target(child, STORE)
        self.waiting += node.named_children[::-1]

    def global_(self, node: Node) -> None:
        """`global`."""
        self._declare(node, "global")

    def nonlocal_(self, node: Node) -> None:
        """`nonlocal`."""
        self._declare(node, "nonlocal")

    def _declare(self, node: Node, where: str) -> None:
        for child in node.named_children:
            if child.type == "identifier":
                self.marks[child.start_byte] = DECLARED
                self.table.declared[self.table.names[self.source[child.start_byte : child.end_byte]][0]] = where
        self.waiting += node.named_children[::-1]

    def import_(self, node: Node) -> None:
        """`import a.b` binds `a`, `import a.b as c` binds `c`; what is imported is no name of this file."""
        self._import(node.named_children)

    def import_from(self, node: Node) -> None:
        """`from a import b`, where the first that is named is the module."""
        children = _without_extras(node)
        if any(child.type == "wildcard_import" for child in children):
            self.stars.append(self.source[children[0].start_byte : children[0].end_byte].decode(errors="replace"))
        self._import(children[1:])

    def import_future(self, node: Node) -> None:
        """`from __future__ import annotations` changes what follows."""
        children = node.named_children
        self.future |= any(b"annotations" in (child.text or b"").split() for child in children)
        self._import(children)

    def _import(self, children: list[Node]) -> None:
        found: list[Node] = []
        for child in children:
            bound = [child]
            if child.type == "dotted_name":
                bound = child.named_children[:1]
            elif child.type == "aliased_import":
                bound = child.named_children[-1:]
            for name in bound:
                if name.type == "identifier":
                    self.marks[name.start_byte] = IMPORT
            found += bound
        self.waiting += found[::-1]

    def attribute(self, node: Node) -> None:
        """In `a.b`, `b` is no name."""
        self.waiting += node.children[:1]

    def keyword(self, node: Node) -> None:
        """In `f(a=b)` and `case C(a=b)`, `a` is no name."""
        self.waiting += node.named_children[:0:-1]

    def string(self, node: Node) -> None:
        """Only one with a prefix can hold names."""
        if self.source[node.start_byte] not in QUOTES:
            self.waiting += node.named_children[::-1]

    def interpolation(self, node: Node) -> None:
        """`{x:=5}` is `x` with a format, whatever the grammar says."""
        children = node.named_children
        if children and children[0].type == "named_expression":
            children = children[0].named_children + children[1:]
        self.waiting += children[::-1]

    def annotation(self, node: Node) -> None:
        """A type, where annotations are not evaluated, stands in a scope that takes nothing from those around it."""
        table = self.table
        if self.future and table.scope.kind != "annotation":
            table = self.open("annotation", "", node, table)
        self.then(table, node.named_children)

    def alias(self, node: Node) -> None:
        """`type X[T] = …`: its value has a scope of its own. The grammar also takes `type(x).y = …` for one."""
        parts = [part for child in node.named_children for part in child.named_children]
        if not parts or parts[0].type not in ("identifier", "generic_type"):
            self.word(node)
            return
        outer = self.table
        inner = self.open("types", "", node, outer)
        name, rest = parts[0], parts[1:]
        if name.type == "generic_type":
            name, *within = name.named_children
            rest = [*within, *rest]
            for child in within:
                self._type_parameters(child, inner)
        self.target(name, TYPE)
        self.then(inner, rest)
        self.then(outer, [name])

    def capture(self, node: Node) -> None:
        """A name in a pattern binds, and in `a.b`, `a` is read."""
        parts = [child for child in node.named_children if child.type == "identifier"]
        if len(parts) == 1:
            self.marks[parts[0].start_byte] = STORE
        self.waiting += parts[:1]

    def class_pattern(self, node: Node) -> None:
        """The class is read."""
        children = node.named_children
        if children and children[0].type == "dotted_name":
            children = children[0].named_children[:1] + children[1:]
        self.waiting += children[::-1]

    def pattern(self, node: Node) -> None:
        """`case … as x` and `case [*x]`: the last part is the name. (`with … as x` has an `as_pattern_target`.)"""
        children = node.named_children
        if children and children[-1].type == "identifier":
            self.marks[children[-1].start_byte] = STORE
        self.waiting += children[::-1]

    def word(self, node: Node) -> None:
        """`print >> x`, `exec "x"`, `type(x).y = z`: no statements, but names of functions in Python 3."""
        word = node.children[0]
        start, end = word.start_byte, word.end_byte
        name, places = self.table.names[self.source[start:end]]
        place = Occurrence(name, "load", start, end, self.table.scope)
        places.append(place)
        self.occurrences.append(place)
        parts: list[Node] = []
        for child in node.named_children:
            parts += child.named_children if child.type == "type" else [child]
        self.waiting += parts[::-1]

    def broken(self, node: Node) -> None:
        """What could not be followed: its names are read, so far as can be told."""
        parts = []
        for child in node.named_children:
            parts += child.named_children[:1] if child.type == "dotted_name" else [child]
        self.waiting += parts[::-1]


TARGETS = frozenset(
    [
        "tuple", "list", "expression_list", "parenthesized_expression", "list_splat", "pattern_list", "tuple_pattern",
        "list_pattern", "list_splat_pattern", "dictionary_splat_pattern",
    ]
)  # fmt: skip
PARAMETERS = ("default_parameter", "typed_parameter", "typed_default_parameter")
ACTIONS: dict[str, Callable[[_Reader, Node], None]] = {
    **dict.fromkeys(LEAVES, _Reader.skip),
    "function_definition": _Reader.function,
    "class_definition": _Reader.class_,
    "lambda": _Reader.lambda_,
    "list_comprehension": _Reader.comprehension,
    "set_comprehension": _Reader.comprehension,
    "dictionary_comprehension": _Reader.comprehension,
    "generator_expression": _Reader.comprehension,
    "for_statement": _Reader.first_is_target,
    "for_in_clause": _Reader.first_is_target,
    "assignment": _Reader.assignment,
    "augmented_assignment": _Reader.update,
    "named_expression": _Reader.walrus,
    "delete_statement": _Reader.delete,
    "as_pattern_target": _Reader.as_target,
    "global_statement": _Reader.global_,
    "nonlocal_statement": _Reader.nonlocal_,
    "import_statement": _Reader.import_,
    "import_from_statement": _Reader.import_from,
    "future_import_statement": _Reader.import_future,
    "attribute": _Reader.attribute,
    "member_type": _Reader.attribute,
    "keyword_argument": _Reader.keyword,
    "keyword_pattern": _Reader.keyword,
    "string": _Reader.string,
    "interpolation": _Reader.interpolation,
    "type": _Reader.annotation,
    "type_alias_statement": _Reader.alias,
    "dotted_name": _Reader.capture,
    "class_pattern": _Reader.class_pattern,
    "as_pattern": _Reader.pattern,
    "splat_pattern": _Reader.pattern,
    "print_statement": _Reader.word,
    "exec_statement": _Reader.word,
    "ERROR": _Reader.broken,
}
