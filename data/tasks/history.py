"""Past commits → conversations: a change and its message, a fault and its fix, a function and its review.

What a commit did is told by its message; words alone decide what is a fix, so some of them are none. People are named
in no example: trailers such as `Signed-off-by` are taken off.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import unified_diff

from pydantic import Field

from analysis import parse
from data.history import Change, Commit
from hone.config import Config
from hone.records import Example, Origin, Record, Turn

COMMIT_MESSAGE, BUG_FIX, REVIEW = "commit-message", "bug-fix", "review"
MOST_FUNCTIONS = 2  # that a commit changes; more are seldom about one thing
CONTEXT_LINES = 3

_FIX = re.compile(r"\b(?:fix(?:e[sd]|ing)?|bugs?|bugfix|issues?|crash(?:es|ed)?|regressions?)\b", re.IGNORECASE)
_NO_FIX = re.compile(
    r"\b(?:typos?|spelling|format(?:ting)?|lint(?:er|ing)?|style|whitespace|comments?|docs?|docstrings?|changelog|readme"
    r"|bump|version|ci|flake8|ruff|mypy|warnings?)\b",
    re.IGNORECASE,
)
_NO_MESSAGE = re.compile(r"^(?:revert|merge|wip|fixup!|squash!|amend!|bump|release|update \S+$)", re.IGNORECASE)
_TRAILER = re.compile(r"^[A-Z][A-Za-z]+(?:-[A-Za-z]+)+: .*$|^\(cherry picked from .*\)$", re.MULTILINE)
_REFERENCE = re.compile(r"^(?:closes|fixes|resolves|refs?|see)\b[\s:.,]*$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"\S@\S+\.\S")
_NUMBER = re.compile(  # of an issue that nobody shows
    r"[ \t]*\((?:gh-|#)\d+\)|[ \t]*(?:\b(?:gh|bpo|issue)[- ]?)?#\d+\b|[ \t]*\b(?:gh|bpo)-\d+\b", re.IGNORECASE
)


class HistoryConfig(Config):
    """Which commits make examples, and of which kinds."""

    most_commits: int = Field(2000, ge=1)
    """The newest so many, merges not counted."""
    max_files: int = Field(8, ge=1)
    """A commit that changes more is about no one thing."""
    max_changed_lines: int = Field(120, ge=1)
    """Added and removed; a larger commit is left out."""
    max_chars: int = Field(3000, ge=200)
    """Of a question or an answer."""
    commit_messages: bool = True
    bug_fixes: bool = True
    reviews: bool = True


class _Pair(Record, frozen=True):
    """One function before and after, as whole lines, with its place after."""

    change: Change
    name: str
    before: str
    after: str
    first_line: int
    last_line: int


class _Told(Record, frozen=True):
    """A commit of a source, with what its message says."""

    commit: Commit
    source: str
    licence: str
    subject: str
    body: str


def history_examples(
    commits: Iterable[Commit], config: HistoryConfig, *, source: str, licence: str
) -> Iterator[Example]:
    """The examples of a repository's commits, in their order."""
    for commit in commits:
        subject, body = message_of(commit.message)
        if not subject or sum(map(_least_changed, commit.changes)) > config.max_changed_lines:
            continue
        told = _Told(commit, source, licence, subject, body)
        difference = "".join(map(diff, commit.changes))
        changed = sum(line.startswith(("+", "-")) for line in difference.split("\n")) - 2 * len(commit.changes)
        if 0 < changed <= config.max_changed_lines:
            made = (*_of_whole(told, difference, config), *_of_functions(told, config))
            yield from (one for one in made if all(len(turn.content) <= config.max_chars for turn in one.turns))


def _of_whole(told: _Told, difference: str, config: HistoryConfig) -> Iterator[Example]:
    commit = told.commit
    if config.commit_messages and len(commit.changes) == commit.files:  # else the message is about more than is shown
        first = commit.changes[0]
        question = f"Write a commit message for this change.\n\n```diff\n{difference}```"
        answer = f"{told.subject}\n\n{told.body}" if told.body else told.subject
        origin = Origin(told.source, commit.id, first.path, 0, 0, told.licence, first.language, first.digest)
        yield _example(COMMIT_MESSAGE, f"{told.source}@{commit.id[:12]}", origin, question, answer)


def _of_functions(told: _Told, config: HistoryConfig) -> Iterator[Example]:
    pairs = [pair for change in told.commit.changes for pair in changed_functions(change)]
    for pair in pairs if len(pairs) <= MOST_FUNCTIONS else ():
        change = pair.change
        identity = f"{told.source}@{told.commit.id[:12]}/{change.path}:{pair.first_line}"
        place = (pair.first_line, pair.last_line)
        origin = Origin(told.source, told.commit.id, change.path, *place, told.licence, change.language, change.digest)
        before, after = (f"```{change.language}\n{code}\n```" for code in (pair.before, pair.after))
        if config.bug_fixes and is_fix(told.subject):
            question = f"`{pair.name}` has a fault. The report: {told.subject}\n\n{before}\n\nCorrect it."
            yield _example(BUG_FIX, identity, origin, question, after)
        elif config.reviews and told.body and len(pairs) == 1:
            question = f"Review `{pair.name}` of `{change.path}`. What would you change, and why?\n\n{before}"
            yield _example(REVIEW, identity, origin, question, f"{told.subject}\n\n{told.body}\n\n{after}")


def _example(task: str, identity: str, origin: Origin, question: str, answer: str) -> Example:
    turns = (Turn("user", question), Turn("assistant", answer))
    return Example(f"{identity}#{task}", "", "", "", origin, task=task, turns=turns)


def message_of(message: str) -> tuple[str, str]:
    """Subject and body without trailers and numbers of issues; neither where they do not say what was done."""
    first, _, rest = message.partition("\n")
    subject = _NUMBER.sub("", first).strip(" \t:.-")
    body = _REFERENCE.sub("", _TRAILER.sub("", _NUMBER.sub("", rest)))
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    plain = 3 <= len(subject.split()) <= 20 and len(subject) <= 120 and not _ADDRESS.search(f"{subject} {body}")
    return (subject, body) if plain and not _NO_MESSAGE.match(subject) else ("", "")


def is_fix(subject: str) -> bool:
    """Whether a commit says that it mends something that was wrong in what the code does."""
    return bool(_FIX.search(subject)) and not _NO_FIX.search(subject)


def diff(change: Change) -> str:
    """A unified diff. Only what lies between the first and the last change is compared line by line."""
    before, after = _lines(change.before), _lines(change.after)
    start = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    start = min(len(before), len(after)) if start is None else start
    same = 0
    while same < min(len(before), len(after)) - start and before[-1 - same] == after[-1 - same]:
        same += 1
    first, last = max(0, start - CONTEXT_LINES), max(0, same - CONTEXT_LINES)
    lines = unified_diff(
        before[first : len(before) - last], after[first : len(after) - last], f"a/{change.path}", f"b/{change.path}"
    )
    moved = (_moved(line, first) if line.startswith("@@") else line for line in lines)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in moved)


def _least_changed(change: Change) -> int:
    """So many lines differ at least: a diff of what has nothing in common would take long, and be too large anyway."""
    before, after = Counter(_lines(change.before)), Counter(_lines(change.after))
    return (before - after).total() + (after - before).total()


def _lines(text: str) -> list[str]:
    """Ended by line feeds alone, as git has it; `str.splitlines` knows more ends."""
    return list(io.StringIO(text, newline="\n"))


def changed_functions(change: Change) -> list[_Pair]:
    """Functions that are there before and after and differ; of those in one another the innermost."""
    before, after = (_functions(text, change.language) for text in (change.before, change.after))
    pairs = []
    for name, (text, first, last) in after.items():
        earlier = before.get(name, ("", 0, 0))[0]
        inner = any(other.startswith(f"{name}.") and before.get(other, ("",))[0] != after[other][0] for other in after)
        if earlier and earlier != text and not inner:
            pairs.append(_Pair(change, name, earlier, text, first, last))
    return pairs


def _functions(text: str, language: str) -> dict[str, tuple[str, int, int]]:
    """Whole lines of each function with a name of its own, and their numbers."""
    if not text:
        return {}
    lines = text.split("\n")
    found: dict[str, tuple[str, int, int]] = {}
    twice = set()
    for function in parse(text, language).syntax.functions:
        first, last = function.place.first_line, function.place.last_line
        if function.qualified_name in found:
            twice.add(function.qualified_name)
        found[function.qualified_name] = ("\n".join(lines[first - 1 : last]), first, last)
    return {name: one for name, one in found.items() if name not in twice}


def _moved(header: str, lines: int) -> str:
    """A hunk's header with its places in the whole file."""
    return re.sub(r"(?<=[-+])\d+", lambda place: str(int(place[0]) + lines), header)
