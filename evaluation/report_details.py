"""What stands on the page beside scores and generations: gaps filled, spread, flaky verdicts and speed. Pure."""

from collections.abc import Callable, Sequence

from evaluation.statistics import Interval
from evaluation.suites.fill_in_the_middle import FillSummary, summarise
from evaluation.suites.passk import spread_of
from evaluation.suites.records import Percentiles, Speed, SuiteRun
from hone.fill_formats import asked_by
from hone.records import Record

FIM = "fim"  # the suite with more to tell than passes


class RateRow(Record, frozen=True):
    """One line of a plot of rates, which are fractions."""

    label: str
    tasks: int
    challenger: Interval
    champion: Interval | None = None
    difference: Interval | None = None
    part: bool = False  # a category or subset, not the suite as a whole


class Fact(Record, frozen=True):
    """One line of a table: what, and its value in each run."""

    name: str
    values: tuple[str, ...]


class FlakyRow(Record, frozen=True):
    """One task's verdicts that changed between runs of the same code."""

    run: str
    id: str
    verdicts: str


class Details(Record, frozen=True):
    """Everything of this kind about one suite; empty where there is nothing to tell."""

    filled: tuple[RateRow, ...]  # fill-in-the-middle's rates
    fill_facts: tuple[Fact, ...]
    spread: tuple[Fact, ...]
    flaky: tuple[FlakyRow, ...] | None  # None where nobody looked
    speed: tuple[Fact, ...]


def details_of(runs: Sequence[SuiteRun]) -> Details:
    """Of the champion, if any, and the challenger."""
    fills = [summarise(run.scores) for run in runs] if all(run.suite == FIM and run.scores for run in runs) else []
    return Details(
        filled=_filled(fills),
        fill_facts=_fill_facts(runs, fills),
        spread=_spread(runs),
        flaky=_flaky(runs) if any(run.reruns for run in runs) else None,
        speed=_speed([run.speed for run in runs]),
    )


def _filled(fills: Sequence[FillSummary]) -> tuple[RateRow, ...]:
    rows = (
        _rate_row("tests pass", [(one.executed, one.pass_rate) for one in fills]),
        _rate_row("exact match", [(one.samples, one.exact_match) for one in fills]),
        _rate_row("parses when joined", [(one.samples, one.parses) for one in fills]),
    )
    return tuple(row for row in rows if row)


def _rate_row(label: str, sides: Sequence[tuple[int, Interval | None]]) -> RateRow | None:
    """A line of the sides' samples and rates; none where the challenger has no rate."""
    if not sides or not (rate := sides[-1][1]):
        return None
    return RateRow(label, sides[-1][0], rate, champion=sides[0][1] if len(sides) > 1 else None)


def _fill_facts(runs: Sequence[SuiteRun], fills: Sequence[FillSummary]) -> tuple[Fact, ...]:
    if not fills:
        return ()
    return told(
        ("edit similarity, mean", [f"{one.edit_similarity:.3f}" for one in fills]),
        ("asked by", [asked_by(run.template_digest) for run in runs]),
    )


def _spread(runs: Sequence[SuiteRun]) -> tuple[Fact, ...]:
    spreads = [spread_of(run) for run in runs]
    return told(
        ("samples", [f"{one.samples}" if one else "" for one in spreads]),
        ("lowest, highest", [f"{one.lowest:.3f}, {one.highest:.3f}" if one else "" for one in spreads]),
        ("mean", [f"{one.mean:.3f}" if one else "" for one in spreads]),
        ("standard deviation", [f"{one.deviation:.3f}" if one else "" for one in spreads]),
    )


def _flaky(runs: Sequence[SuiteRun]) -> tuple[FlakyRow, ...]:
    return tuple(
        FlakyRow(run.name, score.id, ", ".join(score.flaky)) for run in runs for score in run.scores if score.flaky
    )


def _speed(speeds: Sequence[Speed | None]) -> tuple[Fact, ...]:
    def each(shown: Callable[[Speed], str]) -> list[str]:
        return [shown(one) if one else "" for one in speeds]

    return told(
        ("latency", each(lambda one: _percentiles(one.latency_s))),
        ("first text", each(lambda one: _percentiles(one.first_token_s))),
        ("throughput", each(lambda one: _rate(one.tokens_per_s))),
        (
            "of one request, median",
            each(lambda one: _rate(one.tokens_per_s_each.p50 if one.tokens_per_s_each else None)),
        ),
        ("completion tokens", each(lambda one: f"{one.tokens:,}" if one.tokens is not None else "")),
        ("requests", each(lambda one: f"{one.answers:,}, at most {one.in_flight} at a time")),
        ("failed before", each(lambda one: f"{one.retried:,}")),
    )


def told(*rows: tuple[str, Sequence[str]]) -> tuple[Fact, ...]:
    """The rows of which some run has something to tell."""
    return tuple(Fact(name, tuple(value or "–" for value in values)) for name, values in rows if any(values))


def seconds(value: float) -> str:
    """Three figures or so, in the unit that reads best; empty for what was not measured."""
    if value <= 0:
        return ""
    if value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} s" if value < 120 else f"{value / 60:,.1f} min"


def _percentiles(of: Percentiles | None) -> str:
    return f"p50 {seconds(of.p50)}, p90 {seconds(of.p90)}" if of else ""


def _half(of: Percentiles | None) -> float | None:
    return of.p50 if of else None


def _rate(tokens_per_s: float | None) -> str:
    return f"{tokens_per_s:,.1f} tokens/s" if tokens_per_s else ""
