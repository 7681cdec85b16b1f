"""Typed and documented Python functions as tools: OpenAI's description of each, and values that fit its types.

A function whose types say nothing exact (a class of somebody's own, `Any`) makes no tool.
"""

import ast
import random
import re

from analysis.python import Function
from hone.records import Json, Record

SIMPLE = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
LISTS = frozenset(["list", "List", "Sequence", "Iterable", "Collection", "tuple", "Tuple", "set", "Set"])
WORDS = ("alpha", "report", "north", "invoice", "main", "summer", "data", "blue", "weekly", "home")
BY_NAME = (  # a part of the name → values that a person would give
    ("path", ("src/app.py", "data/input.csv", "README.md", "logs/today.txt")),
    ("file", ("notes.txt", "report.pdf", "main.py")),
    ("dir", ("build", "out", "src")),
    ("url", ("https://example.org/list", "https://example.com/api/v1")),
    ("email", ("ada@example.org", "info@example.com")),
    ("host", ("localhost", "db.example.org")),
    ("name", ("Ada", "orders", "invoice-7", "staging")),
    ("key", ("user_id", "total", "region")),
    ("text", ("Hello, world", "The meeting is at nine.")),
    ("date", ("2024-05-17", "2023-11-02")),
    ("day", ("Monday", "2024-05-17")),
)
_SPHINX = r"[:@]param(?:eter)?[ \t]+(?:[\w\[\],.|]+[ \t]+)?(\w+)[ \t]*:"  # `:param name:`, with a type or without
_GOOGLE = r"(\w+)[ \t]*(?:\([^)\n]*\))?[ \t]*:"  # `name (type):`
_PARAMETER = re.compile(rf"^[ \t]*(?:{_SPHINX}|{_GOOGLE})[ \t]+(\S.*)$", re.MULTILINE)


class Parameter(Record, frozen=True):
    """One parameter of a tool."""

    name: str
    schema: dict[str, Json]
    required: bool
    description: str = ""


class Tool(Record, frozen=True):
    """A function as a tool."""

    name: str
    summary: str  # the first sentence of its docstring
    parameters: tuple[Parameter, ...]

    @property
    def described(self) -> dict[str, Json]:
        """As `tools` of OpenAI's chat completions take it."""
        properties = {
            one.name: one.schema | ({"description": one.description} if one.description else {})
            for one in self.parameters
        }
        required = [one.name for one in self.parameters if one.required]
        parameters = {"type": "object", "properties": properties, "required": required}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.summary, "parameters": parameters},
        }


def tool_of(function: Function) -> Tool | None:
    """The tool that a function makes; None where its types or its docstring do not say enough."""
    summary = summary_of(function.docstring)
    if not summary or function.name.startswith("_") or "<locals>" in function.qualified_name:
        return None
    try:
        (node,) = ast.parse(f"{function.signature} pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.args.vararg or node.args.kwarg:
        return None
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults = [*[None] * (len(arguments) - len(node.args.defaults)), *node.args.defaults, *node.args.kw_defaults]
    said = {(first or second): text for first, second, text in _PARAMETER.findall(function.docstring)}
    parameters = []
    for argument, default in zip([*arguments, *node.args.kwonlyargs], defaults, strict=True):
        if argument.arg in ("self", "cls") and argument.annotation is None:
            continue
        schema = schema_of(argument.annotation) if argument.annotation else None
        if schema is None:
            return None
        parameters.append(Parameter(argument.arg, schema, default is None, said.get(argument.arg, "")))
    return Tool(function.name, summary, tuple(parameters)) if parameters else None


def summary_of(docstring: str) -> str:
    """The first sentence, where it says what is done in some words; else nothing."""
    first = " ".join(docstring.split("\n\n", maxsplit=1)[0].split())
    sentence = re.split(r"(?<=[.!?])\s", first)[0].strip()
    plain = sentence[:1].isalpha() and "`" not in sentence and ":" not in sentence
    return sentence if plain and 3 <= len(sentence.split()) <= 30 else ""


def schema_of(annotation: ast.expr) -> dict[str, Json] | None:
    """JSON Schema of an annotation; None where it is no plain type. `X | None` is as `X`."""
    match annotation:
        case ast.Constant(value=str(text)):
            return _quoted(text)
        case ast.Name(id=name) if name in SIMPLE:
            return {"type": SIMPLE[name]}
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return schema_of(left)
        case ast.Subscript(value=outer, slice=inner):
            return _subscripted(_last_name(outer), inner)
    return None


def value_for(parameter: Parameter, rng: random.Random) -> Json:
    """A value of the parameter's type."""
    return _value(parameter.schema, parameter.name, rng)


def _quoted(text: str) -> dict[str, Json] | None:
    try:
        return schema_of(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _subscripted(outer: str, inner: ast.expr) -> dict[str, Json] | None:
    if outer == "Optional":
        return schema_of(inner)
    if outer == "Literal":
        values = [part.value for part in _parts(inner) if isinstance(part, ast.Constant)]
        return {"type": "string", "enum": values} if values and all(isinstance(one, str) for one in values) else None
    if outer in LISTS:
        parts = [part for part in _parts(inner) if not (isinstance(part, ast.Constant) and part.value is ...)]
        items = schema_of(parts[0]) if len(parts) == 1 else None
        return {"type": "array", "items": items} if items else None
    return None


def _parts(inner: ast.expr) -> list[ast.expr]:
    return list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]


def _last_name(node: ast.expr) -> str:
    """`List` of `typing.List`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _value(schema: dict[str, Json], name: str, rng: random.Random) -> Json:
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema["type"]:
        case "integer":
            return rng.choice((1, 2, 3, 5, 8, 10, 12, 20, 42, 100))
        case "number":
            return rng.choice((0.1, 0.25, 0.5, 1.5, 2.0, 9.81))
        case "boolean":
            return rng.random() < 0.5
        case "array":
            return [_value(schema["items"], name, rng) for _ in range(rng.randint(2, 3))]
    fitting = next((values for part, values in BY_NAME if part in name.lower()), WORDS)
    return rng.choice(fitting)
