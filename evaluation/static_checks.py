"""What static checks say of generated code: whether it parses, and what ruff and ty find wrong in it.

Each generation is taken as the whole module that it makes; what the suite's own solution is found fault with as well
counts for nothing. No code is imported or run, and comments that would silence a checker are taken out.
"""

import ast
import io
import re
import time
import tokenize
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from evaluation.checkers import Checked, Checker, check
from evaluation.findings import CheckerReport, CodeChecks, Share
from evaluation.statistics import pass_rate
from evaluation.suites.records import Score
from hone.records import Record

PARSES, LINT, TYPES = "parses", "lint_findings", "type_errors"  # the measures of a score
LONGEST_CHECKED = 200_000  # characters of a module; no human reads a longer one either
COMMONEST = 5
SEED, RESAMPLES = 0, 10_000  # of intervals where a task has several samples
_SPEAKS = re.compile(r"#.*?(?:noqa|ignore|ruff|///)", re.IGNORECASE)

Progress = Callable[[str, int, int], None]  # what is being done, done, total


class Program(Record, frozen=True):
    """A generation as the whole module that it makes."""

    id: str  # the task's
    sample: int
    source: str
    own: str  # the module that the suite's own solution makes


def check_programs(
    programs: Sequence[Program],
    scores: Sequence[Score],
    *,
    lint: Checker,
    types: Checker,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[CodeChecks | None, tuple[Score, ...]]:
    """What both checkers say of all, and the scores with what they say of each. Samples without code are in no share.

    None where there is no code at all.
    """
    if not programs:
        return None, tuple(scores)
    started = clock()
    parsing = {text: parses(text) for text in {text for one in programs for text in (one.source, one.own)}}
    readable = {text: quiet(text) for text, good in parsing.items() if good and len(text) <= LONGEST_CHECKED}
    progress("static checks", 0, 2)
    lint_report, lint_counts = _findings(lint, programs, readable)
    progress("static checks", 1, 2)
    type_report, type_counts = _findings(types, programs, readable)
    progress("static checks", 2, 2)
    good = {(one.id, one.sample): parsing[one.source] for one in programs}
    shares = share_of([(id, held) for (id, _), held in good.items()])
    measured: dict[str, Mapping[tuple[str, int], float]] = {PARSES: good, LINT: lint_counts, TYPES: type_counts}
    found = []
    for score in scores:
        key = score.id, score.sample
        added = {name: float(values[key]) for name, values in measured.items() if key in values}
        found.append(replace(score, measures=score.measures | added))
    return CodeChecks(shares, lint_report, type_report, clock() - started), tuple(found)


def _findings(
    checker: Checker, programs: Sequence[Program], readable: Mapping[str, str]
) -> tuple[CheckerReport, dict[tuple[str, int], int]]:
    """What a checker adds to each program that can be read: over all, and as numbers."""
    texts = list(dict.fromkeys(readable.values()))
    said: Checked = check(checker, texts)
    if said.problem:
        return CheckerReport(said.checker, problem=said.problem), {}
    rules = dict(zip(texts, said.rules, strict=True))
    counts: dict[tuple[str, int], int] = {}
    holds: list[tuple[str, bool]] = []
    commonest: Counter[str] = Counter()
    unchecked = []
    for one in programs:
        if one.source not in readable and len(one.source) <= LONGEST_CHECKED:
            holds.append((one.id, False))  # it does not parse
            continue
        found = rules[readable[one.source]] if one.source in readable else None
        own = rules[readable[one.own]] if one.own in readable else {}  # what cannot be read excuses nothing
        if found is None or own is None:
            unchecked.append(f"{one.id} {one.sample}")
            continue
        added = Counter(found) - Counter(own)
        counts[one.id, one.sample] = added.total()
        commonest.update(added.keys())
        holds.append((one.id, not added))
    report = CheckerReport(
        said.checker,
        clean=share_of(holds) if holds else None,
        findings=sum(counts.values()),
        commonest=tuple(commonest.most_common(COMMONEST)),
        unchecked=tuple(unchecked),
    )
    return report, counts


def share_of(holds: Sequence[tuple[str, bool]]) -> Share:
    """Of how many samples something holds, given with their tasks: Wilson's interval for one sample a task."""
    tasks: dict[str, list[bool]] = defaultdict(list)
    for task, held in holds:
        tasks[task].append(held)
    rate = pass_rate([(sum(held), len(held)) for held in tasks.values()], seed=SEED, resamples=RESAMPLES)
    return Share(sum(held for _, held in holds), len(holds), rate.value, rate.low, rate.high)


def parses(source: str) -> bool:
    """Whether a text is a Python module."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def quiet(source: str) -> str:
    """A module without its comments, where one of them could speak to a checker."""
    if not _SPEAKS.search(source):
        return source
    lines = io.StringIO(source, newline="").readlines()
    for token in _comments(source):
        line, column = token.start
        text = lines[line - 1]
        lines[line - 1] = f"{text[:column]}#{text[column + len(token.string) :]}"
    return "".join(lines)


def _comments(source: str) -> list[tokenize.TokenInfo]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        return []  # the two grammars differ in a few odd places
    return [token for token in tokens if token.type == tokenize.COMMENT]
