"""Python."""

import ast
import warnings

from tree_sitter import Node

from analysis.languages.adapter import Adapter, Token, text_of
from analysis.languages.python_flow import flow, flows
from analysis.languages.python_scopes import names_of

STRINGS = ("string", "concatenated_string")


def docstring(body: Node) -> str | None:
    """The value of the string that stands alone as the first statement (no bytes, no f-string)."""
    first = body.named_child(0) if body.named_child_count else None
    if first is not None and first.type == "comment":
        first = next((child for child in body.named_children if child.type != "comment"), None)
    if first is not None and first.type == "expression_statement" and first.named_child_count == 1:
        first = first.named_child(0)
    if first is None or first.type not in STRINGS:
        return None
    text = text_of(first)
    if first.type == "string" and "\\" not in text:  # as written: nothing has to be worked out
        opening, closing = first.children[0], first.children[-1]
        prefix = text_of(opening).lower()
        if "b" in prefix or "f" in prefix:
            return None
        return text[len(prefix) : len(text) - (closing.end_byte - closing.start_byte)].replace("\r\n", "\n")
    try:
        with warnings.catch_warnings(action="ignore"):  # a stray backslash is not ours to report
            value = ast.literal_eval(text)
    except (SyntaxError, ValueError):  # an f-string, or broken
        return None
    return value if isinstance(value, str) else None


PYTHON = Adapter(
    "python",
    (".py", ".pyi"),
    tokens=(
        Token("def", "function", ("function_definition",)),
        Token("class", "class", ("class_definition",)),
        Token("import", "import", ("import_statement", "import_from_statement", "future_import_statement")),
        Token("#", "comment", ("comment",)),
    ),
    wrappers=frozenset(["decorated_definition"]),
    docstring=docstring,
    documented_above=False,
    flow=flow,
    flows=flows,
    names=names_of,
)
