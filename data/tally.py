"""Counts for the data card, taken while a dataset is written: everything that was read, left out and made."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from data.decide import Decided
from data.decontamination import Finding
from data.filters import FilterConfig, limits
from data.index import Indexed
from data.statistics import (
    LENGTHS,
    SIZES,
    Count,
    Group,
    Histogram,
    Rejected,
    Sample,
    Statistics,
    SuiteOverlap,
    TaskCount,
    Twins,
    histogram,
)
from data.suites import Suite
from hone.records import Example

SAMPLES = 3  # of each task
SAMPLE_CHARS = 3_000  # an example with more is no sample


@dataclass
class _Sum:
    """Files on their way to a group."""

    files: int = 0
    bytes: int = 0
    examples: int = 0

    def add(self, size: int) -> None:
        """One file."""
        self.files += 1
        self.bytes += size


class Tally:
    """Is told of each file and example once, in the order of the dataset."""

    def __init__(self) -> None:
        self._read = _Sum()
        self._kept = {name: defaultdict[str, _Sum](_Sum) for name in ("", "source", "language", "licence")}
        self._rejected = defaultdict[str, _Sum](_Sum)
        self._redacted: Counter[str] = Counter()
        self._overlaps: Counter[tuple[str, str]] = Counter()
        self._near_heldout = 0
        self._made: dict[str, Counter[str]] = {"train": Counter(), "heldout": Counter()}
        self._left_out = defaultdict[str, Counter[str]](Counter)
        self._lengths = {name: [0] * len(LENGTHS) for name in ("file", "prompt", "completion")}
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)

    def file(self, file: Indexed, *, near_heldout: bool, overlaps: Sequence[tuple[str, str]]) -> None:
        """One file of a source, kept or not; `overlaps` are the suites and tasks that it has a part of."""
        self._read.add(file.size)
        self._overlaps.update(set(overlaps))
        self._near_heldout += near_heldout
        if file.filter:
            self._rejected[file.filter].add(file.size)
            return
        for group in self._groups(file.source, file.language, file.licence):
            group.add(file.size)
        self._count("file", file.size)

    def overlap(self, findings: Sequence[Finding]) -> None:
        """What of suites was found elsewhere than in a source's file."""
        self._overlaps.update({(one.suite, one.task) for one in findings})

    def redacted(self, counts: Mapping[str, int]) -> None:
        """What was changed in a kept file."""
        self._redacted.update(counts)

    def left_out(self, task: str, reasons: Mapping[str, int]) -> None:
        """What of a kept file made no example of a task."""
        self._left_out[task].update(reasons)

    def example(self, example: Example, side: str) -> None:
        """One example that is written."""
        origin = example.origin
        for group in self._groups(origin.source, origin.language, origin.licence):
            group.examples += 1
        self._made[side][example.task] += 1
        given = example.prompt + example.suffix or "".join(turn.content for turn in example.turns)
        self._count("prompt", len(given))
        self._count("completion", len(example.completion))
        samples = self._samples[example.task]
        if len(samples) < SAMPLES and not example.turns and len(given) + len(example.completion) <= SAMPLE_CHARS:
            place = f"{origin.source}/{origin.path}:{origin.first_line}" if origin.path else origin.source
            samples.append(
                Sample(
                    example.id, example.task, place, origin.licence, example.prompt, example.completion, example.suffix
                )
            )

    def statistics(self, digest: str, decided: Decided, config: FilterConfig, suites: Sequence[Suite]) -> Statistics:
        """All of it."""
        clusters = decided.clusters
        return Statistics(
            digest=digest,
            read=_group("", self._read),
            kept=_group("", self._kept[""][""]),
            sources=_groups(self._kept["source"]),
            languages=_groups(self._kept["language"]),
            licences=_groups(self._kept["licence"]),
            rejected=tuple(
                Rejected(name, limits(config).get(name, ""), one.files, one.bytes)
                for name, one in sorted(self._rejected.items())
            ),
            twins=Twins(
                clusters.exact,
                clusters.near,
                histogram("clusters", "files", clusters.sizes, SIZES),
                self._near_heldout,
            ),
            overlaps=tuple(self._overlap(suite) for suite in suites),
            redacted=_counts(self._redacted),
            lengths=tuple(
                Histogram(name, "bytes" if name == "file" else "characters", LENGTHS, tuple(counts))
                for name, counts in self._lengths.items()
            ),
            tasks=tuple(
                TaskCount(task, self._made["train"][task], self._made["heldout"][task], _counts(self._left_out[task]))
                for task in sorted({*self._made["train"], *self._made["heldout"], *self._left_out})
            ),
            samples=tuple(chain.from_iterable(self._samples[task] for task in sorted(self._samples))),
        )

    def _groups(self, source: str, language: str, licence: str) -> list[_Sum]:
        names = {"": "", "source": source, "language": language, "licence": licence}
        return [self._kept[kind][name] for kind, name in names.items()]

    def _count(self, name: str, length: int) -> None:
        self._lengths[name][max(0, bisect_right(LENGTHS, length) - 1)] += 1

    def _overlap(self, suite: Suite) -> SuiteOverlap:
        found = {task: count for (name, task), count in self._overlaps.items() if name == suite.name}
        return SuiteOverlap(suite.name, len(suite.tasks), tuple(sorted(found)), sum(found.values()))


def _group(name: str, one: _Sum) -> Group:
    return Group(name, one.files, one.bytes, one.examples)


def _groups(sums: Mapping[str, _Sum]) -> tuple[Group, ...]:
    """The largest first."""
    return tuple(_group(name, one) for name, one in sorted(sums.items(), key=lambda item: (-item[1].bytes, item[0])))


def _counts(counter: Counter[str]) -> tuple[Count, ...]:
    return tuple(Count(name, count) for name, count in sorted(counter.items()))
