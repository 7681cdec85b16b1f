"""JavaScript and JSX."""

from analysis.languages.adapter import Adapter
from analysis.languages.ecmascript_scopes import names

WRAPPERS = frozenset(
    [
        "export_statement",
        "lexical_declaration",
        "pair",
        "variable_declaration",
        "variable_declarator",
        "field_definition",
    ]
)
JAVASCRIPT = Adapter(
    "javascript",
    (".js", ".mjs", ".cjs", ".jsx"),
    wrappers=WRAPPERS,
    queries=("ecmascript", "javascript"),
    names=names,
)
