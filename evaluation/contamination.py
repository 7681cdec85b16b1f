"""Whether tasks of a suite stand in the training data: as text (13 words in a row), and as code with other names.

Says which tasks, so that scores of the clean ones can stand beside the full ones. Nothing is removed from either.
"""

import ast
import builtins
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from evaluation.findings import Contamination, Overlap, TrainingFile
from evaluation.overlap import Document, TokenIndex
from evaluation.suites.records import Score
from hone.files import sha256_bytes
from hone.records import Record

WORDS = 13  # as Brown et al. 2020 (GPT-3, appendix C)
# Tasks from the same source as the training data share its phrasing without standing in it. Of the embedded recipe's
# held-out tasks all share 13 words with a training example, and none is one; of a repository's a sixth, and one in 160.
SAME_SOURCE_SHARE = 0.9
EXCERPT_CHARACTERS = 300
COMMON_TASKS = 2  # 13 words that more tasks share are the suite's phrasing, and no task's content
MIN_NODES = 20  # of a tree, as compared; smaller functions are alike by chance
_KEPT_NAMES = frozenset(dir(builtins)) | {"self", "cls"}
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

Function = ast.FunctionDef | ast.AsyncFunctionDef
Shape = tuple[int, tuple[str, ...]]  # of a function: its arguments, and what its statements are


class TaskText(Record, frozen=True):
    """A task as it could have been seen in training."""

    id: str
    text: str  # the question, tests included where they are known
    solution: str  # as a whole module, or empty


def find_contamination(
    tasks: Sequence[TaskText],
    documents: Iterable[Document],
    *,
    share: float = 0.0,
    data: tuple[TrainingFile, ...] = (),
) -> Contamination:
    """Compares every document with every task. Memory goes with the suite; documents may be a stream.

    `share`: of a task's words that one run must hold to count, where tasks come from the same source as the documents.
    `data` says where the documents come from.
    """
    texts = (Document(task.id, f"{task.text}\n{task.solution}") for task in tasks)
    index = TokenIndex(texts, WORDS, words=True, most_documents=COMMON_TASKS)
    needed = {task.id: share * index.size(task.id) for task in tasks}
    trees: dict[str, list[str]] = defaultdict(list)
    shapes = frozenset(shape for task in tasks for shape in _shapes(task.solution))
    for task in tasks:
        for _, digest in function_digests(task.solution) or ():
            trees[digest].append(task.id)
    found: dict[tuple[str, str], Overlap] = {}
    touched: set[str] = set()
    seen = unparsed = 0
    for document in documents:
        seen += 1
        for hit in index.hits(document.text):
            touched.add(hit.document)
            if hit.tokens >= needed[hit.document]:
                shared = " ".join(document.text[hit.start : hit.end].split())[:EXCERPT_CHARACTERS]
                found.setdefault((hit.document, "words"), Overlap(hit.document, document.id, "words", shared))
        functions = function_digests(document.text, shapes) if shapes else []
        unparsed += functions is None
        for name, digest in functions or ():
            for id in trees.get(digest, ()):
                found.setdefault((id, "tree"), Overlap(id, document.id, "tree", name))
    overlaps = tuple(found[key] for key in sorted(found))
    return Contamination(len(tasks), seen, unparsed, overlaps, share, len(touched), data)


def clean_subset(scores: Sequence[Score], contamination: Contamination) -> tuple[Score, ...]:
    """The scores of tasks that no training document overlaps with."""
    overlapping = set(contamination.contaminated)
    return tuple(score for score in scores if score.id not in overlapping)


def function_digests(source: str, shapes: AbstractSet[Shape] | None = None) -> list[tuple[str, str]] | None:
    """Name and digest of each function that is large enough; None where the text is no Python.

    Functions have the same digest where only names, docstrings, decorators, annotations, comments and layout differ.
    With `shapes`, only functions of one of these are looked at: the others can have no digest that matters.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # odd escapes in other people's code
            tree = ast.parse(textwrap.dedent(source))
        nodes = [node for node in _functions(tree) if shapes is None or _shape(node) in shapes]
        texts = [(node.name, *_normalised(node)) for node in nodes]
        return [(name, sha256_bytes(text.encode())) for name, size, text in texts if size >= MIN_NODES]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shapes(source: str) -> set[Shape]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return {_shape(node) for node in _functions(ast.parse(textwrap.dedent(source)))}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _functions(tree: ast.Module) -> Iterator[Function]:
    """Every function, found from statement to statement: expressions hold none."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            yield node
        for field in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting += getattr(node, field, ())


def _shape(function: Function) -> Shape:
    """What is seen at a glance, and is the same for functions of the same digest."""
    given = function.args
    count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
    return count, tuple(_kind(statement) for statement in _body(function))


def _body(function: Function) -> list[ast.stmt]:
    """Without the docstring."""
    documented = ast.get_docstring(function, clean=False) is not None
    return (function.body[1:] or [ast.Pass()]) if documented else function.body


def _kind(node: ast.AST) -> str:
    """Asynchronous functions and annotated assignments count as the plain ones."""
    if isinstance(node, ast.AnnAssign):
        return "Assign" if node.value else "Expr"
    return "FunctionDef" if isinstance(node, ast.AsyncFunctionDef) else type(node).__name__


def _normalised(function: Function) -> tuple[int, str]:
    """How many nodes count, and the tree as text: names are numbered in order of appearance."""
    words: list[str] = []
    nodes = _write(function, words, {})
    return nodes, " ".join(words)


def _write(node: object, words: list[str], numbers: dict[str, str]) -> int:
    """Appends a part of a tree; how many nodes it has."""
    if isinstance(node, list):
        words.append("[")
        count = sum([_write(one, words, numbers) for one in node])
        words.append("]")
        return count
    if not isinstance(node, ast.AST):
        words.append(repr(node))
        return 0
    if isinstance(node, Function):
        node = ast.FunctionDef(node.name, node.args, _body(node), [])
    elif isinstance(node, ast.AnnAssign):
        node = ast.Assign([node.target], node.value) if node.value else ast.Expr(node.target)
    kind = type(node)
    words.append(kind.__name__)
    named, count = _NAMES.get(kind), 1
    for field in _FIELDS[kind]:
        value = getattr(node, field, None)
        if field == named and value is not None:
            words.append(value if value in _KEPT_NAMES else numbers.setdefault(value, f"_{len(numbers)}"))
        else:
            count += _write(value, words, numbers)
    return count
