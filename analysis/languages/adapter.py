"""What one language adds to what is the same for all: its grammar, its file names, and where its habits differ."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Language, Node, Query, Tree
from tree_sitter_language_pack import get_language

from analysis.flow import Graph
from analysis.scopes import Names

HERE = Path(__file__).parent


def nothing(_node: Node) -> str:
    """No name beside those that the query finds."""
    return ""


def no_docstring(_body: Node) -> str | None:
    """Documentation is the comment above."""
    return None


class Token(NamedTuple):
    """A word that stands in every node of some kinds, and in each of them once."""

    text: str
    capture: str  # what the query would capture the node as
    nodes: tuple[str, ...]  # kinds of node: of the token itself, or of what it stands in


@dataclass(frozen=True)
class Adapter:
    """One language, by the parser pack's name. Its query, `NAME.scm` beside this file unless `queries` says otherwise,
    captures definitions with their `name` and `body`, imports and comments; docs/languages.md says how."""

    name: str
    extensions: tuple[str, ...] = ()  # with their dot
    queries: tuple[str, ...] = ()  # files that make its query together, where other languages share some
    query_text: str | None = None  # in place of files
    tokens: tuple[Token, ...] = ()  # by which all is found that the query captures, much quicker
    wrappers: frozenset[str] = frozenset()  # nodes around a definition that begin before it: decorators, exports
    attributes: frozenset[str] = frozenset()  # siblings that may stand between a definition and its comment
    docstring: Callable[[Node], str | None] = no_docstring  # a body → the string in it that documents, as written
    documented_above: bool = True  # by comments, where no string in the body does
    container: Callable[[Node], str] = nothing  # a definition → what it belongs to, where nothing around it says so
    names: Callable[[Tree, bytes], Names] | None = None  # scopes and the names in them
    flow: Callable[[Node, bytes], Graph] | None = None  # a function's node with what wraps it, or the root → its flow
    flows: Callable[[Node, bytes], Iterator[Graph]] | None = None  # the root → the flow of the module and all functions

    @cached_property
    def language(self) -> Language:
        """The grammar."""
        return grammar_of(self.name)

    @cached_property
    def query(self) -> Query:
        """The compiled query."""
        text = self.query_text
        if text is None:
            files = self.queries or (self.name,)
            text = "\n".join((HERE / f"{file}.scm").read_text(encoding="utf-8") for file in files)
        return Query(self.language, text)


def grammar_of(name: str) -> Language:
    """A grammar by the pack's name. Raises `LookupError` where it has none."""
    return get_language(name)  # type: ignore[arg-type]  # the pack lists its names as a type, and checks them itself


def text_of(node: Node | None) -> str:
    """What a node stands for in the source."""
    return (node.text or b"").decode(errors="replace") if node is not None else ""


def only_words(text: str) -> str:
    """A name without the line ends and spaces that a grammar lets stand in it."""
    return "".join(text.split())
