"""Makes tasks of a repository: which of its functions its own tests cover, and which of those can be told apart.

A task is a function whose tests pass with its own body and not with an empty one. What is left out is told with its
reason. Every run is kept as it ends, by the digest of everything that decides it.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from evaluation.sandbox import Candidate, Outcome, Sandbox
from evaluation.sandbox.interface import Status
from evaluation.sandbox.verdict import one_line
from evaluation.suites.records import Excluded
from evaluation.suites.repository_journal import Journal
from evaluation.suites.repository_source import INSIDE, Place, places
from hone.errors import DataError
from hone.records import Json, Record, TestCase

DRIVER = Path(__file__).with_name("repository_driver.py").read_text(encoding="utf-8")
LOOKS = {1: "running its tests", 2: "running them again", 3: "running them with plugins"}
MOST_TESTS = 50  # that judge one function; spread over all that cover it

Progress = Callable[[str, int, int], None]  # what is being done, done, total


class Task(Record, frozen=True):
    """A function to write, and the tests that judge it."""

    place: Place
    tests: tuple[str, ...]  # pytest's ids

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(file_of(test) for test in self.tests))


class Ended(Record, frozen=True):
    """What became of one body."""

    status: Status
    detail: str
    wall_s: float
    cpu_s: float = 0.0


class Bench:
    """Runs a repository's tests in a sandbox, and keeps what comes of it."""

    def __init__(
        self, sandbox: Sandbox, texts: Mapping[str, str], packages: int, progress: Progress, *, plugins: bool
    ) -> None:
        self.sandbox = sandbox
        self.texts = texts
        self.plugins = plugins
        self._given = {f"{INSIDE}/{path}": text for path, text in texts.items()}
        self._setup = {
            "root": INSIDE,
            "paths": [INSIDE, f"{INSIDE}/src", *(packages_inside(number) for number in range(packages))],
            "plugins": plugins,
        }
        self._progress = progress
        self._mark = secrets.token_hex(16)

    def look(self, what: str, calls: Mapping[str, tuple[str, Sequence[Json]]], journal: Journal) -> None:
        """Runs the driver's functions, each with its arguments by a key, and keeps what they tell."""
        candidates = [
            self._candidate(key, name, [*arguments, self._mark], expected=None)
            for key, (name, arguments) in calls.items()
            if key not in journal
        ]
        self._run(what, candidates, lambda outcome: journal.add(outcome.id, self._told(outcome)))

    def judge(self, what: str, bodies: Mapping[str, tuple[Task, str]], journal: Journal) -> None:
        """Runs the tests of tasks, each with a body by a key, and keeps how they ended."""
        candidates = []
        for key, (task, body) in bodies.items():
            if key in journal:
                continue
            place, canary = task.place, f"test_{secrets.token_hex(16)}"
            changed = {**self._given, f"{INSIDE}/{place.path}": place.prefix + body + place.suffix}
            expected = dict.fromkeys(task.tests, "passed") | {canary: "failed"}
            arguments = [task.files, list(task.tests), canary, self._mark]
            candidates.append(self._candidate(key, "run", arguments, expected=expected, texts=changed))
        self._run(what, candidates, lambda outcome: journal.add(outcome.id, self._ended(outcome)))

    def _candidate(
        self, key: str, function: str, arguments: list[Json], *, expected: Json, texts: Mapping[str, str] | None = None
    ) -> Candidate:
        setup = {**self._setup, "texts": texts or self._given}
        tests = (TestCase(arguments=(setup, *arguments), expected=expected),)
        return Candidate(id=key, source=DRIVER, entry_point=function, tests=tests)

    def _run(self, what: str, candidates: Sequence[Candidate], keep: Callable[[Outcome], None]) -> None:
        done = 0

        def count(outcome: Outcome) -> None:
            nonlocal done
            keep(outcome)
            done += 1
            self._progress(what, done, len(candidates))

        if candidates:
            self.sandbox.run(candidates, on_done=count)

    def _told(self, outcome: Outcome) -> Json:
        told = self._words(outcome)
        if told is None:
            return {"ended": f"{outcome.status}, {outcome.detail}", "wall_s": outcome.wall_s}
        return {**told, "wall_s": outcome.wall_s}

    def _ended(self, outcome: Outcome) -> Json:
        problems = (self._words(outcome) or {}).get("problems")
        detail = outcome.detail
        if outcome.status == "fail":
            detail = one_line(str(problems[0])) if isinstance(problems, list) and problems else "its tests were not run"
        return {"status": outcome.status, "detail": detail, "wall_s": outcome.wall_s, "cpu_s": outcome.cpu_s}

    def _words(self, outcome: Outcome) -> dict[str, Json] | None:
        """What the driver told, where it did. Words only: no verdict rests on them."""
        lines = [line for line in outcome.output.splitlines() if line.startswith(self._mark)]
        try:
            told = json.loads(lines[-1].removeprefix(self._mark)) if lines else None
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None


class Coverage(Record, frozen=True):
    """What the tests are worth before anything is removed."""

    tests_of: dict[str, list[str]]  # function's key → ids of tests that pass every time and call it
    excluded: tuple[Excluded, ...]  # tests and files of tests that cannot be used
    slowest_s: float  # of the files' runs
    plugins: bool = False  # whether the tests come to what they come to only with the environment's pytest plugins


def packages_inside(number: int) -> str:
    """Where an environment's folder of packages is seen inside the sandbox."""
    return f"/packages/{number}"


def file_of(test: str) -> str:
    return test.partition("::")[0]


def ended(journal: Journal, key: str) -> Ended:
    """How a body's run ended."""
    return Ended(**journal[key])


def find_coverage(bench: Bench, journal: Journal, *, without: Bench | None = None) -> Coverage:
    """Runs every file of tests twice; the second time with `without`, where it is to be found out whether the plugins
    that `bench` loads are needed: they can take longer than the tests.

    Raises `DataError` where there are no tests, or none passes.
    """
    bench.look("collecting the tests", {"collect": ("collect", [])}, journal)
    found = journal["collect"]
    problems = [one_line(one) for one in found.get("problems", [found.get("ended", "")]) if one]
    if not found.get("tests"):
        why = f": {problems[0]}" if problems else "; give the folder that pytest is run in"
        raise DataError(f"pytest finds no test in the repository{why}", detail="\n".join(problems[1:]))
    files = list(dict.fromkeys(file_of(test) for test in found["tests"]))
    first, second = _watch(bench, files, 1, journal), _watch(without or bench, files, 2, journal)
    plugins = bench.plugins
    if without is not None:
        plugins = any(_came_to(first[file]) != _came_to(second[file]) for file in files)
        second = _watch(bench, files, 3, journal) if plugins else second
    coverage = replace(cover({file: (first[file], second[file]) for file in files}, problems), plugins=plugins)
    if not coverage.tests_of:
        failed = [one for one in coverage.excluded if one.reason != "skipped"]
        example = f"; `{failed[0].id}`: {failed[0].reason}" if failed else ""
        raise DataError(
            f"none of the repository's {len(found['tests'])} tests passes and covers a function, before anything is "
            f"removed{example}"
        )
    return coverage


def _watch(bench: Bench, files: Sequence[str], number: int, journal: Journal) -> dict[str, Json]:
    """What each file of tests tells in that run of it."""
    bench.look(LOOKS[number], {f"{file} {number}": ("watch", [file]) for file in files}, journal)
    return {file: journal[f"{file} {number}"] for file in files}


def _came_to(run: Json) -> tuple[bool, Json]:
    return "ended" in run, run.get("outcomes")


def cover(runs: Mapping[str, tuple[Json, Json]], problems: Sequence[str]) -> Coverage:
    """What two runs of each file say. Pure."""
    tests_of: dict[str, list[str]] = defaultdict(list)
    excluded = [Excluded(*one.partition(": ")[::2]) for one in problems]
    for file, (first, second) in runs.items():
        if trouble := first.get("ended") or second.get("ended"):
            excluded.append(Excluded(file, f"its tests: {trouble}"))
            continue
        for test, outcome in first["outcomes"].items():
            again = second["outcomes"].get(test, "not run")
            if outcome == again == "passed":
                for key in set(first["covered"].get(test, [])) & set(second["covered"].get(test, [])):
                    tests_of[key].append(test)
            else:
                words = next((one for one in first["problems"] if one.startswith(test)), test).removeprefix(test)
                reason = f"{outcome}{words}" if outcome == again else f"flaky: {outcome}, then {again}"
                excluded.append(Excluded(test, one_line(reason)))
    slowest = max((run["wall_s"] for pair in runs.values() for run in pair), default=0.0)
    return Coverage(dict(tests_of), tuple(excluded), slowest)


def covered_tasks(texts: Mapping[str, str], coverage: Coverage) -> tuple[list[Task], list[Excluded]]:
    """A task for each function that a test covers; the others."""
    tasks, excluded = [], []
    for place in places(texts):
        tests = coverage.tests_of.get(place.key, [])
        if tests:
            step = -(-len(tests) // MOST_TESTS)
            tasks.append(Task(place, tuple(tests[::step])))
        else:
            excluded.append(Excluded(place.id, "no test calls it"))
    return tasks, excluded


def sound_tasks(bench: Bench, tasks: Sequence[Task], journal: Journal) -> tuple[list[Task], list[Excluded]]:
    """The tasks that pass with their own body and not with an empty one; and the others."""
    own = {f"original {task.place.id}": (task, task.place.body) for task in tasks}
    bench.judge("functions with their own bodies", own, journal)
    passing, excluded = _split(tasks, lambda task: _own_failure(ended(journal, f"original {task.place.id}")))
    empty = {f"empty {task.place.id}": (task, task.place.empty) for task in passing}
    bench.judge("functions with empty bodies", empty, journal)
    telling, trivial = _split(passing, lambda task: _trivial(ended(journal, f"empty {task.place.id}")))
    return telling, excluded + trivial


def _split(tasks: Iterable[Task], reason_of: Callable[[Task], str]) -> tuple[list[Task], list[Excluded]]:
    kept, excluded = [], []
    for task in tasks:
        if reason := reason_of(task):
            excluded.append(Excluded(task.place.id, reason))
        else:
            kept.append(task)
    return kept, excluded


def _own_failure(end: Ended) -> str:
    return "" if end.status == "pass" else f"fails with its own body: {end.status}, {end.detail}"


def _trivial(end: Ended) -> str:
    return "passes with an empty body" if end.status == "pass" else ""
