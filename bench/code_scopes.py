"""The figures of Python's scopes and references: speed beside LibCST's scope provider, on the standard library.

    python -m bench.code_scopes

From source to every name bound, one core, in CPU seconds. LibCST takes minutes for the library: both are timed on the
same part of it.
"""

import warnings
from collections.abc import Callable, Iterator

from libcst import ParserSyntaxError, parse_module
from libcst.metadata import MetadataWrapper, ScopeProvider

from analysis import parse
from bench.measuring import library, timed
from bench.report import Row, finish, measured

RUNS = 3  # of ours; the fastest counts. LibCST's one is long enough
EVERY = 40  # of the library's files, by name, one in so many is timed beside LibCST
FASTER = 20


def measure() -> Iterator[Row]:
    """Every row."""
    sources = [path.read_bytes() for path in library()]
    sample = [source for source in sources[::EVERY] if followed(source)]
    peer_s = cpu_seconds(with_libcst, sample)
    ours_s = min(cpu_seconds(ours, sample) for _ in range(RUNS))
    yield measured(
        "parse, scopes and references, a part of the library", speed(sample, ours_s), "MB/s", f"≥ {FASTER} ×",
        peer="LibCST ScopeProvider", peer_value=speed(sample, peer_s),
    )  # fmt: skip
    whole_s = min(cpu_seconds(ours, sources) for _ in range(RUNS))
    yield measured("parse, scopes and references, the whole library", speed(sources, whole_s), "MB/s", "≥ 2.6")


def followed(source: bytes) -> bool:
    """Whether LibCST can parse it: some files are made to be broken."""
    try:
        parse_module(source)
    except (ParserSyntaxError, SyntaxError, UnicodeDecodeError):
        return False
    return True


def ours(source: bytes) -> None:
    """Every occurrence is bound when they are asked for."""
    _ = parse(source, "python").occurrences


def with_libcst(source: bytes) -> None:
    """Scopes with their assignments and accesses."""
    MetadataWrapper(parse_module(source)).resolve(ScopeProvider)


def cpu_seconds(work: Callable[[bytes], None], sources: list[bytes]) -> float:
    """For all files, one after the other."""
    with warnings.catch_warnings(action="ignore"):
        seconds, _ = timed(lambda: [work(source) for source in sources])
    return seconds


def speed(sources: list[bytes], seconds: float) -> float:
    """In MB a second."""
    return sum(map(len, sources)) / 1e6 / seconds


if __name__ == "__main__":
    finish("Python's scopes", measure())
