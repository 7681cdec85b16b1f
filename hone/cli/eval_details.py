"""What a run shows beside its pass rates: how its samples differ, how fast they came, and what they cost."""

from typing import TYPE_CHECKING

from hone.cli.show import say

if TYPE_CHECKING:
    from evaluation.statistics import Interval
    from evaluation.suites.records import Percentiles, Speed, SuiteRun
    from hone.records import Json


SHOWN = 10  # of flaky tasks
FIM = "fim"  # the suite whose scores are more than passes


def details_as_json(run: "SuiteRun") -> "dict[str, Json]":
    """Keys of the run's object; what was not measured is null, what cannot be of this suite is missing."""
    from msgspec import to_builtins

    from evaluation.suites.passk import spread_of

    spread = spread_of(run)
    return {
        **({"fim": _filled_as_json(run)} if run.suite == FIM and run.scores else {}),
        **({"samples_pass@1": to_builtins(spread)} if spread else {}),
        "flaky": flaky_of(run) if run.reruns else None,
        "speed": to_builtins(run.speed),
        "cost_usd": run.cost_usd,
    }


def _filled_as_json(run: "SuiteRun") -> "dict[str, Json]":
    from msgspec import to_builtins

    from evaluation.suites.fill_in_the_middle import summarise
    from hone.fill_formats import asked_by

    return {**to_builtins(summarise(run.scores)), "asked_by": asked_by(run.template_digest)}


def show_details(run: "SuiteRun") -> None:
    """A line each, for people."""
    from evaluation.suites.passk import spread_of

    if run.suite == FIM and run.scores:
        _show_filled(run)
    if spread := spread_of(run):
        between = f"{spread.lowest:.3f} … {spread.highest:.3f}, standard deviation {spread.deviation:.3f}"
        say(f"  {'between samples':<20} pass@1 {between}")
    if run.isolation:
        _show_flaky(run)
    if speed := run.speed:
        _show_speed(speed)
    if run.cost_usd is not None:
        say(f"  {'cost':<20} {run.cost_usd:.4f} USD")


def _show_filled(run: "SuiteRun") -> None:
    from evaluation.suites.fill_in_the_middle import summarise
    from hone.fill_formats import asked_by

    found = summarise(run.scores)
    say(f"  {'exact match':<20} {_rate(found.exact_match)}")
    say(f"  {'edit similarity':<20} {found.edit_similarity:.3f}")
    say(f"  {'parses when joined':<20} {_rate(found.parses)}")
    if found.pass_rate:
        say(f"  {'tests pass':<20} {_rate(found.pass_rate)}  {found.passed} of {found.executed} executed")
    if by := asked_by(run.template_digest):
        say(f"  {'asked by':<20} {by}")


def flaky_of(run: "SuiteRun") -> dict[str, list[list[str]]]:
    """The tasks with verdicts that changed between runs, and the verdicts of each of their samples that did."""
    found: dict[str, list[list[str]]] = {}
    for score in run.scores:
        if score.flaky:
            found.setdefault(score.id, []).append(list(score.flaky))
    return found


def _show_flaky(run: "SuiteRun") -> None:
    if not run.reruns:
        say(f"  {'flaky verdicts':<20} not looked for: each answer ran once")
        return
    found = flaky_of(run)
    say(f"  {'flaky verdicts':<20} {len(found)} tasks" if found else f"  {'flaky verdicts':<20} none")
    for task, seen in list(found.items())[:SHOWN]:
        say(f"    {task}: {'; '.join(', '.join(verdicts) for verdicts in seen)}")
    if len(found) > SHOWN:
        say(f"    and {len(found) - SHOWN} more; `--json` lists them all")


def _rate(of: "Interval") -> str:
    return f"{of.value:.3f} [{of.low:.3f}, {of.high:.3f}]"


def _show_speed(speed: "Speed") -> None:
    first = f"; first text {_seconds(speed.first_token_s)}" if speed.first_token_s else ""
    say(f"  {'latency':<20} {_seconds(speed.latency_s)}{first}")
    if speed.tokens_per_s is not None and speed.tokens_per_s_each:
        rates = f"{speed.tokens_per_s:,.1f} tokens/s, {speed.tokens_per_s_each.p50:,.1f} of one request (median)"
        say(f"  {'throughput':<20} {rates}")
    say(f"  {'requests':<20} {speed.answers:,}, at most {speed.in_flight} at a time; {speed.retried} failed before")


def _seconds(of: "Percentiles | None") -> str:
    return f"p50 {of.p50:.3g} s, p90 {of.p90:.3g} s" if of else "not measured"
