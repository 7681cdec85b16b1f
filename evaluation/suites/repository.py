"""A suite made from the user's own repository: a target writes the bodies of functions that its tests cover.

pass@1 on the code that the team really has. The repository is only read; its tests run on a copy, in the sandbox.
"""

import ast
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from evaluation.reruns import RUNS, Settled, settle
from evaluation.sandbox import Limits, Sandbox, open_sandbox
from evaluation.suites.answers import code_in
from evaluation.suites.records import Excluded, Score, SuiteRun
from evaluation.suites.repository_journal import Journal
from evaluation.suites.repository_source import INSIDE, Place
from evaluation.suites.repository_tasks import (
    DRIVER,
    Bench,
    Ended,
    Progress,
    Task,
    covered_tasks,
    ended,
    find_coverage,
    packages_inside,
    sound_tasks,
)
from evaluation.suites.repository_tree import copy_repository, site_packages, take_sources
from evaluation.suites.runs import GENERATION_CHARACTERS, PROMPT_CHARACTERS, RunFolder, Settings, collect, store_run
from evaluation.suites.samples import Sample, SampleStore
from evaluation.suites.targets import Ask, Target
from hone.errors import DataError
from hone.files import sha256_bytes, sha256_tree

QUESTION = (
    "Write the body of the function `{name}`, which stands last in this file of a repository. Answer with the whole "
    "function in one fenced code block and nothing else.\n\n```python\n{prompt}```"
)
SHARE, SPARE_S = 4, 5.0  # a body may take so many times as long as the slowest file of tests, and so many seconds more


@dataclass(frozen=True)
class Measured:
    """What may be used to make a suite of a repository, and what its tests need."""

    repository: Path
    environment: Path | None  # a virtual environment; None: the running one
    plugins: bool | None  # whether the environment's pytest plugins are loaded; None: where its tests need them
    limits: Limits
    workers: int


@dataclass(frozen=True)
class Suite:
    """A repository's tasks, with what runs them."""

    digest: str  # of everything that decides them
    tasks: tuple[Task, ...]
    excluded: tuple[Excluded, ...]
    bench: Bench


@contextmanager
def open_suite(asked: Measured, cache: Path, progress: Progress) -> Iterator[Suite]:
    """Makes the suite, or reads what was found out about the same bytes before; runs tests as long as it is open.

    `cache`: a folder for what is found out. Raises `DataError` where the repository gives no task, `ConfigError` where
    its environment does not fit, and `IsolationUnavailable`.
    """
    packages = site_packages(asked.environment)
    with tempfile.TemporaryDirectory(prefix="hone-repository-") as folder:
        Path(folder).chmod(0o755)
        tree = Path(folder) / "tree"
        copy_repository(asked.repository, tree)
        digest = _digest(tree, packages, asked)
        texts = take_sources(tree)
        journal = Journal(cache / f"{digest.removeprefix('sha256:')[:16]}.jsonl")
        readable = [(tree, INSIDE), *((path, packages_inside(number)) for number, path in enumerate(packages))]

        def opened(limits: Limits) -> Sandbox:
            return open_sandbox(limits, asked.workers, readable=readable)

        def bench(sandbox: Sandbox, *, plugins: bool) -> Bench:
            return Bench(sandbox, texts, len(packages), progress, plugins=plugins)

        with closing(opened(asked.limits)) as sandbox:
            without = bench(sandbox, plugins=False) if asked.plugins is None else None
            coverage = find_coverage(bench(sandbox, plugins=asked.plugins is not False), journal, without=without)
        covered, uncovered = covered_tasks(texts, coverage)
        # What never ends without its body should not take as long as a whole file of tests may.
        timeout_s = min(asked.limits.timeout_s, SHARE * coverage.slowest_s + SPARE_S)
        with closing(opened(asked.limits.model_copy(update={"timeout_s": timeout_s}))) as sandbox:
            judging = bench(sandbox, plugins=coverage.plugins)
            tasks, unsound = sound_tasks(judging, covered, journal)
            if not tasks:
                raise DataError(
                    f"`{asked.repository}` gives no task: of {len(covered)} functions that its tests call, none passes "
                    "with its own body and fails with an empty one"
                )
            excluded = (*coverage.excluded, *unsound, *uncovered)
            yield Suite(digest, tuple(tasks), excluded, judging)


def _digest(tree: Path, packages: Sequence[Path], asked: Measured) -> str:
    versions = [sorted(one.name for one in path.glob("*.dist-info")) for path in packages]
    decides = (sha256_tree(tree), versions, asked.plugins, asked.limits.model_dump(), sha256_bytes(DRIVER.encode()))
    return sha256_bytes(repr(decides).encode())


def run_repository_suite(
    suite: Suite,
    target: Target,
    folder: RunFolder,
    settings: Settings,
    *,
    samples: int,
    context: int,
    reruns: bool,
    clock: Callable[[], float],
    progress: Progress,
) -> SuiteRun:
    """Has the target write every body, and runs the tests of each. `context`: characters of the file before it;
    `reruns`: whether they run more than once.

    Raises `EvaluationError` where the target or the sandbox cannot go on; what was done by then is kept.
    """
    started = clock()
    folder.settle(settings)
    with SampleStore(folder.samples) as store:
        asks = [
            ask_for(task.place, number, context=context, chat=settings.chat)
            for number in range(samples)
            for task in suite.tasks
            if (task.place.id, number) not in store
        ]
        collect(target, asks, store, progress)
        taken = [(task, store[task.place.id, number]) for task in suite.tasks for number in range(samples)]
    journal = Journal(folder.path / "executed.jsonl")
    scores = _score(suite, taken, journal, context=context, chat=settings.chat, reruns=reruns)
    return store_run(
        folder,
        settings,
        scores,
        suite.excluded,
        samples=[sample for _, sample in taken],
        isolation=suite.bench.sandbox.isolation,
        reruns=reruns,
        started=started,
        ended=clock(),
    )


def _score(
    suite: Suite, taken: Sequence[tuple[Task, Sample]], journal: Journal, *, context: int, chat: bool, reruns: bool
) -> list[Score]:
    bodies, keys = {}, {}
    for task, sample in taken:
        if not sample.problem:
            body = body_of(sample.text, task.place, chat=chat)
            key = f"{sha256_bytes(f'{suite.digest} {body}'.encode()).removeprefix('sha256:')[:16]} {task.place.id}"
            keys[sample.id, sample.sample] = key
            bodies[key] = (task, body)
    verdicts = _settle(suite.bench, bodies, journal, reruns=reruns)
    scores = []
    for task, sample in taken:
        score = Score(
            id=sample.id,
            sample=sample.sample,
            result="error",
            detail=sample.problem,
            generation=sample.text[:GENERATION_CHARACTERS],
            prompt=prompt_of(task.place, context)[-PROMPT_CHARACTERS:],
            generate_s=sample.seconds,
        )
        if not sample.problem:
            verdict = verdicts[keys[sample.id, sample.sample]]
            end = verdict.run
            score = replace(score, result=end.status, detail=end.detail, execute_s=end.wall_s, flaky=verdict.flaky)
        scores.append(score)
    return scores


def _settle(
    bench: Bench, bodies: dict[str, tuple[Task, str]], journal: Journal, *, reruns: bool
) -> dict[str, Settled[Ended]]:
    """The verdict on each body, by its key. Every run is kept, so that none is made twice."""
    order = list(bodies)

    def run(places: Sequence[int], number: int) -> list[Ended]:
        mark = f" run {number}" if number > 1 else ""
        chosen = {f"{order[at]}{mark}": bodies[order[at]] for at in places}
        bench.judge(RUNS[number], chosen, journal)
        return [ended(journal, key) for key in chosen]

    first = run(range(len(order)), 1)
    found = settle(first, run) if reruns else [Settled(one) for one in first]
    return dict(zip(order, found, strict=True))


def ask_for(place: Place, number: int, *, context: int, chat: bool) -> Ask:
    """The question for one sample of a body."""
    prompt = prompt_of(place, context)
    if chat:
        content = QUESTION.format(name=_own_name(place), prompt=prompt)
        return Ask(place.id, number, messages=({"role": "user", "content": content},))
    return Ask(place.id, number, prompt=prompt, stop=place.stop)


def prompt_of(place: Place, context: int) -> str:
    """The file up to the body: its signature and docstring whole, of what stands before them so many characters."""
    lines = place.prefix.splitlines(keepends=True)
    own = "".join(lines[place.first_line - 1 :])
    before = "".join(lines[: place.first_line - 1])
    if len(before) > context:
        cut = before[-context:] if context else ""
        before = cut[cut.find("\n") + 1 :]
    return before + own


def body_of(answer: str, place: Place, *, chat: bool) -> str:
    """The body that an answer holds, indented as its place wants it."""
    if not chat:
        cut = answer[: min((answer.find(one) for one in place.stop if one in answer), default=len(answer))]
        return f"{cut.rstrip()}\n"
    block = textwrap.dedent(code_in(answer, _own_name(place)))
    return f"{textwrap.indent(_inner(block, _own_name(place)), place.indent).rstrip()}\n"


def _inner(block: str, name: str) -> str:
    """The body of the function of that name, after the imports beside it; the whole text where there is none."""
    try:
        tree = ast.parse(block)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return block
    lines = block.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
            if first.lineno == node.lineno:
                return ast.unparse(first)
            imports = [ast.unparse(one) for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
            return "\n".join([*imports, textwrap.dedent("\n".join(lines[first.lineno - 1 : node.end_lineno]))])
    return block


def _own_name(place: Place) -> str:
    return place.name.rpartition(".")[2].partition("#")[0]
