"""What stands on the report's page beside the scores: training data, secrets and static checks. Pure."""

from collections.abc import Sequence

from evaluation.findings import CheckerReport, CodeChecks, Contamination, Leaks, Overlap, Repetition, Secret, Share
from evaluation.suites.records import SuiteRun
from hone.records import Record

ROWS_SHOWN = 30


class Fact(Record, frozen=True):
    """One line of a table: what, and its value in each run."""

    name: str
    values: tuple[str, ...]


class FindingsView(Record, frozen=True):
    """What was found out about one suite's runs. Tables are empty where nobody looked."""

    contamination: Contamination | None  # the challenger's, or else the champion's
    data: str  # which texts were looked through
    overlaps: tuple[Overlap, ...]  # as many as are shown
    leaks: tuple[Fact, ...]
    repetitions: tuple[tuple[str, Repetition], ...]  # with the run's name; as many as are shown
    secrets: tuple[tuple[str, Secret], ...]
    checks: tuple[Fact, ...]


def findings_view(runs: Sequence[SuiteRun]) -> FindingsView:
    """Of the champion, if any, and the challenger, in this order."""
    found = next((run.contamination for run in reversed(runs) if run.contamination), None)
    leaks = [(run.name, run.leaks) for run in runs if run.leaks]
    return FindingsView(
        contamination=found,
        data=_data(found) if found else "",
        overlaps=found.overlaps[:ROWS_SHOWN] if found else (),
        leaks=_leaks([run.leaks for run in runs]) if leaks else (),
        repetitions=tuple((name, one) for name, of in leaks for one in of.repetitions or ())[:ROWS_SHOWN],
        secrets=tuple((name, one) for name, of in leaks for one in of.secrets)[:ROWS_SHOWN],
        checks=_checks([run.checks for run in runs]) if any(run.checks for run in runs) else (),
    )


def _data(found: Contamination) -> str:
    names = ", ".join(f"{file.name} ({file.digest[:19]})" for file in found.data)
    return f"{found.documents:,} texts{f' of {names}' if names else ''}"


def _leaks(found: Sequence[Leaks | None]) -> tuple[Fact, ...]:
    rows = (
        ("generations", [f"{one.generations:,}" if one else "not looked at" for one in found]),
        ("repeat 50 tokens of training data", [_count(one.repeating) if one else "–" for one in found]),
        ("hold what looks like a secret", [_count(one.telling) if one else "–" for one in found]),
    )
    return tuple(Fact(name, tuple(values)) for name, values in rows)


def _count(number: int | None) -> str:
    return "not looked for" if number is None else f"{number:,}"


def _checks(found: Sequence[CodeChecks | None]) -> tuple[Fact, ...]:
    lint, types = [one.lint if one else None for one in found], [one.types if one else None for one in found]
    rows = (
        ("parses", [_share(one.parses) if one else "–" for one in found]),
        (f"no lint error, {_name(lint)}", [_clean(one) for one in lint]),
        (f"no type error, {_name(types)}", [_clean(one) for one in types]),
        ("lint errors, commonest", [_commonest(one) for one in lint]),
        ("type errors, commonest", [_commonest(one) for one in types]),
        ("unchecked", [_unchecked(one) for one in found]),
    )
    return tuple(Fact(name, tuple(value or "–" for value in values)) for name, values in rows if any(values))


def _name(reports: Sequence[CheckerReport | None]) -> str:
    return next((one.checker for one in reversed(reports) if one), "")


def _clean(report: CheckerReport | None) -> str:
    if report is None:
        return "–"
    return _share(report.clean) if report.clean else report.problem or "none could be checked"


def _commonest(report: CheckerReport | None) -> str:
    return ", ".join(f"{rule} in {count:,}" for rule, count in report.commonest) if report else ""


def _unchecked(found: CodeChecks | None) -> str:
    """Samples that a checker crashed on, or had no time for."""
    left = list(dict.fromkeys((*found.lint.unchecked, *found.types.unchecked))) if found else []
    return f"{len(left):,}, the first {left[0]}" if left else ""


def _share(share: Share) -> str:
    interval = f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
    return f"{100 * share.rate:.1f} % {interval}, {share.held:,} of {share.samples:,}"
