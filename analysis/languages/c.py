"""C. Macros are not expanded: what they hide from the grammar is not found."""

from analysis.languages.adapter import Adapter

C = Adapter("c", (".c", ".h"), wrappers=frozenset(["type_definition", "declaration"]))
