"""The spine's numbers, each measured in this run beside its peer: `make bench`. Writes artifacts/bench/spine.json.

Brings the pipeline up to date first, then measures what it made. What fails is a row that says why, and the rest goes
on. Exits with 1 where a goal is not met.

    python -m bench.spine --cold
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from bench.deployment import measure_deployment
from bench.lora_step import STEPS, measure_lora_step
from bench.report import Row, measured, show, unmeasured, write_report
from deployment.engines import free_port
from hone.errors import EvaluationError, HoneError
from hone.files import locked
from hone.layout import Layout, find_layout
from hone.records import Evidence, read_record
from hone.settings import Settings, load_settings
from pipelines.main_job import Summary
from pipelines.repro import dvc, stage_environment
from pipelines.timing import stage_seconds

HONE = str(Path(sys.executable).with_name("hone"))
REPEATS = 5

Part = tuple[str, Callable[[], Iterator[Row]]]


def say(line: str) -> None:
    """A line of progress, at once."""
    print(f"· {line}", flush=True)


def measure(layout: Layout, settings: Settings, *, cold: bool, lora_steps: int) -> Iterator[Row]:
    """Every row of the table, in its order."""
    parts: tuple[Part, ...] = (
        ("held-out pass@1", lambda: score_rows(layout)),
        ("whole `dvc repro` from nothing", lambda: whole_repro_rows(layout, settings, cold=cold)),
        ("`make run`", lambda: main_job_rows(layout)),
        ("nothing-changed repro", lambda: unchanged_rows(layout)),
        ("LoRA step", lambda: iter(measure_lora_step(layout, steps=lora_steps, said=say))),
        ("next version and its switches", lambda: measure_deployment(layout, settings, said=say)),
    )
    for name, rows in parts:
        say(name)
        yield from kept_going(name, rows)


def kept_going(name: str, rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of one part; where it fails, one more row that names the error."""
    try:
        yield from rows()
    except Exception as error:
        if isinstance(error, HoneError) and error.detail:
            print(error.detail.rstrip(), file=sys.stderr)
        say(f"{name}: {error}")
        yield unmeasured(name, "", "", str(error).splitlines()[0] if str(error) else type(error).__name__)


def score_rows(layout: Layout) -> Iterator[Row]:
    """pass@1 as the pipeline's evidence has it."""
    evidence = read_record(layout.evaluation / "evidence.json", Evidence)
    if evidence.base is None or evidence.tuned is None:
        raise EvaluationError("the chosen recipe executes nothing; `hone repro --recipe configs/recipes/embedded.yaml`")
    yield measured("held-out pass@1, base", evidence.base.rate, "", "≤ 0.05")
    yield measured("held-out pass@1, tuned", evidence.tuned.rate, "", "≥ 0.80")
    yield measured("held-out tasks", evidence.tuned.tasks, "", "≥ 400")


def whole_repro_rows(layout: Layout, settings: Settings, *, cold: bool) -> Iterator[Row]:
    """Measured in a fresh clone, or added up of the stages' own seconds when they last ran here."""
    name, goal = "whole `dvc repro` from nothing", "≤ 360"
    if cold:
        yield measured(f"{name}, in a fresh clone", cold_repro_s(layout, settings), "s", goal)
        return
    stages = yaml.safe_load((layout.root / "dvc.yaml").read_text())["stages"]
    took = {stage: seconds for stage, seconds in stage_seconds(layout).items() if stage in stages}
    missing = ", ".join(stage for stage in stages if stage not in took)
    if missing:
        yield unmeasured(name, "s", goal, f"never ran here: {missing}")
    else:
        say(", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in took.items()))
        yield measured(f"{name}, its stages when they last ran", sum(took.values()), "s", goal)


def cold_repro_s(layout: Layout, settings: Settings) -> float:
    """Seconds of `dvc repro` in a clone of the checked-out commit, with ports, cache and MLflow of its own."""
    with tempfile.TemporaryDirectory(prefix="hone-bench-") as folder:
        clone, config = Path(folder).resolve() / "clone", Path(folder).resolve() / "hone.yaml"
        subprocess.run(["git", "clone", "--quiet", str(layout.root), str(clone)], check=True)
        tracking = settings.tracking.model_copy(update={"uri": None, "port": free_port()})
        own = settings.model_copy(update={"tracking": tracking})
        config.write_text(yaml.safe_dump(own.model_dump()))
        places = {"HONE_ROOT": str(clone), "HONE_CONFIG": str(config), "PYTHONPATH": str(clone)}
        environment = stage_environment() | places
        started = time.monotonic()
        try:
            subprocess.run([*dvc(), "repro"], cwd=clone, env=environment, check=True)
            return time.monotonic() - started
        finally:
            subprocess.run([HONE, "down", "--all"], cwd=clone, env=environment, check=False)


def main_job_rows(layout: Layout) -> Iterator[Row]:
    """The last `make run`, where it did the pipeline: its seconds are then no fewer than the stages'."""
    name, goal = "`make run`, set up", "≤ 900"
    summary = read_record(layout.summary, Summary)
    if summary.total_seconds >= sum(summary.stage_seconds.values()):
        yield measured(name, summary.total_seconds, "s", goal)
    else:
        yield unmeasured(name, "s", goal, "the last one found some of it up to date")


def unchanged_rows(layout: Layout) -> Iterator[Row]:
    """Whole processes, `hone repro` and `dvc repro` in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(REPEATS):
        seconds, output = timed([HONE, "repro"], layout.root)
        if "nothing changed" not in output:
            raise HoneError("`hone repro` found something to do; run it once more before `make bench`")
        ours.append(seconds)
        theirs.append(timed([*dvc(), "repro"], layout.root)[0])
    yield measured(
        "nothing-changed repro through `hone`",
        statistics.median(ours),
        "s",
        "≤ 1.5",
        peer="dvc repro",
        peer_value=statistics.median(theirs),
    )


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds of a whole process, and what it printed. Raises `HoneError` with its output where it fails."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=stage_environment(), capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise HoneError(f"`{' '.join(command)}` failed with {done.returncode}", detail=done.stdout + done.stderr)
    return seconds, done.stdout


def main() -> int:
    """Measures, writes and shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="run the whole pipeline in a fresh clone and time that")
    parser.add_argument("--lora-steps", type=int, default=STEPS, help="steps of each trainer in the comparison")
    given = parser.parse_args()
    layout = find_layout()
    try:
        settings = load_settings(layout)
        with locked(layout.bench / ".lock", what="`make bench`"):
            say("hone repro")
            if subprocess.run([HONE, "repro"], cwd=layout.root, env=stage_environment(), check=False).returncode:
                say("the pipeline is not up to date; measuring what is there")
            rows = list(measure(layout, settings, cold=given.cold, lora_steps=given.lora_steps))
            write_report(layout, "spine", rows)
    except HoneError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(f"The spine, on {os.cpu_count()} cores", rows)
    unmet = [row for row in rows if not row.met]
    print(f"{len(rows) - len(unmet)} of {len(rows)} met; the rows are in {layout.bench / 'spine.json'}")
    return 1 if unmet else 0


if __name__ == "__main__":
    sys.exit(main())
