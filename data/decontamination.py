"""The sieve between benchmarks and training data: finds what of a text stands in a suite, to be removed and listed.

As text, 13 words in a row; and as Python, functions that differ in names, literals, docstrings, comments and layout
alone. A solution in another language, or rewritten, is not found by its tree.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from analysis.likeness import MIN_NODES, Shape, likenesses, shapes_of
from analysis.overlap import Document, TokenIndex
from data.suites import Suite
from hone.records import Record

WORDS = 13  # as Brown et al. 2020 (GPT-3, appendix C)
COMMON_TASKS = 2  # of one suite; 13 words that more of its tasks share are the suite's phrasing, and no task's content
EXCERPT_CHARACTERS = 300
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")  # as the parser counts them
_CODE = re.compile(r"[^ \t\f\r\n][^\r\n]*")


class Finding(Record, frozen=True):
    """One part of a text that is of a task."""

    suite: str
    task: str
    kind: str  # "words" | "tree"
    first_line: int  # in the text, from 1
    last_line: int
    text: str  # what is shared, cut to 300 characters; of a tree the function's name
    small: bool = False  # a function of one line or two, as stands anywhere: it alone is to go, not the text around it


class Sieve:
    """The suites' index, made once and sent to each worker; about 30 bytes for each of their tokens."""

    def __init__(self, suites: Sequence[Suite]) -> None:
        self._names: dict[str, tuple[str, str]] = {}  # of a document in the index → suite and task
        self._trees: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._shapes: set[Shape] = set()
        documents: list[Document] = []
        for suite in suites:
            for task in suite.tasks:
                id = str(len(documents))
                self._names[id] = suite.name, task.id
                documents.append(Document(id, f"{task.text}\n{task.solution}"))
                self._shapes |= shapes_of(task.solution)
                for one in likenesses(task.solution, literals=False) or ():
                    self._trees[one.digest].append((suite.name, task.id))
        self._index = TokenIndex(documents, WORDS, words=True, most_documents=COMMON_TASKS * len(suites))

    def findings(self, text: str, *, python: bool) -> tuple[Finding, ...]:
        """What of a text is a task's, in the order of the lines; each part once for each task and kind."""
        if not self._names:
            return ()
        found = {*self._words(text), *(self._functions(text) if python else ())}
        return tuple(sorted(found, key=lambda one: (one.first_line, one.last_line, one.suite, one.task, one.kind)))

    def _words(self, text: str) -> Iterator[Finding]:
        for hit in self._index.hits(text):
            lines = text.count("\n", 0, hit.start) + 1, text.count("\n", 0, hit.end) + 1
            shared = " ".join(text[hit.start : hit.end].split())[:EXCERPT_CHARACTERS]
            yield Finding(*self._names[hit.document], "words", *lines, shared)

    def _functions(self, text: str) -> Iterator[Finding]:
        for one in likenesses(text, self._shapes, literals=False) or ():
            for suite, task in self._trees.get(one.digest, ()):
                small = one.nodes < MIN_NODES
                yield Finding(suite, task, "tree", one.first_line, one.last_line, one.name, small=small)


def without(text: str, findings: Sequence[Finding]) -> str:
    """A Python text with `pass` in the place of each function that was found; all others stay on their lines."""
    if not findings:
        return text
    lines = _LINE.findall(text)
    for one in findings:
        first, *others = range(one.first_line - 1, one.last_line)
        lines[first] = _CODE.sub("pass", lines[first])
        for number in others:
            lines[number] = _CODE.sub("", lines[number])
    return "".join(lines)


NO_SUITES = Sieve(())
