"""The form that every bench writes: artifacts/bench/NAME.json, and the same rows as a table for a person.

A goal is text such as `≤ 1.5` (of the value) or `≥ 3 ×` (of the ratio to the peer); an empty one is met by any figure.
"""

import re
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hone.files import write_atomic
from hone.layout import Layout
from hone.records import Record, to_json

FILE_WIDTH = 120  # of the table where it goes to no terminal
GOAL = re.compile(r"([≤≥]) ([0-9.]+)( ×)?")


class Row(Record, frozen=True):
    """One figure. Null where there is no peer, or where it could not be measured: the name then says why."""

    name: str
    value: float | None
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None  # value / peer_value
    goal: str
    met: bool


def measured(
    name: str, value: float, unit: str, goal: str, *, peer: str | None = None, peer_value: float | None = None
) -> Row:
    """A row with its ratio, judged."""
    ratio = value / peer_value if peer_value else None
    return Row(name, value, unit, peer, peer_value, ratio, goal, met=is_met(goal, value, ratio))


def unmeasured(name: str, unit: str, goal: str, why: str) -> Row:
    """A row without a figure, never met."""
    return Row(f"{name} (not measured: {why})", None, unit, None, None, None, goal, met=False)


def is_met(goal: str, value: float, ratio: float | None) -> bool:
    """Whether a figure reaches its goal. Raises `ValueError` for a goal that is not `≤ N` or `≥ N`, with `×` or not."""
    if not goal:
        return True
    found = GOAL.fullmatch(goal)
    if found is None:
        raise ValueError(f"`{goal}` is not a goal; write `≤ 1.5`, or `≥ 3 ×` for the ratio")
    sign, bound, of_the_ratio = found.groups()
    figure = ratio if of_the_ratio else value
    return figure is not None and (figure <= float(bound) if sign == "≤" else figure >= float(bound))


def write_report(layout: Layout, name: str, rows: Iterable[Row]) -> None:
    """Writes artifacts/bench/NAME.json."""
    write_atomic(layout.bench / f"{name}.json", to_json(list(rows)))


def show(title: str, rows: Iterable[Row]) -> None:
    """Prints the rows as a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("value", "peer", "ratio", "goal"):
        table.add_column(column, justify="right", no_wrap=column != "peer")
    table.add_column("met")
    for row in rows:
        peer = "" if row.peer_value is None else f"{row.peer} {_number(row.peer_value)}"
        value = "–" if row.value is None else f"{_number(row.value)} {row.unit}".rstrip()
        ratio = "" if row.ratio is None else f"{row.ratio:.3g} ×"
        mark = "[red]NO[/]" if not row.met else "[green]yes[/]" if row.goal else ""
        table.add_row(escape(row.name), value, peer, ratio, row.goal, mark)
    Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH).print(table)


def finish(title: str, rows: Iterable[Row]) -> None:
    """Prints the rows as a table; ends the program with exit code 1 where a goal is not met."""
    known = list(rows)
    show(title, known)
    if not all(row.met for row in known):
        sys.exit(1)


def _number(value: float) -> str:
    """Three digits that count; all of them before the point."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
