"""TypeScript and TSX."""

from analysis.languages.adapter import Adapter
from analysis.languages.javascript import WRAPPERS

ALL = WRAPPERS | {"public_field_definition", "ambient_declaration", "expression_statement"}
TYPESCRIPT = Adapter("typescript", (".ts", ".mts", ".cts"), wrappers=ALL)
TSX = Adapter("tsx", (".tsx",), query_of="typescript", wrappers=ALL)
