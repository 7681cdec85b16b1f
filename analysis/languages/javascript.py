"""JavaScript and JSX."""

from analysis.languages.adapter import Adapter

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
    "javascript", (".js", ".mjs", ".cjs", ".jsx"), wrappers=WRAPPERS, queries=("ecmascript", "javascript")
)
