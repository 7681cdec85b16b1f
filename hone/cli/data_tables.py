"""What `hone data build` and `hone data stats` print: sources, what each filter left out of them, and splits."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from data.standing import Standings
    from hone.records import Manifest

FILE_WIDTH = 120  # of tables that go to no terminal
MOST_SOURCES = 6  # beside each other; of more, sums alone


def print_manifest(manifest: "Manifest") -> None:
    """Prints it as tables."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    left_out = _left_out(manifest)
    parts = [_sources(manifest), *([left_out] if left_out.row_count else []), _splits(manifest)]
    for part in parts:
        console.print(part, "", sep="\n")
    console.print(f"dataset {manifest.digest}")


def print_standings(found: "Standings") -> None:
    """Prints a row for each source and benchmark."""
    from rich.console import Console

    table = _table("source", "kind", "stands at", "place", numbers=())
    for one in found.sources:
        table.add_row(one.name, one.kind, one.state[:19], one.place)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(table if found.sources else "all of it is generated: nothing that could change but the recipe")


def _sources(manifest: "Manifest") -> "Table":
    sources = _table("source", "kind", "version", "licence", numbers=("files", "examples", "duplicates"))
    for use in manifest.sources:
        numbers = (f"{number:,}" for number in (use.files, use.examples, use.duplicates))
        sources.add_row(use.name, use.kind, use.commit[:12], use.licence or "unknown", *numbers)
    return sources


def _left_out(manifest: "Manifest") -> "Table":
    """A row for each reason, a column for each source."""
    uses = [use for use in manifest.sources if use.skipped]
    shown = uses if 1 < len(uses) <= MOST_SOURCES else []
    table = _table("left out", "why", numbers=(*(use.name for use in shown), "all"))
    for reason in sorted({reason for use in uses for reason in use.skipped}):
        kind, _, why = reason.partition(": ")
        counts = [use.skipped.get(reason, 0) for use in uses]
        each = [f"{count:,}" if count else "" for count in counts] if shown else []
        table.add_row(kind, why, *each, f"{sum(counts):,}")
    return table


def _splits(manifest: "Manifest") -> "Table":
    splits = _table("split", numbers=("examples", "bytes"))
    splits.add_column("digest")
    for split in manifest.splits:
        splits.add_row(split.name, f"{split.examples:,}", f"{split.bytes:,}", split.digest[:19])
    return splits


def _table(*words: str, numbers: "tuple[str, ...]") -> "Table":
    from rich.table import Table

    table = Table(*words, box=None, header_style="bold", pad_edge=False)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table
