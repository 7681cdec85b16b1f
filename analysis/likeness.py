"""Functions that are the same program: digests of syntax trees without names, docstrings, annotations and layout.

Python alone, by the standard library's own parser. Says nothing of programs that do the same in another way.
"""

import ast
import builtins
import textwrap
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from analysis.python import FunctionNode, blocks_in, is_documented, tree_of
from hone.files import sha256_bytes
from hone.records import Record

MIN_NODES = 20  # of a tree, as compared; smaller functions are alike by chance
_KEPT_NAMES = frozenset(dir(builtins)) | {"self", "cls"}  # but for those that a function gives another meaning
_NAMES = {  # where a node holds one of a program's own names; those of keywords and imports are other programs' too
    ast.Name: "id", ast.arg: "arg", ast.FunctionDef: "name", ast.AsyncFunctionDef: "name", ast.ClassDef: "name",
    ast.ExceptHandler: "name", ast.MatchAs: "name", ast.MatchStar: "name",
}  # fmt: skip
_IGNORED = frozenset({"annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_ignores"})
_FIELDS = {  # what of a node counts
    kind: tuple(field for field in kind._fields if field not in _IGNORED)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

_CHANGED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign)  # of which parts do not count

Shape = tuple[int, tuple[str, ...]]  # of a function: its arguments, and what its statements are


class Likeness(Record, frozen=True):
    """One function as it is compared."""

    name: str
    digest: str
    nodes: int  # of its tree
    first_line: int  # of its decorators, where it has any
    last_line: int


def function_digests(source: str, shapes: AbstractSet[Shape] | None = None) -> list[tuple[str, str]] | None:
    """Name and digest of each function that is large enough; None where the text is no Python.

    Functions have the same digest where only names, docstrings, decorators, annotations, comments and layout differ.
    With `shapes`, only functions of one of these are looked at: the others can have no digest that matters.
    """
    found = likenesses(source, shapes)
    return None if found is None else [(one.name, one.digest) for one in found if one.nodes >= MIN_NODES]


def likenesses(
    source: str,
    shapes: AbstractSet[Shape] | None = None,
    *,
    literals: bool = True,
    ending: AbstractSet[int] | None = None,
) -> list[Likeness] | None:
    """Each function of any size, as `function_digests`; without `literals`, other numbers and strings are the same.

    With `ending`, only functions that end on one of these lines are looked at.
    """
    try:
        return [
            _likeness(node, literals=literals)
            for node in _functions(_parsed(source))
            if (ending is None or node.end_lineno in ending) and (shapes is None or _shape(node) in shapes)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def shapes_of(source: str) -> set[Shape]:
    """The shapes of all functions; none where the text is no Python."""
    try:
        return {_shape(node) for node in _functions(_parsed(source))}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _parsed(source: str) -> ast.Module:
    try:
        return tree_of(source)
    except IndentationError:  # a method by itself
        return tree_of(textwrap.dedent(source))


def _functions(tree: ast.Module) -> Iterator[FunctionNode]:
    """Every function, found from statement to statement: expressions hold none."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, FunctionNode):
            yield node
        waiting += blocks_in(node)


def _shape(function: FunctionNode) -> Shape:
    """What is seen at a glance, and is the same for functions of the same digest."""
    given = function.args
    count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
    return count, tuple(_kind(statement) for statement in _body(function))


def _body(function: FunctionNode) -> list[ast.stmt]:
    """Without the docstring."""
    return (function.body[1:] or [ast.Pass()]) if is_documented(function) else function.body


def _kind(node: ast.AST) -> str:
    """A statement with what its value is. Asynchronous functions and annotated assignments count as the plain ones."""
    kind = type(node)
    if isinstance(node, ast.AnnAssign):
        return f"Assign {_value_kind(node.value)}" if node.value else f"Expr {_value_kind(node.target)}"
    name = "FunctionDef" if kind is ast.AsyncFunctionDef else kind.__name__
    value = getattr(node, "value", None)
    return f"{name} {_value_kind(value)}" if value else name


def _value_kind(value: ast.AST) -> str:
    """An expression at a glance: of a comprehension what it makes and its conditions, of a call its arguments."""
    if _literal(value):
        return "literal"
    name = type(value).__name__
    if isinstance(value, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        conditions = [_value_kind(condition) for one in value.generators for condition in one.ifs]
        return f"{name} {_value_kind(value.elt)} {' '.join(conditions)}"
    return f"{name} {len(value.args)}" if isinstance(value, ast.Call) else name


def _likeness(function: FunctionNode, *, literals: bool) -> Likeness:
    """Names are numbered as they appear, but for `_KEPT_NAMES` that the function gives no meaning."""
    tree = _Words(literals=literals)
    nodes = tree.add(function)
    digest = sha256_bytes(" ".join(tree.numbered()).encode())
    first = min(node.lineno for node in (function, *function.decorator_list))
    return Likeness(function.name, digest, nodes, first, function.end_lineno or function.lineno)


class _Words:
    """A tree as words on their way to a digest."""

    def __init__(self, *, literals: bool) -> None:
        self._literals = literals
        self._words: list[str] = []
        self._names: list[int] = []  # which of the words are names
        self._own: set[str] = set()  # names that are given a meaning here

    def numbered(self) -> list[str]:
        """The words, once all are there."""
        kept = _KEPT_NAMES - (self._own - {"self", "cls"})
        numbers: dict[str, str] = {}
        words = self._words
        for place in self._names:
            name = words[place]
            if name not in kept:
                words[place] = numbers.setdefault(name, f"_{len(numbers)}")
        return words

    def add(self, node: ast.AST) -> int:
        """Appends a part of a tree; how many nodes it has."""
        if not self._literals and (literal := _literal(node)):
            self._words.append(literal)
            return 1
        if isinstance(node, _CHANGED):
            node = _plain(node)
        kind = type(node)
        self._words.append(kind.__name__)
        named, count = _NAMES.get(kind), 1
        for field in _FIELDS[kind]:
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                count += self.add(value)
            elif field == named and value is not None:
                self._add_name(node, value)
            else:
                count += self._add_value(value)
        return count

    def _add_value(self, value: object) -> int:
        if not isinstance(value, list):
            self._words.append(repr(value))
            return 0
        self._words.append("[")
        count = sum([self.add(one) if isinstance(one, ast.AST) else self._add_value(one) for one in value])
        self._words.append("]")
        return count

    def _add_name(self, node: ast.AST, name: str) -> None:
        self._names.append(len(self._words))
        self._words.append(name)
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store):
            self._own.add(name)


def _plain(node: ast.AST) -> ast.AST:
    """A function without what does not count, an assignment without its annotation."""
    if isinstance(node, ast.AnnAssign):
        return ast.Assign([node.target], node.value) if node.value else ast.Expr(node.target)
    return ast.FunctionDef(node.name, node.args, _body(node), []) if isinstance(node, FunctionNode) else node


def _literal(node: ast.AST) -> str:
    """What a number or a string is written as, its sign included; empty for what is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return "number" if _literal(node.operand) == "number" else ""
    if not isinstance(node, ast.Constant) or node.value is None or isinstance(node.value, bool):
        return ""
    return "text" if isinstance(node.value, str | bytes) else "" if node.value is ... else "number"
