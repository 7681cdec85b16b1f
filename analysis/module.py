"""One file's source and what analysis finds in it. Parsing never fails: broken code says where it is broken."""

from difflib import get_close_matches
from functools import cached_property

from tree_sitter import Parser, Tree

from analysis.languages import LANGUAGES
from analysis.languages.adapter import Adapter
from analysis.languages.generic import PACKED, generic
from analysis.syntax import Fault, Syntax, faults_of, nodes_at, syntax_of
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
        return syntax_of(self._tree, self._adapter)

    @cached_property
    def errors(self) -> tuple[Fault, ...]:
        """Where the code is broken, in the order of the lines; at most a hundred places."""
        return faults_of(self._tree)

    def nodes_at(self, byte: int) -> tuple[tuple[int, int], ...]:
        """Where the named nodes around a byte stand, from the whole file down to the innermost."""
        return nodes_at(self._tree, byte)

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
        near = get_close_matches(language, PACKED, 1)
        hint = (
            f"did you mean `{near[0]}`?"
            if near
            else f"there are {', '.join(sorted(LANGUAGES))} and {len(PACKED)} in all"
        )
        raise AnalysisError(f"there is no language `{language}`; {hint}")
    content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    return Module(content, adapter, Parser(adapter.language).parse(content))
