"""`hone eval compare` and `hone eval report`: two measured runs side by side, on the terminal and as a page."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hone.cli.show import say
from hone.layout import find_layout

if TYPE_CHECKING:
    from evaluation.compare import Comparison, Flip, SuiteComparison
    from evaluation.statistics import Interval

app = typer.Typer()

FLIPS_SHOWN = 20
RUNS = "A run's name, or a path to one; `base` or `tuned` of the last evaluation. Several suites: separated by commas."
Contaminated = Annotated[
    Path | None,
    typer.Option("--contaminated", metavar="FILE", help="Ids of tasks that overlap the training data, one a line."),
]


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=RUNS)],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with A, named likewise.")],
    contaminated: Contaminated = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record instead, for programs.")] = False,
) -> None:
    """Compare two runs of the same suite task by task: rates, difference, p, and which tasks flipped.

    Example: hone eval compare base tuned
    """
    from evaluation.compare import compare as compare_runs
    from evaluation.stored import find_runs
    from hone.records import to_json

    folder = find_layout().evaluation
    found = compare_runs(find_runs(a, folder), find_runs(b, folder), contaminated=_ids(contaminated))
    if as_json:
        print(to_json(found).decode(), end="")
    else:
        _show(found, a, b)


@app.command()
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUNS)] = "tuned",
    champion: Annotated[
        str | None, typer.Option("--champion", metavar="RUN", help="The run that it has to beat, named likewise.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: in artifacts/evaluation/reports.")
    ] = None,
    contaminated: Contaminated = None,
) -> None:
    """Write one run as a page of its own, against a champion if one is named. It opens anywhere and fetches nothing.

    Example: hone eval report tuned --champion base
    """
    from evaluation.report import write_report
    from evaluation.stored import find_runs

    folder = find_layout().evaluation
    runs = find_runs(run, folder)
    champions = find_runs(champion, folder) if champion else []
    file = out or folder / "reports" / f"{_file_name(run, champion)}.html"
    write_report(file, runs, champions=champions, contaminated=_ids(contaminated))
    say(str(file))


def _file_name(run: str, champion: str | None) -> str:
    """A name that any file system takes; not that of the stage's own page, which DVC keeps."""
    named = f"{run}-against-{champion}" if champion else run
    return re.sub(r"[^\w.-]+", "-", named).strip("-.")[-100:]


def _ids(file: Path | None) -> frozenset[str]:
    """One task id a line."""
    from hone.errors import DataError

    if file is None:
        return frozenset()
    try:
        return frozenset(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"`{file}` cannot be read as a list of task ids: {error}") from error


def _show(found: "Comparison", a: str, b: str) -> None:
    for suite in found.suites:
        _show_suite(suite, several=len(found.suites) > 1)
    if loss := found.loss:
        say(f"loss on {loss.tokens:,} tokens in {loss.files} held-out files, nats per token")
        say(f"  {a}  {loss.base:.4f}\n  {b}  {loss.tuned:.4f}")
        say(f"  difference {loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]")


def _show_suite(found: "SuiteComparison", *, several: bool) -> None:
    dropped = f", {found.left_out} left out because one run excludes them" if found.left_out else ""
    say(f"{found.suite}: {found.tasks} tasks{dropped}")
    width = max(len(found.a.name), len(found.b.name))
    for side in (found.a, found.b):
        say(f"  {side.name:<{width}}  {_interval(side.rate)}  {side.passed} of {side.samples}")
    say(f"  {found.b.name} wins {found.won} and loses {found.lost} tasks, {_p(found.p_value)} ({found.test})")
    if several:
        say(f"  {_p(found.adjusted_p_value)} for being one of several suites (Holm)")
    say(f"  difference {_interval(found.difference, signed=True)}")
    if found.detectable is None:
        say(f"  {found.tasks} tasks like these could not have shown a difference of any size")
    else:
        shown = f"{found.detectable:.3f} (80 % power, two-sided 5 %)"
        say(f"  the smallest difference that these tasks could have shown is {shown}")
    if found.overlapping == 0:
        say("  no task overlaps the training data")
    elif found.overlapping == found.tasks:
        say("  every task overlaps the training data")
    elif clean := found.clean:
        say(f"  on {clean.tasks} tasks that do not overlap the training data:")
        say(f"    {clean.a.value:.3f} → {clean.b.value:.3f}, difference {_interval(clean.difference, signed=True)}")
    _show_flips(found.flips)


def _show_flips(flips: "tuple[Flip, ...]") -> None:
    for flip in flips[:FLIPS_SHOWN]:
        shown = f"{flip.a_result} → {flip.b_result}"
        detail = flip.a_detail if flip.won else flip.b_detail
        say(f"  {'won ' if flip.won else 'lost'}  {flip.id}  {shown}  {detail}".rstrip())
    if len(flips) > FLIPS_SHOWN:
        say(f"  and {len(flips) - FLIPS_SHOWN} more; `hone eval report` shows them all, side by side")


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value else "p < 1e-300"


def _interval(of: "Interval", *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{of.value:{sign}.3f} [{of.low:{sign}.3f}, {of.high:{sign}.3f}]"
