"""Reading a Python tree for its names: one way through it, in the order of the file, without recursion.

What a node cannot say of itself (that a name in it is a target, that a part of it belongs to another scope) the node
around it has said before: in `marks`, by place, and in `switches`, by a None among the nodes that wait. What the kinds
of nodes say, python_definitions and python_scopes know.
"""

from collections.abc import Callable, Iterable, Sequence

from tree_sitter import Node

from analysis.languages.python_binding import Table, private_prefix
from analysis.scopes import Occurrence, Scope

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

TARGETS = frozenset(
    [
        "tuple", "list", "expression_list", "parenthesized_expression", "list_splat", "pattern_list", "tuple_pattern",
        "list_pattern", "list_splat_pattern", "dictionary_splat_pattern",
    ]
)  # fmt: skip

Action = Callable[["Reader", Node], None]  # what a kind of node says


class Reader:
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

    def read(self, identifier: int, actions: Sequence[Action | None]) -> None:
        """Goes through the whole tree; `actions` by the grammar's numbers of kinds. This is what the time goes to."""
        waiting, switches, marks = self.waiting, self.switches, self.marks
        source, append = self.source, self.occurrences.append
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
                children = node.named_children
                children.reverse()
                waiting += children
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

    def read_word(self, start: int, end: int) -> None:
        """A name that the grammar takes for a keyword."""
        name, places = self.table.names[self.source[start:end]]
        place = Occurrence(name, "load", start, end, self.table.scope)
        places.append(place)
        self.occurrences.append(place)
