"""Languages without an adapter: what their grammars' own names give away. Nodes that are called so and have a name."""

import re
from collections.abc import Iterator
from functools import cache
from typing import get_args

from tree_sitter import Language, Query, QueryError
from tree_sitter_language_pack import SupportedLanguage

from analysis.languages.adapter import Adapter, grammar_of

NEVER_ENDING = frozenset(["cobol"])  # its scanner runs for ever on what is no COBOL
PACKED: tuple[str, ...] = tuple(name for name in get_args(SupportedLanguage) if name not in NEVER_ENDING)
_DEFINED = r"(_(definition|declaration|statement|item|specifier|def|decl|signature))?$"
_KINDS = tuple(
    (kind, re.compile(rf"^(\w+_)?({words}){_DEFINED}"))
    for kind, words in (
        ("function", "function|func|fun|method|procedure|subroutine|constructor|macro|rule|task"),
        ("class", "class|contract|entity|record|type|component"),
        ("struct", "struct|structure|union|message"),
        ("interface", "interface|protocol|service"),
        ("trait", "trait"),
        ("enum", "enum|enumeration"),
        ("object", "object"),
        ("namespace", "namespace|module|package"),
    )
)
_IMPORT = re.compile(
    r"^(import|use|using|include|require|open)(_(statement|declaration|directive|header|clause|spec))?$"
)


@cache
def generic(name: str) -> Adapter | None:
    """An adapter made of the grammar; None where the pack has none of that name."""
    if name not in PACKED:
        return None
    return Adapter(name, query_text="\n".join(_patterns(grammar_of(name))))


def _patterns(language: Language) -> Iterator[str]:
    """Those that the grammar can fulfil: a pattern that it never could is refused by the query's own check."""
    for number in range(language.node_kind_count):
        if not language.node_kind_is_named(number) or not language.node_kind_is_visible(number):
            continue
        kind = language.node_kind_for_id(number) or ""
        if "comment" in kind:
            pattern = f"({kind}) @comment"
        elif _IMPORT.match(kind):
            pattern = f"({kind}) @import"
        else:
            known = next((known for known, names in _KINDS if names.match(kind)), None)
            if known is None:
                continue
            pattern = f"({kind} name: (_) @name) @{known}"
        try:
            Query(language, pattern)
        except QueryError:
            continue
        yield pattern
