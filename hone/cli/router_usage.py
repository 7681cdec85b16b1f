"""`hone router usage`, `top` and `feedback export`: what the router's ledger says."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hone.cli.router_keys import open_database
from hone.errors import RouterError
from hone.layout import find_layout
from hone.settings import load_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from router.money.database import Database
    from router.money.usage import Used

feedback = typer.Typer(help="What people thought of the router's answers.", no_args_is_help=True)

IN_FLIGHT = "hone_router_in_flight"
SPAN_S = 10.0  # what `top` shows
REFRESH_S = 1.0


def usage(
    by: str = typer.Option("model", help="key, route, provider, model or day."),
    since: str = typer.Option("30d", help="90m, 24h, 7d, or a date as 2026-10-01 (00:00 UTC)."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Sums up what went through the router: requests, tokens, cost, errors, latency.

    Example: hone router usage --by key --since 7d
    """
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from router.money.usage import parse_by, parse_since, used

    group, start = parse_by(by), parse_since(since, time.time())
    groups, total = used(open_database(), group, start)
    if as_json:
        rows = [{group: row.group, **_without_group(msgspec.to_builtins(row))} for row in groups]
        print(
            json.dumps({"since": start, "by": group, "rows": rows, "total": _without_group(msgspec.to_builtins(total))})
        )
        return
    if not groups:
        print(f"no request has come through the router since {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(start))}")
        return
    table = Table(show_footer=len(groups) > 1, box=None, pad_edge=False)
    table.add_column(group, footer="all")
    figures = [_figures(row) for row in (*groups, total)]
    for at, name in enumerate(("requests", "errors", "refused", "cached", "input", "output", "cost", "p50", "p95")):
        table.add_column(name, justify="right", footer=figures[-1][at], no_wrap=True)
    for row, shown in zip(groups, figures, strict=False):
        table.add_row(row.group, *shown)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def top(once: bool = typer.Option(False, "--once", help="One picture, for scripts and logs.")) -> None:
    """Shows what the router does now: requests a second, under way, errors, cost. Ends on q or Ctrl-C.

    Example: hone router top
    """
    from rich.console import Console
    from rich.live import Live

    database, url = open_database(), load_settings(find_layout()).router_url
    console = Console()
    if once or not sys.stdout.isatty():
        console.print(_picture(database, url))
        return
    with _keys() as pressed, Live(_picture(database, url), console=console, screen=True, auto_refresh=False) as live:
        while pressed(REFRESH_S) not in ("q", "Q", "\x03", "\x04"):
            live.update(_picture(database, url), refresh=True)


@feedback.command()
def export(
    out: Path = typer.Option(None, "--out", help="The file to write; default: the terminal."),
    since: str = typer.Option("2020-01-01", help="90m, 24h, 7d, or a date as 2026-10-01 (00:00 UTC)."),
) -> None:
    """Writes every piece of feedback with its request, one JSON object a line: later training data.

    Example: hone router feedback export --out feedback.jsonl
    """
    from hone.files import write_atomic
    from router.money.feedback import exported
    from router.money.usage import parse_since

    lines = (json.dumps(row) for row in exported(open_database(), since=parse_since(since, time.time())))
    if out is None:
        for line in lines:
            print(line)
        return
    content = [line.encode() + b"\n" for line in lines]
    try:
        write_atomic(out, b"".join(content))
    except OSError as error:
        raise RouterError(f"`{out}` cannot be written: {error.strerror}") from error
    print(f"{len(content):,} pieces of feedback → {out}")


@feedback.callback()
def _feedback() -> None:
    """What people thought of the router's answers."""


def _figures(row: "Used") -> tuple[str, ...]:
    counts = (row.requests, row.errors, row.refused, row.cached, row.input_tokens, row.output_tokens)
    latencies = ("–" if seconds is None else f"{seconds:.2f} s" for seconds in (row.p50_s, row.p95_s))
    return (*(f"{count:,}" for count in counts), f"${row.cost_usd:,.4f}", *latencies)


def _without_group(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "group"}


def _picture(database: "Database", url: str) -> "RenderableType":
    """What was answered in the last seconds, by whom."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from router.money.usage import recent

    flows, today_usd = recent(database, time.time(), SPAN_S)
    in_flight = _in_flight(url)
    requests, errors = sum(flow.requests for flow in flows), sum(flow.errors for flow in flows)
    state = f"{in_flight:,} under way" if in_flight is not None else f"no router serves at {url}"
    head = f"{requests / SPAN_S:,.1f} requests/s   {state}   {errors:,} errors   ${today_usd:,.4f} today (UTC)"
    table = Table(box=None, pad_edge=False, expand=False)
    for name in ("route", "provider", "model", "version"):
        table.add_column(name)
    for name in ("requests/s", "errors", "tokens/s", "mean", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for flow in flows:
        rates = f"{flow.requests / SPAN_S:,.1f}", f"{flow.errors:,}", f"{flow.output_tokens / SPAN_S:,.0f}"
        places = (flow.route, flow.provider, flow.model, flow.model_version)
        table.add_row(*(place or "–" for place in places), *rates, f"{flow.mean_s:.2f} s", f"${flow.cost_usd:,.4f}")
    foot = Text(f"last {SPAN_S:g} s; q ends", style="dim")
    return Group(Text(head, style="bold"), *([table] if flows else []), foot)


def _in_flight(url: str) -> int | None:
    """Requests under way by the router's metrics; None where it does not answer."""
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=0.5) as answer:  # noqa: S310 - our own address
            lines = answer.read().decode().splitlines()
    except (OSError, http.client.HTTPException, ValueError):
        return None
    samples = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(IN_FLIGHT)]
    return int(sum(map(float, samples)))


def _wait(wait_s: float) -> str:
    time.sleep(wait_s)
    return ""


def _pressed(terminal: int) -> str:
    """One key; a terminal that is gone ends everything, as Ctrl-D does."""
    try:
        return os.read(terminal, 1).decode(errors="replace") or "\x04"
    except OSError:
        return "\x04"


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Yields a function that waits for a key for so many seconds; empty: none was pressed."""
    import select
    import termios
    import tty

    terminal = sys.stdin.fileno()
    if not os.isatty(terminal):
        yield _wait
        return
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda wait_s: _pressed(terminal) if select.select([terminal], [], [], wait_s)[0] else ""
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
