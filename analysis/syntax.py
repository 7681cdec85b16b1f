"""What stands in a file: functions, classes, imports, comments, found by a language's query in its syntax tree.

Places are bytes from 0, ends excluded, and lines from 1, ends included. Broken code yields what is whole in it.
"""

import inspect
import re
from collections.abc import Iterator

from tree_sitter import Node, Tree

from analysis.captures import Definition, captures_of
from analysis.languages.adapter import Adapter, only_words, text_of
from hone.records import Record

TYPES = frozenset(["class", "struct", "interface", "trait", "enum", "object"])  # kinds of class; a namespace is none
LOCAL = "<locals>"  # stands in a qualified name for the inside of a function, as in Python's `__qualname__`
MOST_ERRORS = 100
SHOWN = 40  # characters of what was not understood
_MARKS = re.compile(r"^[ \t]*(?:/\*+!?|\*+/|\*(?!/)|///?/?!?|\#+)[ \t]?|[ \t]*\*+/[ \t]*$", re.MULTILINE)
_MARGIN = re.compile(r"\n( *)(?=[^ \n])")  # before the words of each line but the first
_AT_THE_END = re.compile(r" +(?=\n)")
_OTHER_MARKS = re.compile(r"^[ \t]*(?:-{2,}|;+|%+)[ \t|^]*", re.MULTILINE)  # of Lua, SQL and Haskell; Lisp; Erlang


class Place(Record, frozen=True, gc=False):
    """A part of a file."""

    start: int
    end: int
    first_line: int
    last_line: int


class Function(Record, frozen=True, gc=False):
    """A function, method or constructor with a body, its decorators and modifiers included."""

    name: str
    qualified_name: str  # `Class.method`, `outer.<locals>.inner`
    place: Place
    body: Place  # of a language whose grammar has no node for it, the whole function
    docstring: str = ""  # without quotes, comment marks and indentation


class Class(Record, frozen=True, gc=False):
    """A class, or what a language has in its place."""

    name: str
    qualified_name: str
    kind: str  # "class", "struct", "interface", "trait", "enum", "object"
    place: Place
    docstring: str = ""


class Import(Record, frozen=True, gc=False):
    """One import statement."""

    text: str
    place: Place


class Comment(Record, frozen=True, gc=False):
    """One comment, its marks included."""

    text: str
    place: Place


class Fault(Record, frozen=True, gc=False):
    """A place that the grammar could not follow."""

    message: str
    place: Place


class Syntax(Record, frozen=True):
    """A file's parts, each in the order of the lines."""

    functions: tuple[Function, ...] = ()
    classes: tuple[Class, ...] = ()
    imports: tuple[Import, ...] = ()
    comments: tuple[Comment, ...] = ()


class _Found:
    """One definition on its way to a record."""

    __slots__ = ("body", "end", "kind", "lead", "name", "node", "qualified", "start")

    def __init__(self, definition: Definition, source: bytes) -> None:
        self.kind, self.node, name, self.body = definition
        self.name = only_words(source[name.start_byte : name.end_byte].decode("utf-8", "replace"))
        self.start, self.end = self.node.start_byte, self.node.end_byte
        self.lead = self.node  # the outermost node that belongs to it alone
        self.qualified = ""


def syntax_of(tree: Tree, source: bytes, adapter: Adapter) -> Syntax:
    """The parts of a tree."""
    captures = captures_of(tree, source, adapter)
    definitions: dict[tuple[int, int], _Found] = {}
    for definition in captures.definitions:
        found = _Found(definition, source)
        definitions.setdefault((found.start, -found.end), found)
    ordered = [definitions[key] for key in sorted(definitions)]
    _qualify(ordered, adapter)
    documentation = _Documentation(captures.comments, adapter)
    functions, classes = [], []
    for found in ordered:
        place = place_of(found.lead, found.node)
        if found.kind == "function":
            inner = place_of(found.body or found.node)
            functions.append(Function(found.name, found.qualified, place, inner, documentation.text(found)))
        elif found.kind in TYPES:
            classes.append(Class(found.name, found.qualified, found.kind, place, documentation.text(found)))
    return Syntax(
        functions=tuple(functions),
        classes=tuple(classes),
        imports=tuple(_import(node) for node in captures.imports),
        comments=tuple(_comment(node, source) for node in captures.comments),
    )


def _comment(node: Node, source: bytes) -> Comment:
    place = place_of(node)
    return Comment(source[place.start : place.end].decode("utf-8", "replace"), place)


def _import(node: Node) -> Import:
    """Without the comment or line end behind it, which some grammars take in."""
    last = node
    while last.child_count:
        parts = [child for child in last.children if "comment" not in child.type]
        if not parts or len(parts) == last.child_count:
            break
        last = parts[-1]
    place = place_of(node, last)
    text = (node.text or b"")[: place.end - place.start].decode(errors="replace")
    return Import(text.rstrip(), place)


def nodes_at(tree: Tree, byte: int) -> tuple[tuple[int, int], ...]:
    """First and last byte (excluded) of the named nodes that a byte stands in, outermost first."""
    cursor = tree.walk()
    found = []
    while (node := cursor.node) is not None and node.start_byte <= byte < node.end_byte:
        if node.is_named:
            found.append((node.start_byte, node.end_byte))
        if cursor.goto_first_child_for_byte(byte) is None:
            break
    return tuple(found)


def faults_of(tree: Tree) -> tuple[Fault, ...]:
    """The first places that could not be followed. Goes down only where there is one."""
    return tuple(_faults(tree.root_node)) if tree.root_node.has_error else ()


def _faults(root: Node) -> Iterator[Fault]:
    found = 0
    waiting = [root]
    while waiting and found < MOST_ERRORS:
        node = waiting.pop()
        if node.is_missing:
            found += 1
            yield Fault(f"`{node.type}` is missing", place_of(node))
        elif node.is_error:
            found += 1
            text = " ".join(text_of(node)[: 4 * SHOWN].split())
            yield Fault(f"`{text[:SHOWN]}{'…' if len(text) > SHOWN else ''}` was not expected", place_of(node))
        else:
            waiting += [child for child in reversed(node.children) if child.has_error or child.is_missing]


def _qualify(ordered: list[_Found], adapter: Adapter) -> None:
    """Gives each its qualified name, from those around it, and its lead."""
    around: list[_Found] = []
    for found in ordered:
        while around and around[-1].end <= found.start:
            around.pop()
        if around:
            outer = around[-1]
            prefix = f"{outer.qualified}.{LOCAL}." if outer.kind == "function" else f"{outer.qualified}."
        else:
            container = adapter.container(found.node)
            prefix = f"{container}." if container else ""
        found.qualified = prefix + found.name
        lead = found.node
        while (parent := lead.parent) is not None and parent.type in adapter.wrappers:
            lead = parent
        found.lead = lead
        around.append(found)


class _Documentation:
    """The comments that stand alone on their lines, to be found by the line below them."""

    def __init__(self, comments: list[Node], adapter: Adapter) -> None:
        self._above = adapter.documented_above
        self._attributes = adapter.attributes
        self._docstring = adapter.docstring
        self._ends: dict[int, Node] = {}
        for node in comments if self._above else ():
            before = node.prev_sibling
            if node.start_byte == 0 and text_of(node).startswith("#!"):
                continue  # what runs the file, and documents nothing
            if before is None or before.end_point.row < node.start_point.row:
                self._ends[_last_row(node)] = node

    def text(self, found: _Found) -> str:
        """What documents a definition: a string in its body, or the comment that ends right above it."""
        written = self._docstring(found.body) if found.body is not None else None
        if written is not None:
            return _dedented(written)
        return self._comment(found) if self._above else ""

    def _comment(self, found: _Found) -> str:
        top = found.lead
        while (before := top.prev_sibling) is not None and before.type in self._attributes:
            top = before
        row = top.start_point.row - 1
        parts: list[str] = []
        while (node := self._ends.get(row)) is not None:
            text = text_of(node)
            if parts and text.startswith("/*"):
                break
            parts.append(text.rstrip("\n"))
            row = node.start_point.row - 1
            if text.startswith("/*"):
                break
        return _unmarked("\n".join(reversed(parts)))


def _unmarked(text: str) -> str:
    marks = _OTHER_MARKS if text.startswith(("--", ";", "%")) else _MARKS
    return _dedented(marks.sub("", text)) if text else ""


def _dedented(text: str) -> str:
    """As `inspect.cleandoc`, and without the spaces at the ends of lines, which that leaves."""
    if not text.replace("\n", "").isprintable():  # tabs, or characters that end a line to some and not to others
        return "\n".join(line.rstrip() for line in inspect.cleandoc(text).splitlines()).strip()
    if "\n" in text:
        margin = min(map(len, _MARGIN.findall(text)), default=0)
        text = text.replace("\n" + " " * margin, "\n")
        if " \n" in text:
            text = _AT_THE_END.sub("", text)
    return text.strip()


def _last_row(node: Node) -> int:
    """Some grammars end a line's comment at the beginning of the next line."""
    row, column = node.end_point
    return row if column or row <= node.start_point.row else row - 1


def place_of(first: Node, last: Node | None = None) -> Place:
    """From the start of one node to the end of another, or of itself."""
    last = last or first
    return Place(first.start_byte, last.end_byte, first.start_point.row + 1, _last_row(last) + 1)
