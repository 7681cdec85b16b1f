"""One file's source and what analysis finds in it. Parsing never fails: broken code says where it is broken."""

import re
from bisect import bisect_left
from difflib import get_close_matches
from functools import cached_property

from tree_sitter import Parser, Tree

from analysis.calls import Call, Calls, Imported, calls_of
from analysis.dataflow import DataFlow, Places
from analysis.flow import ANONYMOUS, Graph
from analysis.languages import LANGUAGES, language_of
from analysis.languages.adapter import Adapter
from analysis.languages.generic import PACKED, generic
from analysis.scopes import Names, Occurrence, Scope, Symbol
from analysis.syntax import Fault, Function, Syntax, faults_of, nodes_at, syntax_of
from analysis.types.view import Types
from hone.errors import AnalysisError


class Module:
    """What `parse` gives. Each view is made when it is first asked for."""

    def __init__(self, source: bytes, adapter: Adapter, tree: Tree) -> None:
        self.source = source
        self.language = adapter.name
        self._adapter = adapter
        self._tree = tree

    @cached_property
    def syntax(self) -> Syntax:
        """Functions, classes, imports and comments, with their places."""
        return syntax_of(self._tree, self.source, self._adapter)

    @cached_property
    def errors(self) -> tuple[Fault, ...]:
        """Where the code is broken, in the order of the lines; at most a hundred places."""
        return faults_of(self._tree)

    def nodes_at(self, byte: int) -> tuple[tuple[int, int], ...]:
        """Where the named nodes around a byte stand, from the whole file down to the innermost."""
        return nodes_at(self._tree, byte)

    @cached_property
    def scopes(self) -> Scope:
        """The module's scope, with all others in it. Raises `AnalysisError` for a language without scopes."""
        return self._names.root

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """What the file defines, in the order of their first places."""
        found = [symbol for scope in self.scopes.walk() for symbol in scope.symbols.values() if symbol.occurrences]
        return tuple(sorted(found, key=lambda symbol: symbol.occurrences[0].start))

    @property
    def occurrences(self) -> list[Occurrence]:
        """Every place where a name stands, in the order of the file."""
        return self._names.occurrences

    @property
    def stars(self) -> tuple[str, ...]:
        """Modules all of whose names are imported, as written: a name without a symbol may be one of theirs."""
        return self._names.stars

    @cached_property
    def _names(self) -> Names:
        if self._adapter.names is None:
            known = ", ".join(sorted(name for name, adapter in LANGUAGES.items() if adapter.names is not None))
            raise AnalysisError(f"`{self.language}` has no scopes; those that have them are {known}")
        return self._adapter.names(self._tree, self.source)

    @cached_property
    def flows(self) -> tuple[Graph, ...]:
        """The control flow of the module's own statements, and then of each of its functions. Raises `AnalysisError`
        for a language that has none here."""
        if self._adapter.flows is None:
            raise AnalysisError(self._without_flow())
        found = list(self._adapter.flows(self._tree.root_node, self.source))
        if any(graph.name == ANONYMOUS for graph in found):
            self._give_names(found)
        if self._tree.root_node.has_error:
            found[1:] = sorted([*found[1:], *self._missed(found)], key=lambda graph: graph.start)
        return tuple(found)

    def _give_names(self, graphs: list[Graph]) -> None:
        """A function's node ends with its body, and is the nearest that begins before it."""
        ends: dict[int, list[Graph]] = {}
        for graph in graphs[1:]:
            ends.setdefault(graph.end, []).append(graph)
        for function in self.syntax.functions:
            around = [graph for graph in ends.get(function.body.end, ()) if graph.start < function.body.start]
            if around:
                max(around, key=lambda graph: graph.start).name = function.qualified_name

    def _missed(self, found: list[Graph]) -> list[Graph]:
        """In broken code functions may stand where nobody looks for statements."""
        ends = {(graph.end, graph.name.rpartition(".")[2]) for graph in found}
        starts = {graph.start for graph in found[1:]}
        missed = [self.cfg(one) for one in self.syntax.functions if (one.body.end, one.name) not in ends]
        return [graph for graph in missed if graph.start not in starts]

    def cfg(self, function: Function | str | None = None) -> Graph:
        """The control flow of a function, by its record or qualified name (the first that has it), or, for None, of
        the module's own statements. Raises `AnalysisError` where there is none."""
        if self._adapter.flow is None:
            raise AnalysisError(self._without_flow())
        root = self._tree.root_node
        if function is None:
            return self._adapter.flow(root, self.source)
        if isinstance(function, str):
            function = self._function(function)
        body = function.body
        node = root.descendant_for_byte_range(body.start, body.end)
        while node is not None and body.start <= node.start_byte and node.end_byte <= body.end:
            node = node.parent  # a wrapper's place would not do: it may hold several functions
        graph = self._adapter.flow(node or root, self.source)
        graph.name = function.qualified_name
        return graph

    def dataflow(self, function: Function | str | None = None) -> DataFlow:
        """The data flow of a function, named as for `cfg`. Raises `AnalysisError` where there is none."""
        return DataFlow(self.cfg(function), self._places)

    @cached_property
    def dataflows(self) -> tuple[DataFlow, ...]:
        """The data flow of the module's own statements, and then of each of its functions."""
        return tuple(DataFlow(graph, self._places) for graph in self.flows)

    @cached_property
    def _places(self) -> Places:
        return Places(self._names, self.source)

    def _without_flow(self) -> str:
        known = ", ".join(sorted(name for name, adapter in LANGUAGES.items() if adapter.flow is not None))
        return f"`{self.language}` has no control flow; those that have it are {known}"

    def _function(self, name: str) -> Function:
        if name not in self._by_name:
            near = get_close_matches(name, self._by_name, 1)
            raise AnalysisError(f"there is no function `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""))
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Function]:
        """The first function of each qualified name."""
        return {one.qualified_name: one for one in reversed(self.syntax.functions)}

    @cached_property
    def types(self) -> Types:
        """Inferred types of names and returns. Raises `AnalysisError` for a language other than Python."""
        if self.language != "python":
            raise AnalysisError(f"`{self.language}` has no type inference; `python` has")
        # Here, for it takes longer to import than all the rest, and few ask for it
        from analysis.types.inference import types_of

        return types_of(self._tree, self.source, self._names, self.syntax)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Who calls whom, in the order of the lines. Raises `AnalysisError` for a language without a call graph."""
        return self._calls.calls

    @property
    def imports(self) -> tuple[Imported, ...]:
        """Every name that is imported, and from where. Raises `AnalysisError` as `calls` does."""
        return self._calls.imports

    @property
    def bases(self) -> dict[str, tuple[str, ...]]:
        """What each class inherits from, as far as it is known. Raises `AnalysisError` as `calls` does."""
        return self._calls.bases

    @cached_property
    def _calls(self) -> Calls:
        return calls_of(self._tree, self.source, self._adapter, self._names, self.syntax)

    def edit(self, start: int, old_end: int, text: bytes | str) -> "Module":
        """The module after an edit: the bytes from `start` to `old_end` become `text`. This one stays as it is.

        What it finds is what `parse` would find. Only what the edit touches is parsed, but where the new source is
        broken: what is recovered of that depends on where one begins. Raises `AnalysisError` for a place that the
        source does not have.
        """
        size = len(self.source)
        if not 0 <= start <= old_end <= size:
            raise AnalysisError(f"an edit from {start} to {old_end} does not lie in a source of {size} bytes")
        new = _encoded(text)
        source = b"".join((self.source[:start], new, self.source[old_end:]))
        new_end = start + len(new)
        places = _point(self.source, start), _point(self.source, old_end), _point(source, new_end)
        tree = self._tree.copy()
        tree.edit(start, old_end, new_end, *places)
        parser = Parser(self._adapter.language)
        edited = parser.parse(source, tree)
        return Module(source, self._adapter, parser.parse(source) if edited.root_node.has_error else edited)

    def line_of(self, at: int) -> int:
        """The line, from 1, in which a byte stands."""
        return bisect_left(self._line_ends, at) + 1

    @cached_property
    def _line_ends(self) -> list[int]:
        return [match.start() for match in re.finditer(rb"\n", self.source)]

    def text(self, start: int, end: int) -> str:
        """A part of the source; what is no UTF-8 is replaced."""
        return self.source[start:end].decode(errors="replace")


def parse(source: bytes | str, language: str) -> Module:
    """Parses a file. Raises `AnalysisError` for a language that nobody knows, and nothing for code.

    `source` is UTF-8 where it is bytes; what is not is passed over. Besides those in `LANGUAGES` every grammar of the
    parser pack will do: what its syntax holds is then told by the names of its nodes.
    """
    adapter = LANGUAGES.get(language) or generic(language)
    if adapter is None:
        named = language_of(f"a.{language}")  # by the ending of its files, as `py`
        near = [named] if named else get_close_matches(language.lower(), PACKED, 1)
        hint = (
            f"did you mean `{near[0]}`?"
            if near
            else f"there are {', '.join(sorted(LANGUAGES))} and {len(PACKED)} in all"
        )
        raise AnalysisError(f"there is no language `{language}`; {hint}")
    content = _encoded(source)
    return Module(content, adapter, Parser(adapter.language).parse(content))


def _encoded(text: bytes | str) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _point(source: bytes, at: int) -> tuple[int, int]:
    """Row and column, from 0, in bytes."""
    return source.count(b"\n", 0, at), at - (source.rfind(b"\n", 0, at) + 1)
