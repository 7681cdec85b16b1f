"""What `hone eval …` shows of a run beside its scores: training data, secrets, static checks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hone.cli.show import say

if TYPE_CHECKING:
    from evaluation.findings import CheckerReport, CodeChecks, Contamination, Leaks, Share
    from evaluation.suites.records import SuiteRun
    from hone.layout import Layout
    from hone.records import Evidence

TrainingData = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="PATH",
        help="What the target was trained on, searched for the tasks and for what answers repeat: JSONL or Parquet of "
        "texts or examples, or a folder of sources; repeatable. Of this project's own models it is known.",
    ),
]


def findings_as_json(run: "SuiteRun", ks: tuple[int, ...]) -> dict[str, Any]:
    """The keys `contamination`, `clean`, `leaks` and `static`, each null where nobody looked."""
    return {
        "contamination": _contamination(run.contamination) if run.contamination else None,
        "clean": _clean(run, ks),
        "leaks": _leaks(run.leaks) if run.leaks else None,
        "static": _checks(run.checks) if run.checks else None,
    }


def show_findings(run: "SuiteRun", *, proof: bool) -> None:
    """A few lines for people. `proof`: no model wrote the answers, so nobody misses what was not looked for."""
    if found := run.contamination:
        which = f" ({found.kinds['words']} by words, {found.kinds['tree']} as code)" if found.overlaps else ""
        tasks = f"{len(found.contaminated)} of {found.tasks} tasks"
        say(f"  {'contamination':<20} {tasks} stand in the training data{which}")
        clean = _clean(run, (1,)) if found.contaminated else None
        beside = f"pass@1 of the other {clean['tasks']}: {_interval(clean)}; " if clean else ""
        names = ", ".join(dict.fromkeys(file.name for file in found.data))
        say(f"  {'':<20} {beside}looked for in {found.documents:,} texts of {names}")
    elif not proof:
        say(f"  {'contamination':<20} not looked for: no training data is known; `--training-data PATH` names it")
    if leaks := run.leaks:
        repeating = "" if leaks.repeating is None else f"{leaks.repeating} repeat 50 tokens of training data, "
        say(
            f"  {'leaks':<20} of {leaks.generations:,} answers {repeating}{leaks.telling} hold what looks like a secret"
        )
    if checks := run.checks:
        show_checks(checks)


def show_losses(layout: "Layout") -> None:
    """The loss of each task, where several were measured by it, and how much was not."""
    from evaluation.results import StageFindings
    from evaluation.stored import FINDINGS_FILE
    from hone.records import read_record

    file = layout.evaluation / FINDINGS_FILE
    found = read_record(file, StageFindings) if file.is_file() else StageFindings()
    for loss in found.losses if len(found.losses) > 1 else ():
        base, tuned = loss.base_loss / loss.tokens, loss.tuned_loss / loss.tokens
        say(f"  {loss.task}: {base:.4f} → {tuned:.4f}, {loss.tokens:,} tokens")
    if found.left_out:
        say(f"{len(found.left_out)} held-out examples are too long to be measured, the first is `{found.left_out[0]}`")


def show_evidence(evidence: "Evidence") -> None:
    """What evidence says beside its scores; nothing where nobody looked."""
    if found := evidence.overlap:
        clean = ""
        if found.contaminated and found.base and found.tuned:
            clean = f"; pass@1 on the others {found.base.rate:.3f} → {found.tuned.rate:.3f}"
        if found.contaminated and found.loss:
            clean = f"; loss on the others {found.loss.base:.4f} → {found.loss.tuned:.4f}"
        say(f"{found.contaminated} of {found.tasks} tasks stand in the training data{clean}")
    if leaks := evidence.leaks:
        holding = f"{leaks.secrets} hold what looks like a secret"
        say(f"of {leaks.generations:,} generations {leaks.repeating} repeat 50 tokens of training data, {holding}")


def show_checks(checks: "CodeChecks", name: str = "static checks") -> None:
    """Two lines: shares, and what is found most often."""
    shares = [f"parses {_share(checks.parses)}"]
    for what, report in (("no lint error", checks.lint), ("no type error", checks.types)):
        shares.append(f"{what} {_share(report.clean)}" if report.clean else f"{report.problem or f'{what} unknown'}")
    say(f"  {name:<20} {', '.join(shares)}")
    commonest = [f"{rule} in {count:,}" for one in (checks.lint, checks.types) for rule, count in one.commonest[:3]]
    unchecked = len({*checks.lint.unchecked, *checks.types.unchecked})
    if unchecked:
        commonest.append(f"{unchecked} unchecked, the first {[*checks.lint.unchecked, *checks.types.unchecked][0]}")
    if commonest:
        say(f"  {'':<20} {', '.join(commonest)}")


def _contamination(found: "Contamination") -> dict[str, Any]:
    return {
        "tasks": found.tasks,
        "contaminated": len(found.contaminated),
        "kinds": found.kinds,
        "sharing_13_words": found.touched,
        "share_needed": found.share,
        "training_data": [{"name": one.name, "texts": one.documents, "digest": one.digest} for one in found.data],
        "overlaps": [
            {"task": one.task, "document": one.document, "kind": one.kind, "text": one.text} for one in found.overlaps
        ],
    }


def _clean(run: "SuiteRun", ks: tuple[int, ...]) -> dict[str, Any] | None:
    """The scores on tasks that do not overlap; None where nobody looked, or none is left."""
    from msgspec.structs import replace

    from evaluation.contamination import clean_subset
    from evaluation.suites.passk import counts_of, mean_pass_at_k, pass_at_1

    if run.contamination is None:
        return None
    counts = counts_of(replace(run, scores=clean_subset(run.scores, run.contamination)))
    if not counts:
        return None
    first = pass_at_1(counts)
    rates = {f"pass@{k}": mean_pass_at_k(counts, k) for k in ks}
    return {"tasks": len(counts), **rates, "pass@1_low": first.low, "pass@1_high": first.high}


def _interval(clean: dict[str, Any]) -> str:
    return f"{clean['pass@1']:.3f} [{clean['pass@1_low']:.3f}, {clean['pass@1_high']:.3f}]"


def _leaks(found: "Leaks") -> dict[str, Any]:
    return {
        "answers": found.generations,
        "repeating": found.repeating,
        "with_secrets": found.telling,
        "repetitions": None
        if found.repetitions is None
        else [
            {"task": one.id, "sample": one.sample, "document": one.source, "tokens": one.tokens}
            for one in found.repetitions
        ],
        "secrets": [
            {"task": one.id, "sample": one.sample, "kind": one.kind, "line": one.line} for one in found.secrets
        ],
    }


def _checks(found: "CodeChecks") -> dict[str, Any]:
    return {
        "parses": _share_as_json(found.parses),
        "lint": _report(found.lint),
        "types": _report(found.types),
        "seconds": round(found.seconds, 3),
    }


def _report(one: "CheckerReport") -> dict[str, Any]:
    return {
        "checker": one.checker,
        "clean": _share_as_json(one.clean) if one.clean else None,
        "findings": None if one.problem else one.findings,
        "commonest": dict(one.commonest),
        "unchecked": list(one.unchecked),
        **({"problem": one.problem} if one.problem else {}),
    }


def _share_as_json(one: "Share") -> dict[str, float]:
    return {"rate": one.rate, "low": one.low, "high": one.high, "held": one.held, "samples": one.samples}


def _share(one: "Share") -> str:
    return f"{one.rate:.3f} [{one.low:.3f}, {one.high:.3f}]"
