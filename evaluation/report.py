"""Writes the page of an evaluation: one HTML file with its styles and plots inside, which fetches and runs nothing.

What stands on it is decided in `evaluation.report_page`; how it looks, in the templates beside this file.
"""

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from evaluation.report_page import Page, build_page, visible
from evaluation.stored import Run
from hone.files import write_atomic
from hone.pages import render_page

TEMPLATE = Path(__file__).with_name("report.html.j2")


def write_report(
    path: Path,
    runs: Sequence[Run],
    *,
    champions: Sequence[Run] = (),
    contaminated: AbstractSet[str] = frozenset(),
    clock: Callable[[], float] = time.time,
) -> None:
    """Writes the page of `runs`, against `champions` of the same suites. Raises `EvaluationError` as `compare` does."""
    page = build_page(runs, champions, contaminated)
    write_atomic(path, render(page, made_at=clock()).encode("utf-8", errors="replace"))


def render(page: Page, *, made_at: float) -> str:
    """The page as HTML."""
    filters: dict[str, Callable[..., str]] = {
        "percent": _percent,
        "points": _points,
        "p_value": _p_value,
        "place": _place,
        "moment": _moment,
        "visible": visible,
    }
    return render_page(TEMPLATE, filters, page=page, made_at=made_at)


def _percent(rate: float, digits: int = 1) -> str:
    return f"{100 * rate:.{digits}f}"


def _points(difference: float) -> str:
    """A difference of rates in percentage points, with a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def _p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _place(value: float, low: float = 0.0, high: float = 1.0) -> str:
    """Where a value lies on an axis, as a length that SVG and CSS take."""
    return f"{100 * min(1.0, max(0.0, (value - low) / (high - low))):.3f}%"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
