"""Compares inferred types with those that mypy reveals, on expressions of real files.

    python -m bench.reveal_types [--files N] [--each N] [--show KIND] [PATH …]

Each file is copied with `reveal_type(…)` around some of its expressions, mypy is run once over all copies, and what it
says of each is compared with what `module.types.at` says of the untouched file. By default the files are the standard
library's.
"""

import argparse
import ast
import hashlib
import re
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tree_sitter import Parser

from analysis.languages.python import PYTHON
from analysis.languages.python_scopes import names_of
from analysis.types.inference import Inference
from analysis.types.kinds import NONE, UNKNOWN, Special, Type, members_of
from analysis.types.printing import show
from bench.type_agreement import agree, read_type

NOTE = re.compile(r"^(\S+?):(\d+):(\d+): note: Revealed type is \"(.*)\"$")
# What a name is first given is its type, for mypy; what the code gives it after that is the code's error, and what mypy
# says of the name from there on is not what is the case
ERROR = re.compile(
    r"^(\S+?):(\d+):\d+: error: (?:Incompatible types in assignment|Cannot assign to a (?:function|type|method)"
    r"|Name \".*\" already defined|Incompatible redefinition)"
)
PREFIX = "sample_"
# Wrapping what a condition is about would keep mypy from narrowing it, and wrapping what a method is called on from
# seeing what an empty list is for
CONDITIONS = (ast.If, ast.While, ast.IfExp, ast.Assert)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
SKIPPED = (ast.JoinedStr, ast.FormattedValue, ast.Lambda, ast.Match)


@dataclass(frozen=True)
class Sample:
    """One expression of a file."""

    path: Path
    line: int
    start: int  # bytes
    end: int
    text: str


@dataclass(frozen=True)
class Compared:
    """What both say of one expression."""

    sample: Sample
    ours: Type
    theirs: str
    verdict: str  # "agree", "contradict", "only mypy", "only ours", "neither"


def expressions(tree: ast.Module) -> Iterator[ast.expr]:
    """Expressions that can be wrapped without changing what mypy infers elsewhere."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, SKIPPED):
            continue
        if isinstance(node, Definition):
            waiting += node.body
            continue
        if isinstance(node, ast.AnnAssign):
            waiting += [node.value] if node.value is not None else []
            continue
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _makes_type(node.value):
            continue
        for name, value in ast.iter_fields(node):
            if isinstance(node, CONDITIONS) and name == "test":
                continue
            if isinstance(node, ast.BoolOp) or (isinstance(node, ast.comprehension) and name == "ifs"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.expr) and _wrappable(child, node, name):
                    yield child
                if isinstance(child, ast.AST):
                    waiting.append(child)


def _makes_type(node: ast.Call) -> bool:
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return called in ("TypeVar", "namedtuple", "NamedTuple", "NewType", "ParamSpec", "TypedDict", "Enum")


def _wrappable(node: ast.expr, parent: ast.AST, field: str) -> bool:
    if not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.BinOp):
        return False
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return False
    if isinstance(parent, ast.Attribute | ast.Subscript) and field == "value" and not isinstance(node, ast.Call):
        return False  # it would no longer be narrowed
    if isinstance(parent, ast.Call) and field == "func":
        return False
    if isinstance(parent, ast.Compare | ast.UnaryOp | ast.NamedExpr | ast.Starred | ast.keyword | ast.Await):
        return isinstance(parent, ast.keyword) and parent.arg is not None
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        return parent.func.id not in ("isinstance", "issubclass", "callable", "cast", "super", "type")
    if isinstance(parent, ast.Subscript) and field == "slice":
        return False
    if isinstance(parent, ast.withitem | ast.ExceptHandler | ast.Raise | ast.AugAssign):
        return field in ("value", "context_expr")
    if isinstance(parent, ast.Expr) and isinstance(node, ast.Call):
        return False  # a call that never returns
    return not (isinstance(parent, ast.Assign) and _may_be_alias(node))


def _may_be_alias(node: ast.expr) -> bool:
    """Whether an assignment of this may make a type alias, or a name for a module or function."""
    match node:
        case ast.Name():
            return True
        case ast.Attribute() | ast.Subscript():
            return _may_be_alias(node.value) and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        case ast.BinOp(op=ast.BitOr()):
            return True
    return False


def sampled(path: Path, source: bytes, most: int) -> list[Sample]:
    """Some of a file's expressions, always the same: those whose place hashes lowest. None lies in another's middle."""
    tree = ast.parse(source.decode())
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[tuple[bytes, Sample]] = []
    for node in expressions(tree):
        if node.end_lineno is None or node.end_col_offset is None:
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = source[start:end].decode()
        key = hashlib.sha256(f"{path.name}:{start}:{end}".encode()).digest()
        found.append((key, Sample(path, node.lineno, start, end, text)))
    return [sample for _, sample in sorted(found, key=lambda pair: pair[0])[:most]]


def wrapped(source: bytes, samples: list[Sample]) -> tuple[bytes, dict[tuple[int, int], Sample]]:
    """The source with `reveal_type(…)` around the samples, and the line and column (from 1) of each one's inside."""
    before, after = b"reveal_type(", b")"
    marks: list[tuple[int, int, int, Sample]] = []
    for sample in samples:
        marks.append((sample.start, 1, -sample.end, sample))
        marks.append((sample.end, 0, -sample.start, sample))
    marks.sort(key=lambda mark: mark[:3])
    parts: list[bytes] = []
    places: dict[tuple[int, int], Sample] = {}
    at = 0
    line, column = 1, 1
    for place, opens, _, sample in marks:
        piece = source[at:place]
        piece += before if opens else after
        parts.append(piece)
        newlines = piece.count(b"\n")
        if newlines:
            line += newlines
            column = len(piece) - piece.rindex(b"\n")
        else:
            column += len(piece)
        if opens:
            places[line, column] = sample
        at = place
    parts.append(source[at:])
    return b"".join(parts), places


def revealed(files: list[Path], most: int, folder: Path) -> list[tuple[Sample, str]]:
    """What mypy reveals of samples of these files. Copies go into the folder."""
    places: dict[tuple[str, int, int], Sample] = {}
    copies: dict[str, Path] = {}
    package = folder / "one" / "two" / "three"  # for imports from packages above, which are not at hand
    package.mkdir(parents=True)
    for above in (package, package.parent, package.parent.parent):
        (above / "__init__.py").touch()
    for number, path in enumerate(files):
        source = path.read_bytes()
        name = f"{PREFIX}{number}_{path.stem}.py"
        copy, inner = wrapped(source, sampled(path, source, most))
        (package / name).write_bytes(copy)
        copies[name] = path
        places.update({(name, *place): sample for place, sample in inner.items()})
    command = [
        sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={folder / 'cache'}", "--check-untyped-defs",
        "--allow-redefinition", "--follow-imports=skip", "--ignore-missing-imports", "--show-column-numbers",
        "--show-absolute-path", "--no-error-summary", "--no-site-packages", "--hide-error-context", "one",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: dict[Sample, list[str]] = {}
    wrong: dict[str, set[int]] = {}
    for said in done.stdout.splitlines():
        error = ERROR.match(said)
        if error:
            wrong.setdefault(Path(error[1]).name, set()).add(int(error[2]))
        match = NOTE.match(said)
        if match:
            place = (Path(match[1]).name, int(match[2]), int(match[3]))
            if place in places:
                found.setdefault(places[place], []).append(match[4])
    if not found:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    misused = {path: targets_at(path, wrong.get(copy, set())) for copy, path in copies.items()}
    return [
        (sample, texts[0])
        for sample, texts in found.items()
        if len(set(texts)) == 1 and not _rests_on(sample.text, misused[sample.path])
    ]


def targets_at(path: Path, lines: set[int]) -> set[str]:
    """What is given a value on these lines, or both defined and given one, and what rests on it in its turn."""
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    given = {one for node in nodes if isinstance(node, ast.Assign) for one in _targets(node)}
    found = given & {node.name for node in nodes if isinstance(node, Definition)}  # `f = f()` stays a function for mypy
    for node in nodes:
        if isinstance(node, Definition):
            if lines & {node.lineno, *(one.lineno for one in node.decorator_list)}:
                found.add(node.name)
        elif getattr(node, "lineno", 0) in lines:
            found.update(_targets(node))
    for node in nodes:
        if isinstance(node, ast.Assign) and _rests_on(ast.unparse(node.value), found):
            found.update(_targets(node))
    return found


def _targets(node: ast.AST) -> set[str]:
    targets = getattr(node, "targets", None) or [getattr(node, "target", None), getattr(node, "optional_vars", None)]
    written = {
        ast.unparse(one) for target in targets if target is not None for one in ast.walk(target) if hasattr(one, "ctx")
    }
    return written - {"self"}


def _rests_on(text: str, targets: set[str]) -> bool:
    return any(re.search(rf"(?<![\w.]){re.escape(target)}(?!\w)", text) for target in targets)


def compare(files: list[Path], most: int, folder: Path) -> list[Compared]:
    """Compares samples of these files."""
    said = revealed(files, most, folder)
    inferred = {path: inference_of(path.read_bytes()) for path in dict.fromkeys(sample.path for sample, _ in said)}
    found: list[Compared] = []
    for sample, text in said:
        inference = inferred[sample.path]
        typed = inference.state.expressions.get((sample.start, sample.end))
        ours = typed.type if typed is not None else UNKNOWN
        theirs = read_type(text)
        # None for a variable that was first given None: it was given nothing since whose type mypy knows
        known = is_known(theirs) and not (theirs == NONE and not sample.text.endswith(")"))
        if is_known(ours) and known:
            verdict = "agree" if agree(ours, theirs, inference.expressions.solver) else "contradict"
        else:
            verdict = "only mypy" if known else "only ours" if is_known(ours) else "neither"
        found.append(Compared(sample, ours, text, verdict))
    return found


def inference_of(source: bytes) -> Inference:
    """A file's inference, with the classes that it knows."""
    tree = Parser(PYTHON.language).parse(source)
    found = Inference(tree.root_node, source, names_of(tree, source))
    found.run()
    return found


def is_known(kind: Type) -> bool:
    """Whether it says something: not `Any`, not unknown, and no union with one of these."""
    return not any(isinstance(one, Special) for one in members_of(kind))


def library(count: int) -> list[Path]:
    """Files of the standard library of moderate size, always the same."""
    root = Path(sysconfig.get_paths()["stdlib"])
    left_out = (
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "site-packages",
        "encodings",
        "turtledemo",
        "pydoc_data",
        "__pycache__",
    )
    found = [
        path for path in sorted(root.rglob("*.py"))
        if not any(part in left_out for part in path.relative_to(root).parts) and 3_000 < path.stat().st_size < 60_000
    ]  # fmt: skip
    found = [path for path in found if path.read_bytes().isascii()]
    found.sort(key=lambda path: hashlib.sha256(str(path.relative_to(root)).encode()).digest())
    return found[:count]


def main() -> None:
    """Runs the comparison and prints its counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--each", type=int, default=60, help="expressions of each file")
    parser.add_argument("--show", default="contradict", help="agree, contradict, 'only mypy', 'only ours'")
    parser.add_argument("--most", type=int, default=60)
    given = parser.parse_args()
    files = given.paths or library(given.files)
    started = time.process_time()
    with TemporaryDirectory() as folder:
        found = compare(files, given.each, Path(folder))
    counts = Counter(one.verdict for one in found)
    for one in [one for one in found if one.verdict == given.show][: given.most]:
        print(f"{one.sample.path}:{one.sample.line}: `{one.sample.text[:70]}`")
        print(f"    ours {show(one.ours)}\n    mypy {one.theirs}")
    known = counts["agree"] + counts["contradict"] + counts["only mypy"]
    print(f"{len(files)} files, {len(found)} expressions, {dict(counts)}")
    print(f"mypy knows {known}, of these ours says something of {1 - counts['only mypy'] / max(known, 1):.1%}")
    print(f"{time.process_time() - started:.1f} CPU seconds of ours")


if __name__ == "__main__":
    main()
