"""What can be read off the text: parts of Python's own syntax tree, names of scopes, generators."""

import ast
import warnings

from tree_sitter import Node

from analysis.scopes import Scope
from analysis.syntax import LOCAL


def qualified(scope: Scope) -> str:
    """A class's or function's name with what is around it; empty for the module."""
    parts: list[str] = []
    at: Scope | None = scope
    while at is not None and at.parent is not None:
        if at.kind in ("class", "function"):
            parts += [LOCAL, at.name] if parts and at.kind == "function" else [at.name]
        at = at.parent
    return ".".join(reversed(parts))


def identifiers(node: Node) -> list[Node]:
    """The names in a list of type parameters."""
    found: list[Node] = []
    for child in node.named_children:
        inner = child
        while inner.type != "identifier" and inner.named_children:
            inner = inner.named_children[0]
        if inner.type == "identifier":
            found.append(inner)
    return found


def is_async(node: Node) -> bool:
    """Whether a function is a coroutine."""
    return bool(node.children) and node.children[0].type == "async"


def yields(body: Node, source: bytes) -> bool:
    """Whether a function with this body is a generator."""
    if b"yield" not in source[body.start_byte : body.end_byte]:
        return False
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if node.type == "yield":
            return True
        if node.type not in ("function_definition", "class_definition", "lambda"):
            waiting += node.named_children
    return False


def parsed(written: str) -> ast.expr | None:
    """An expression as Python's own parser reads it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(f"({written.strip()})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statement_of(written: str) -> ast.stmt | None:
    """A statement as Python's own parser reads it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(written).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return body[0] if body else None
