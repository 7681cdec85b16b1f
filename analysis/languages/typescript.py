"""TypeScript and TSX."""

from analysis.languages.adapter import Adapter
from analysis.languages.javascript import WRAPPERS
from analysis.languages.typescript_scopes import names

ALL = WRAPPERS | {"public_field_definition", "ambient_declaration", "expression_statement"}
QUERIES = ("ecmascript", "typescript")
TYPESCRIPT = Adapter("typescript", (".ts", ".mts", ".cts"), wrappers=ALL, queries=QUERIES, names=names)
TSX = Adapter("tsx", (".tsx",), wrappers=ALL, queries=QUERIES, names=names)
