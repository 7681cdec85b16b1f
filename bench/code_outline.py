"""How fast outlines are: parsed, from the cache, and after an edit; each beside the bare parser in the same run.

python -m bench.code_outline
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tree_sitter import Parser

from analysis import LANGUAGES, parse
from analysis.cache import Cache
from analysis.outlines import Outline, outlines
from bench.measuring import LIBRARY, library, timed
from bench.report import Row, measured, show

RUNS = 5  # of each side in turn; the fastest counts, in seconds of CPU time
EDITS = 50
LARGE_BYTES = 2_000_000  # of the file that is edited


def measure() -> Iterator[Row]:
    """Every figure of this file."""
    files = library()
    yield from speed(files)
    yield warm(files)
    yield edited(files)


def speed(files: list[Path]) -> Iterator[Row]:
    """Parse and outline on one core, with the library's tests and without: each file's fastest run of either side."""
    bare_parse = Parser(LANGUAGES["python"].language).parse
    seconds: dict[Path, list[float]] = {}
    for path in files:
        source = path.read_bytes()
        seconds[path] = fastest(
            lambda source=source: bare_parse(source),
            lambda source=source: parse(source, "python").syntax,
        )
    for name, chosen in (
        ("standard library", files),
        ("standard library without tests", [path for path in files if "test" not in path.relative_to(LIBRARY).parts]),
    ):
        megabytes = sum(path.stat().st_size for path in chosen) / 1e6
        bare, outlined = (megabytes / sum(seconds[path][side] for path in chosen) for side in (0, 1))
        yield measured(
            f"parse and outline, {name}, one core",
            outlined,
            "MB/s",
            "≥ 10",
            peer="bare tree-sitter",
            peer_value=bare,
        )


def warm(files: list[Path]) -> Row:
    """Outlines of the whole library from a cache on disk, opened anew each time."""

    def read() -> None:
        with Cache(Path(folder) / "outlines.db", Outline) as cache:
            for found in outlines(files, cache=cache, workers=0):
                if found.value is None:
                    raise RuntimeError(f"{found.path}: {found.reason}")

    with tempfile.TemporaryDirectory() as folder:
        read()
        (seconds,) = fastest(read)
    return measured("whole standard library's outlines, warm cache", seconds, "s", "≤ 0.5")


def edited(files: list[Path]) -> Row:
    """One letter more in a name in the middle of a large file, against parsing that file again."""
    source = b""
    for path in files:
        content = path.read_bytes()
        if not parse(content, "python").errors:
            source += content + b"\n"
        if len(source) > LARGE_BYTES:
            break
    module = parse(source, "python")
    at = source.index(b"\ndef ", len(source) // 2) + len(b"\ndef ")
    whole, edit = fastest(
        lambda: parse(source, "python"), lambda: [module.edit(at, at, b"x") and None for _ in range(EDITS)]
    )
    return measured(
        f"an edit of a file of {len(source) / 1e6:.1f} MB", edit / EDITS * 1e3, "ms", "≤ 0.2 ×",
        peer="whole parse", peer_value=whole * 1e3,
    )  # fmt: skip


def fastest(*sides: Callable[[], object]) -> list[float]:
    """The best CPU seconds of each side; they take turns."""
    best = [float("inf")] * len(sides)
    for _ in range(RUNS):
        for number, side in enumerate(sides):
            best[number] = min(best[number], timed(side)[0])
    return best


if __name__ == "__main__":
    show("Outlines", list(measure()))
