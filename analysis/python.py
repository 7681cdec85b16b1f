"""The functions of a Python file, with docstrings, bodies and spans, from the standard library's own parser.

Broken code is an answer and not an exception: `parse` never raises. Scopes, types and flow are not read here.
"""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from hone.records import Record

# Between the last part of a signature and its own colon only a comment can hold another colon.
_TO_COLON = re.compile(r"(?:[^:#]++|#[^\r\n]*+)*+:")
_REST_OF_LINE = re.compile(r"[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)")
_LINE = re.compile(
    r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z"
)  # as the tokenizer counts lines; `str.splitlines` knows more ends

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)  # not as a union: that takes longer to ask for
_PARTS = ("body", "handlers", "orelse", "finalbody", "cases")  # of statements, in which a definition can stand
_HOLDING = {  # the kinds of nodes that have such parts
    kind: parts
    for kind in vars(ast).values()
    if isinstance(kind, type) and (parts := tuple(part for part in _PARTS if part in getattr(kind, "_fields", ())))
}


class Fault(Record, frozen=True):
    """Why a file could not be parsed. `reason` is one of a few fixed phrases, so that faults can be counted."""

    reason: str
    message: str
    line: int = 0  # 1-based; 0 where the fault has no place


class Import(Record, frozen=True):
    """One import statement at module level, as whole lines."""

    last_line: int
    text: str


class Function(Record, frozen=True):
    """One function or method. `header + body` is its source from the `def` line on, byte for byte."""

    name: str
    qualified_name: str  # as `__qualname__`: `Class.method`, `outer.<locals>.inner`
    first_line: int  # of `def`, below any decorators; 1-based, inclusive
    last_line: int
    signature: str  # from `def` to its colon
    docstring: str  # without its quotes and indentation; empty where there is none
    header: str  # the `def` line or lines, and the docstring where there is one
    body: str  # the rest
    indentation: str  # before `def`
    enclosing: tuple[str, ...]  # the first lines of the classes and functions around it, outermost first
    trivial: bool  # does nothing: only `pass`, `...` or `raise NotImplementedError`


class Module(Record, frozen=True):
    """What one file says. Where `fault` is set, the rest is empty."""

    imports: tuple[Import, ...] = ()
    functions: tuple[Function, ...] = ()
    fault: Fault | None = None


def parse(source: bytes | str) -> Module:
    """Reads one file's imports and functions, in the order of its lines."""
    text = decode(source) if isinstance(source, bytes) else source
    if isinstance(text, Fault):
        return Module(fault=text)
    tree = _tree_of(text)
    if isinstance(tree, Fault):
        return Module(fault=tree)
    places = _Places(text)
    functions = sorted(_functions(tree, places), key=lambda function: function.first_line)
    return Module(imports=tuple(_imports(tree, places)), functions=tuple(functions))


def decode(source: bytes) -> str | Fault:
    """The file's text in the encoding that it declares (PEP 263), without a byte order mark; line ends stay."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
        text.encode()  # an encoding such as `unicode_escape` can smuggle in lone surrogates
    except (SyntaxError, LookupError, ValueError) as error:
        return Fault("not text in its encoding", str(error))
    if "\0" in text:
        return Fault("null bytes", "holds null bytes", text[: text.index("\0")].count("\n") + 1)
    return text


@lru_cache(maxsize=1)
def tree_of(text: str) -> ast.Module:
    """The syntax tree, to be looked at and not changed: of the same text again, it is the same. Raises as `ast.parse`.

    Several look at one file in turn, and parsing it is most of their work.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stray backslash in somebody's string is not ours to report
        return ast.parse(text)


def _tree_of(text: str) -> ast.Module | Fault:
    try:
        return tree_of(text)
    except SyntaxError as error:
        return Fault("syntax error", error.msg, error.lineno or 0)
    except (RecursionError, MemoryError) as error:
        return Fault("nested too deeply", str(error) or "the parser ran out of stack")
    except ValueError as error:
        return Fault("syntax error", str(error))


class _Places:
    """Turns the parser's places (1-based line, UTF-8 bytes within it) into offsets in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = _LINE.findall(text) if "\r" in text else list(io.StringIO(text, newline="\n"))
        self.starts = list(accumulate(map(len, self.lines), initial=0))

    def offset(self, line: int, column: int) -> int:
        """Where this place stands in the text."""
        content = self.lines[line - 1]
        return self.starts[line - 1] + (column if content.isascii() else len(content.encode()[:column].decode()))

    def end(self, node: ast.AST) -> int:
        """Just behind a node."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def whole_lines(self, first: int, last: int) -> str:
        """The lines from `first` to `last`, with their line ends."""
        return self.text[self.starts[first - 1] : self.starts[last]]


def _imports(tree: ast.Module, places: _Places) -> Iterator[Import]:
    last = 0
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno > last:  # `import a; import b` is one line
            last = node.end_lineno or node.lineno
            yield Import(last_line=last, text=places.whole_lines(node.lineno, last))


def _functions(tree: ast.Module, places: _Places) -> Iterator[Function]:
    """Walks statements only, with a list and not by recursion: a long `elif` chain is a deep tree."""
    pending: list[tuple[ast.AST, str, tuple[str, ...]]] = [(node, "", ()) for node in blocks_in(tree)]
    while pending:
        node, prefix, enclosing = pending.pop()
        if isinstance(node, _DEFINITIONS):
            colon = _colon_of(node, places)
            if not isinstance(node, ast.ClassDef):
                yield _function(node, prefix, enclosing, colon, places)
            prefix += f"{node.name}." if isinstance(node, ast.ClassDef) else f"{node.name}.<locals>."
            enclosing = (*enclosing, places.text[places.starts[node.lineno - 1] : colon])
        pending += [(child, prefix, enclosing) for child in blocks_in(node)]


def blocks_in(node: ast.AST) -> list[ast.AST]:
    """What stands right within a statement and can hold statements itself: definitions, loops, handlers, cases …"""
    parts = _HOLDING.get(type(node), ())
    return [child for part in parts for child in getattr(node, part) if type(child) in _HOLDING]


def is_documented(node: FunctionNode) -> bool:
    """Whether it has a docstring. `ast.get_docstring` takes several times as long to say so."""
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _function(node: FunctionNode, prefix: str, enclosing: tuple[str, ...], colon: int, places: _Places) -> Function:
    docstring = ast.get_docstring(node) if is_documented(node) else None
    last_line = node.end_lineno or node.lineno
    start, definition, end = (
        places.starts[node.lineno - 1],
        places.offset(node.lineno, node.col_offset),
        places.starts[last_line],
    )
    split = colon if docstring is None else places.end(node.body[0])
    if rest := _REST_OF_LINE.match(places.text, split):
        split = rest.end()  # the body starts on a line of its own
    return Function(
        name=node.name,
        qualified_name=prefix + node.name,
        first_line=node.lineno,
        last_line=last_line,
        signature=places.text[definition:colon],
        docstring=docstring or "",
        header=places.text[start:split],
        body=places.text[split:end],
        indentation=places.text[start:definition],
        enclosing=enclosing,
        trivial=all(_does_nothing(statement) for statement in node.body[docstring is not None :]),
    )


def _colon_of(node: FunctionNode | ast.ClassDef, places: _Places) -> int:
    """Just behind the colon that ends a definition's first line or lines."""
    if isinstance(node, ast.ClassDef):
        parts: list[ast.AST] = [*node.bases, *node.keywords]
    else:
        listed = node.args
        maybe = (listed.vararg, listed.kwarg, node.returns, *listed.kw_defaults)
        parts = [
            *listed.posonlyargs,
            *listed.args,
            *listed.kwonlyargs,
            *listed.defaults,
            *(part for part in maybe if part),
        ]
    after = max((places.end(part) for part in parts), default=places.offset(node.lineno, node.col_offset))
    colon = _TO_COLON.match(places.text, after)
    return colon.end() if colon else after


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass():
            return True
        case ast.Expr(value=ast.Constant(value=value)):
            return value is ...
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False
