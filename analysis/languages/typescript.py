"""TypeScript and TSX."""

from analysis.languages.adapter import Adapter
from analysis.languages.javascript import WRAPPERS

ALL = WRAPPERS | {"public_field_definition", "ambient_declaration", "expression_statement"}
QUERIES = ("ecmascript", "typescript")
TYPESCRIPT = Adapter("typescript", (".ts", ".mts", ".cts"), wrappers=ALL, queries=QUERIES)
TSX = Adapter("tsx", (".tsx",), wrappers=ALL, queries=QUERIES)
