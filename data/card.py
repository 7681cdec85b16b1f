"""The data card: one HTML page that says what a dataset is made of, and the same counts as CSV for DVC's plots.

The page is complete in itself: it fetches nothing, runs nothing, and is the same for the same dataset. What stands on
it is decided here; how it looks, in the template beside this file.
"""

import csv
import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from data.statistics import Group, Histogram, Sample, Statistics, SuiteOverlap
from hone.files import write_atomic
from hone.pages import render_page
from hone.records import Record

TEMPLATE = Path(__file__).with_name("card.html.j2")
PAGE, LENGTHS, REJECTED = "card.html", "lengths.csv", "rejected.csv"
NAMED = 4  # sources in the title
BARS_SHOWN = 24  # of one kind; the others are summed up
TASKS_SHOWN = 400  # of a suite, by id
SAMPLES_SHOWN = 40
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


class Bar(Record, frozen=True):
    """One line of a chart."""

    name: str
    value: str  # as it is read
    share: float  # of the longest bar
    note: str = ""


class Chart(Record, frozen=True):
    """Bars under a title."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    left: int = 0  # bars that are not shown


class Figure(Record, frozen=True):
    """One number by itself."""

    name: str
    value: str  # as it is read
    note: str


class SuiteView(Record, frozen=True):
    """What of one suite was kept out."""

    suite: SuiteOverlap
    shown: tuple[str, ...]
    left: int


class Card(Record, frozen=True):
    """The whole page."""

    title: str
    digest: str
    figures: tuple[Figure, ...]  # the numbers on top
    kept: tuple[Chart, ...]
    rejected: Chart
    lengths: tuple[Chart, ...]
    twins: Chart | None
    twin_figures: tuple[Figure, ...]
    suites: tuple[SuiteView, ...]
    redacted: Chart
    tasks: tuple[tuple[str, str, str, str], ...]  # task, train, held out, left out
    samples: tuple[Sample, ...]


def write_card(folder: Path, statistics: Statistics) -> None:
    """Writes the page and the CSV files into a dataset's folder."""
    write_atomic(folder / PAGE, render(card_of(statistics)).encode("utf-8", errors="replace"))
    write_atomic(folder / LENGTHS, lengths_csv(statistics.lengths).encode())
    rows = [("filter", "files"), *((one.filter, str(one.files)) for one in statistics.rejected)]
    write_atomic(folder / REJECTED, _csv(rows).encode())


def card_of(statistics: Statistics) -> Card:
    """What stands on the page."""
    twins = statistics.twins
    train, heldout = (sum(getattr(one, side) for one in statistics.tasks) for side in ("train", "heldout"))
    return Card(
        title=_title(statistics.sources),
        digest=statistics.digest,
        figures=(
            Figure("examples to train on", _number(train), f"{_number(heldout)} held out"),
            Figure("files kept", _number(statistics.kept.files), f"of {_number(statistics.read.files)} read"),
            Figure("of code", _size(statistics.kept.bytes), f"of {_size(statistics.read.bytes)}"),
            Figure("duplicates removed", _number(twins.exact + twins.near if twins else 0), "exact and near"),
        ),
        kept=tuple(
            _groups(title, groups)
            for title, groups in (
                ("Languages", statistics.languages),
                ("Licences", statistics.licences),
                ("Sources", statistics.sources),
            )
        ),
        rejected=_chart(
            "What was left out, by filter",
            "files",
            [(one.filter, one.files, one.why) for one in sorted(statistics.rejected, key=lambda one: -one.files)],
        ),
        lengths=tuple(_histogram(one) for one in statistics.lengths),
        twins=_histogram(twins.clusters) if twins else None,
        twin_figures=(
            Figure("the same", _number(twins.exact), "by hash"),
            Figure("nearly the same", _number(twins.near), "Jaccard similarity, verified"),
            Figure("too near to held-out ones", _number(twins.held_out), "kept out of training"),
        )
        if twins
        else (),
        suites=tuple(_suite(one) for one in statistics.overlaps),
        redacted=_chart(
            "Secrets and personal data replaced",
            "places",
            [(one.name, one.count, "") for one in sorted(statistics.redacted, key=lambda one: -one.count)],
        ),
        tasks=tuple(
            (
                one.task,
                _number(one.train),
                _number(one.heldout),
                ", ".join(f"{_number(drop.count)} {drop.name}" for drop in one.dropped),
            )
            for one in statistics.tasks
        ),
        samples=statistics.samples[:SAMPLES_SHOWN],
    )


def render(card: Card) -> str:
    """The page as HTML."""
    return render_page(TEMPLATE, {"visible": visible}, card=card)


def visible(text: str) -> str:
    """Text whose every character shows: what would hide or reorder text (Boucher and Anderson 2021) by its number."""
    return "".join(
        one if one in "\n\t" or unicodedata.category(one) not in _HIDDEN else f"⟨U+{ord(one):04X}⟩" for one in text
    )


def lengths_csv(histograms: Sequence[Histogram]) -> str:
    """A row for each bound, a column for each histogram of the same bounds as the first."""
    same = [one for one in histograms if one.bounds == histograms[0].bounds]
    rows = [("from", *(one.name for one in same))]
    for number, bound in enumerate(same[0].bounds if same else ()):
        rows.append((str(bound), *(str(one.counts[number]) for one in same)))
    return _csv(rows)


def _title(sources: Sequence[Group]) -> str:
    names = [one.name or "unnamed" for one in sources]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{' + '.join(names[:NAMED]) or 'Nothing'}{more}"


def _groups(title: str, groups: Sequence[Group]) -> Chart:
    rows = [
        (one.name or "unknown", one.bytes, f"{_number(one.files)} files, {_number(one.examples)} examples")
        for one in sorted(groups, key=lambda one: (-one.bytes, one.name))
    ]
    return _chart(title, "bytes", rows)


def _chart(title: str, unit: str, rows: Sequence[tuple[str, int, str]]) -> Chart:
    most = max((value for _, value, _ in rows), default=0) or 1
    shown = _size if unit == "bytes" else _number
    bars = tuple(Bar(name, shown(value), value / most, note) for name, value, note in rows[:BARS_SHOWN])
    return Chart(title, unit, bars, max(0, len(rows) - BARS_SHOWN))


def _histogram(one: Histogram) -> Chart:
    """Bars that stand upright, each named by where it begins; empty ones at the end are left out."""
    last = max((number for number, count in enumerate(one.counts) if count), default=-1)
    most = max(one.counts, default=0) or 1
    pairs = list(zip(one.bounds, one.counts, strict=True))[: last + 1]
    bars = tuple(Bar(_short(bound), _number(count), count / most) for bound, count in pairs)
    return Chart(one.name, one.unit, bars)


def _suite(overlap: SuiteOverlap) -> SuiteView:
    return SuiteView(overlap, overlap.overlapping[:TASKS_SHOWN], max(0, len(overlap.overlapping) - TASKS_SHOWN))


def _number(value: int) -> str:
    return f"{value:,}"


def _short(value: int) -> str:
    """`20k` for 20,000."""
    return f"{value // 1000}k" if value >= 1000 and value % 1000 == 0 else str(value)


def _size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}" if size < 1000 * factor else f"{size / factor:,.0f} {unit}"
    return f"{size} bytes"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
