"""Code that can come out one way only: its verdict needs no second run.

What is read here is syntax alone, against a list of what is known to be the same in every run. No clock, no random
number, no file, no hash and no identity can be reached with it, and no set, whose order rests on hashes. Nothing is
caught either, as a lack of memory could be. Everything that is not listed is taken for chance.
"""

import ast
import warnings

_BUILTINS = frozenset([
    "abs", "all", "any", "bool", "chr", "dict", "divmod", "enumerate", "filter", "float", "int", "isinstance",
    "len", "list", "map", "max", "min", "ord", "pow", "range", "reversed", "round", "sorted", "str", "sum",
    "tuple", "zip", "bytes", "complex", "slice", "ArithmeticError", "AssertionError", "AttributeError",
    "Exception", "IndexError", "KeyError", "LookupError", "OverflowError", "RuntimeError", "StopIteration",
    "TypeError", "ValueError", "ZeroDivisionError",
])  # fmt: skip
_METHODS = frozenset([
    "append", "capitalize", "casefold", "center", "clear", "copy", "count", "endswith", "extend", "find", "get",
    "index", "insert", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric",
    "isspace", "istitle", "isupper", "items", "join", "keys", "ljust", "lower", "lstrip", "partition", "pop",
    "popitem", "remove", "replace", "reverse", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip",
    "setdefault", "sort", "split", "splitlines", "startswith", "strip", "swapcase", "title", "update", "upper",
    "values", "zfill",
])  # fmt: skip
_NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For,
    ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Raise, ast.Assert,
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.NamedExpr, ast.Lambda, ast.IfExp, ast.Dict, ast.ListComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Call, ast.keyword, ast.Constant, ast.Attribute, ast.Subscript,
    ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.expr_context,
    ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
LONGEST = 20_000  # characters; reading what is longer costs more than a run


def is_certain(source: str) -> bool:
    """Whether a module, called with plain data, gives back or raises the same in every run that is left to end.

    Timeouts and lack of memory rest on the machine, and are chance whatever the code is.
    """
    if len(source) > LONGEST:
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return all(_is_certain(node, own) for node in nodes)


def _is_certain(node: ast.AST, own: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return "__" not in node.id and (node.id in _BUILTINS or node.id in own)
    if isinstance(node, ast.Attribute):
        return node.attr in _METHODS
    if isinstance(node, ast.FunctionDef):
        return not node.decorator_list
    if isinstance(node, ast.Compare):  # identity of anything else than these rests on what the interpreter keeps
        pairs = zip(node.ops, node.comparators, strict=True)
        return all(not isinstance(op, ast.Is | ast.IsNot) or _is_single(right) for op, right in pairs)
    return isinstance(node, _NODES)


def _is_single(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
