"""The nodes of a tree that make its outline: definitions, imports and comments, by query or by a language's tokens.

A query walks through the whole tree, which takes a third as long as the parser itself. Where every definition has a
keyword of its own, the source is searched for that, and the tree asked what stands there.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node, QueryCursor, Tree

from analysis.languages.adapter import Adapter, Token

MOST_TOKENS = 10_000  # to be asked for: where thousands of nodes stand in one, finding each takes the longer


class Definition(NamedTuple):
    """A node that defines something, with the nodes of its name and body."""

    kind: str
    node: Node
    name: Node
    body: Node | None


class Captures(NamedTuple):
    """What was found, each in the order of the file but for the definitions."""

    definitions: list[Definition]
    imports: list[Node]
    comments: list[Node]


def captures_of(tree: Tree, source: bytes, adapter: Adapter) -> Captures:
    """By the tokens that the adapter names; by its query where it names none, or the file has too many."""
    if adapter.tokens and sum(source.count(token.text.encode()) for token in adapter.tokens) <= MOST_TOKENS:
        return by_tokens(tree, source, adapter)
    return by_query(tree, adapter)


def by_query(tree: Tree, adapter: Adapter) -> Captures:
    """What the query captures."""
    definitions: list[Definition] = []
    imports: list[Node] = []
    comments: list[Node] = []
    for _, captures in QueryCursor(adapter.query).matches(tree.root_node):
        if "comment" in captures:
            comments += captures["comment"]
        elif "import" in captures:
            imports += captures["import"]
        else:
            bodies = captures.pop("body", None)
            body = bodies[0] if bodies else None
            name = captures.pop("name")[0]
            ((kind, (node, *_)),) = captures.items()
            definitions.append(Definition(kind, node, name, body))
    return Captures(definitions, imports, list(_outermost(comments)))


def _outermost(nodes: list[Node]) -> Iterator[Node]:
    """Some grammars have nodes for what a comment says, within it."""
    end = 0
    for node in sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte)):
        if node.start_byte >= end:
            end = node.end_byte
            yield node


def by_tokens(tree: Tree, source: bytes, adapter: Adapter) -> Captures:
    """The same as by query."""
    definitions: list[Definition] = []
    imports: list[Node] = []
    comments: list[Node] = []
    for token in adapter.tokens:
        nodes = _nodes(tree.root_node, source, token)
        if token.capture == "comment":
            comments += nodes
        elif token.capture == "import":
            imports += nodes
        else:
            for node in nodes:
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                if name is not None and body is not None:
                    definitions.append(Definition(token.capture, node, name, body))
    return Captures(definitions, imports, comments)


def _nodes(root: Node, source: bytes, token: Token) -> Iterator[Node]:
    """The nodes that the token begins or stands in. A string or a longer name that it is a part of is skipped."""
    text, kind = token.text.encode(), token.text
    length = len(text)
    at = source.find(text)
    while at >= 0:
        leaf = root.descendant_for_byte_range(at, at + length)
        after = at + length
        if leaf is not None:
            if leaf.type in token.nodes:  # the token begins it, and it has no parts
                yield leaf
                after = max(after, leaf.end_byte)
            elif leaf.type == kind:
                parent = leaf.parent
                if parent is not None and parent.type in token.nodes:
                    yield parent
            elif leaf.child_count == 0:
                after = max(after, leaf.end_byte)
        at = source.find(text, after)
