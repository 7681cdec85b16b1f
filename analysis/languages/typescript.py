"""TypeScript and TSX."""

from analysis.languages.adapter import Adapter
from analysis.languages.ecmascript_flow import flow, flows
from analysis.languages.javascript import WRAPPERS
from analysis.languages.typescript_scopes import names

ALL = WRAPPERS | {"public_field_definition", "ambient_declaration", "expression_statement"}
QUERIES = ("ecmascript", "typescript")
EXTENSIONS = (".ts", ".mts", ".cts")
TYPESCRIPT = Adapter("typescript", EXTENSIONS, wrappers=ALL, queries=QUERIES, names=names, flow=flow, flows=flows)
TSX = Adapter("tsx", (".tsx",), wrappers=ALL, queries=QUERIES, names=names, flow=flow, flows=flows)
