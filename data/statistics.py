"""What a dataset's data card tells: counts of everything that was read, left out, changed and made. Records alone.

Each count of bytes is of the files' own, as they were read. A part that was not looked at stays empty.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from hone.records import Record

LENGTHS = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)  # characters
SIZES = (2, 3, 4, 6, 11, 21, 51, 101)  # documents of a cluster


class Group(Record, frozen=True):
    """Files that have something in common: a source, a language, a licence."""

    name: str  # empty where it is not known
    files: int
    bytes: int
    examples: int = 0


class Count(Record, frozen=True):
    """How often something came up."""

    name: str
    count: int


class Rejected(Record, frozen=True):
    """What one filter left out."""

    filter: str
    why: str  # in a few words, with the threshold
    files: int
    bytes: int = 0


class Histogram(Record, frozen=True):
    """How many values lie from each bound up to the next; the last has no end."""

    name: str
    unit: str
    bounds: tuple[int, ...]
    counts: tuple[int, ...]


class Twins(Record, frozen=True):
    """Duplicates that were removed."""

    exact: int
    near: int
    clusters: Histogram  # by their documents
    held_out: int = 0  # of them, examples to train on that were too near to what is held out


class SuiteOverlap(Record, frozen=True):
    """What of one suite stood in the sources, and was removed."""

    suite: str
    tasks: int
    overlapping: tuple[str, ...]  # the tasks' ids
    removed: int  # documents or examples


class TaskCount(Record, frozen=True):
    """Examples of one task."""

    task: str
    train: int
    heldout: int
    dropped: tuple[Count, ...] = ()  # functions and files that made no example, by reason


class Sample(Record, frozen=True):
    """One example to look at."""

    id: str
    task: str
    place: str  # source, path and lines
    licence: str
    prompt: str
    completion: str
    suffix: str = ""


class Statistics(Record, frozen=True):
    """One dataset."""

    digest: str  # the manifest's
    read: Group  # everything that the sources have, before any filter
    kept: Group  # what examples and documents were made of
    sources: tuple[Group, ...] = ()
    languages: tuple[Group, ...] = ()
    licences: tuple[Group, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    twins: Twins | None = None
    overlaps: tuple[SuiteOverlap, ...] = ()
    redacted: tuple[Count, ...] = ()  # by kind of secret or personal data
    lengths: tuple[Histogram, ...] = ()
    tasks: tuple[TaskCount, ...] = ()
    samples: tuple[Sample, ...] = ()


def histogram(name: str, unit: str, values: Iterable[int], bounds: Sequence[int] = LENGTHS) -> Histogram:
    """Counts values; those below the first bound count as of the first."""
    counts = [0] * len(bounds)
    for value in values:
        counts[max(0, bisect_right(bounds, value) - 1)] += 1
    return Histogram(name, unit, tuple(bounds), tuple(counts))
