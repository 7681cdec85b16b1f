"""How long work shows on a terminal: one bar that moves, or a line every few seconds where nobody watches."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.trainer import Progress

LINE_EVERY_S = 10.0


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


@contextmanager
def bar() -> Iterator[Callable[[str, int, int, str], None]]:
    """Yields `update(what, done, total, note)`; a finished `what` stays on the screen as one line."""
    yield from (_live() if sys.stdout.isatty() else _lines())


@contextmanager
def counting() -> Iterator[Callable[[str, int, int], None]]:
    """Yields `update(what, done, total)`."""
    with bar() as update:
        yield lambda what, done, total: update(what, done, total, "")


@contextmanager
def stepping(what: str) -> Iterator["Callable[[Progress], None]"]:
    """Yields a listener for a training run: step, loss and tokens/s."""
    with bar() as update:
        yield lambda at: update(what, at.step, at.steps, f"loss {at.loss:.4f}  {at.tokens_per_s:,.0f} tokens/s")


def _live() -> Iterator[Callable[[str, int, int, str], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("  {task.description:<24}"),
        BarColumn(28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, refresh_per_second=4) as progress:

        def update(what: str, done: int, total: int, note: str) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, note=note)
            progress.update(tasks[what], completed=done, total=total, note=note)

        yield update


def _lines() -> Iterator[Callable[[str, int, int, str], None]]:
    last: dict[str, float] = {}

    def update(what: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if done >= total or now - last.get(what, 0.0) >= LINE_EVERY_S:
            last[what] = now
            say(f"  {what}: {done:,} of {total:,}{f'  {note}' if note else ''}")

    yield update
