"""Which documents are the same or nearly the same, and which of each such cluster to keep.

The same by hash; nearly the same by MinHash and locality-sensitive hashing, every pair of candidates verified by exact
Jaccard similarity on the sets of shingles, clusters by union-find. The answer rests on the documents alone, and not on
their order. Memory is some 100 bytes a document: signatures wait in a file, and so do the sets of what could be like
another. Each of those texts is asked for once again, in the order in which all were added.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.shingles import BANDS, DIGEST_BYTES, Hashes, Numbers, Signed, jaccard
from hone.errors import DataError
from hone.records import Record

SIMILAR = 0.7  # Jaccard similarity from which two documents count as one (BigCode's, Kocetkov et al. 2022, section 3.3)
# Of a band's bucket, each document is compared with so many that follow. Clones cost about one comparison each, as what
# is in one cluster already is not compared again; the limit is for heaps of what is alike in this band alone.
NEIGHBOURS = 32
TOGETHER = 128  # texts that are asked for at once
HASH_BYTES = 8
HELD_BYTES = 64_000_000  # of sets, that need not be read one by one

Ask = Callable[[Sequence[int]], Sequence[Hashes]]  # numbers of documents → their `shingle_sets`
Progress = Callable[[int, int], None]  # steps done, steps in all: each band is looked at twice


class Member(NamedTuple):
    """What decides which document of a cluster is kept: the most of these, in this order, then the hash of its id."""

    id: str
    heldout: bool = False  # such a one is never given up for one to train on, so that a cluster stays on its side
    documentation: float = 0.0  # the share of comments and docstrings
    size: int = 0


class Clusters(Record, frozen=True):
    """The answer, by the numbers of the documents in the order in which they were added."""

    kept: Numbers  # of each document, the one that is kept in its place: itself, where it is
    exact: int  # documents that are removed as the same as another
    near: int  # and as nearly the same
    sizes: tuple[int, ...]  # documents of each cluster of more than one, largest first
    compared: int  # pairs whose similarity was computed; what is in one cluster already is not compared


class Duplicates:
    """Collects signatures, then finds the clusters. Use as a context manager: leaving it gives its file back."""

    def __init__(self, folder: Path | None = None, *, similar: float = SIMILAR) -> None:
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on leaving
        self._similar = similar
        self._blocks: list[int] = []  # documents of each block of the file: all of a band's numbers, then the next's
        self._digests = bytearray()
        self._ids = bytearray()
        self._facts: list[npt.NDArray[np.float64]] = []  # a row a document: held out, documentation, size

    def __enter__(self) -> "Duplicates":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._digests) // DIGEST_BYTES

    def add(self, signed: Signed, members: Sequence[Member]) -> None:
        """Adds documents, a few hundred at once or more; the first has the number `len(self)`.

        Raises `DataError` where the disk is full.
        """
        bands = np.frombuffer(signed.bands, np.uint32).reshape(-1, BANDS)
        with _disk():
            self._file.write(np.ascontiguousarray(bands.T).tobytes())
            self._file.flush()
        self._blocks.append(len(bands))
        self._digests += signed.digests
        for one in members:
            self._ids += hashlib.blake2b(one.id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        facts = [(one.heldout, one.documentation, one.size) for one in members]
        self._facts.append(np.array(facts, np.float64).reshape(-1, 3))

    def clusters(self, ask: Ask, *, progress: Progress = lambda _done, _all: None) -> Clusters:
        """Finds them. `ask` is called once for each document that shares a band with another, in their order.

        Raises `DataError` where the disk is full.
        """
        if not len(self):
            return Clusters(np.zeros(0, np.int64), 0, 0, (), 0)
        first, text = _distinct(bytes(self._digests))
        wanted = np.zeros(len(first), np.bool_)
        for band in range(BANDS):
            wanted |= _shared(self._band(band)[first])
            progress(band + 1, 3 * BANDS)
        with _Sets(len(first), self._folder) as sets:
            for done, total in sets.fill(first, np.flatnonzero(wanted), ask):
                progress(BANDS + BANDS * done // total, 3 * BANDS)
            pairs = _Pairs(len(first), sets, self._similar)
            for band in range(BANDS):
                pairs.judge(self._band(band)[first])
                progress(2 * BANDS + band + 1, 3 * BANDS)
        roots = pairs.forest.roots()
        kept = _best(roots[text], self._ranks())
        sizes = np.bincount(np.unique(kept, return_inverse=True)[1])
        near = len(first) - len(np.unique(roots))
        several = tuple(sorted(sizes[sizes > 1].tolist(), reverse=True))
        return Clusters(kept, len(self) - len(first), near, several, pairs.compared)

    def _band(self, band: int) -> npt.NDArray[np.uint32]:
        """One number of each document's signature."""
        parts, at = [], 0
        for count in self._blocks:
            self._file.seek((at * BANDS + band * count) * 4)
            parts.append(np.frombuffer(self._file.read(count * 4), np.uint32))
            at += count
        return np.concatenate(parts)

    def _ranks(self) -> Numbers:
        """The place of each document among all, the best first."""
        heldout, documentation, size = np.concatenate(self._facts).T
        order = np.lexsort((np.frombuffer(bytes(self._ids), ">u8"), -size, -documentation, -heldout))
        ranks = np.empty(len(self), np.int64)
        ranks[order] = np.arange(len(self))
        return ranks


class _Pairs:
    """Candidates, and what became of them."""

    def __init__(self, count: int, sets: "_Sets", similar: float) -> None:
        self.forest = _Forest(count)
        self.compared = 0
        self._sets = sets
        self._least = similar
        self._refused: Numbers = np.zeros(0, np.int64)  # pairs that another band brought up, in order

    def judge(self, band: npt.NDArray[np.uint32]) -> None:
        """Joins the documents that share this band's number and are similar."""
        keys = _ordered(band)
        values, order = keys >> 31, keys & 0x7FFFFFFF
        refused: list[int] = []
        for distance in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            places = np.flatnonzero(values[distance:] == values[:-distance])
            if not len(places):
                break
            left, right = order[places], order[places + distance]  # the lower first
            refused += self._compare(*self._new(left, right))
        self._refused = np.union1d(self._refused, np.array(refused, np.int64))

    def _new(self, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
        """Those that are not in one cluster yet, nor were refused; in order."""
        roots = self.forest.roots()
        apart = roots[left] != roots[right]
        keys = np.sort(left[apart] << 32 | right[apart])
        if len(self._refused):
            found = np.searchsorted(self._refused, keys)
            found[found == len(self._refused)] = 0
            keys = keys[self._refused[found] != keys]
        return keys >> 32, keys & 0xFFFFFFFF

    def _compare(self, left: Numbers, right: Numbers) -> Iterator[int]:
        """Joins what is similar, and gives the pairs that are not."""
        for low, high in zip(left.tolist(), right.tolist(), strict=True):
            if self.forest.root(low) == self.forest.root(high):
                continue
            self.compared += 1
            if _similar(self._sets[low], self._sets[high], self._least):
                self.forest.join(low, high)
            else:
                yield low << 32 | high


def _similar(left: Hashes, right: Hashes, least: float) -> bool:
    """Whether two sets are; not where the smaller is too small to be, whatever it holds."""
    few, many = sorted((len(left), len(right)))
    return few >= least * many and jaccard(left, right) >= least


class _Forest:
    """Sets that are joined (union-find: Tarjan 1975, here with path halving). A root is its set's lowest number."""

    def __init__(self, count: int) -> None:
        self._parents = np.arange(count)

    def root(self, number: int) -> int:
        parents = self._parents
        while (parent := int(parents[number])) != number:
            parents[number] = number = int(parents[parent])
        return number

    def join(self, left: int, right: int) -> None:
        low, high = sorted((self.root(left), self.root(right)))
        self._parents[high] = low

    def roots(self) -> Numbers:
        """Of all numbers."""
        while True:
            above = self._parents[self._parents]
            if np.array_equal(above, self._parents):
                return above
            self._parents = above


class _Sets:
    """Sets of shingles in a file: of a large corpus they are more than memory holds."""

    def __init__(self, count: int, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on leaving
        self._starts = np.zeros(count, np.int64)  # in the file, of each document
        self._lengths = np.zeros(count, np.int64)
        self._held: Hashes | None = None  # all of them, where they are few

    def __enter__(self) -> "_Sets":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, first: Numbers, wanted: Numbers, ask: Ask) -> Iterator[tuple[int, int]]:
        """Asks for some documents' sets. `first` is what `ask` calls each. Yields how many are done, of how many."""
        ordered = wanted[np.argsort(first[wanted], kind="stable")]
        for start in range(0, len(ordered), TOGETHER):
            some = ordered[start : start + TOGETHER]
            sets = ask(first[some].tolist())
            self._lengths[some] = [len(one) for one in sets]
            self._starts[some] = self._file.tell() + HASH_BYTES * (np.cumsum(self._lengths[some]) - self._lengths[some])
            with _disk():
                self._file.write(np.concatenate(sets).tobytes())
            yield start + len(some), len(ordered)
        with _disk():
            self._file.flush()
        if self._file.tell() <= HELD_BYTES:
            self._held = np.frombuffer(os.pread(self._file.fileno(), HELD_BYTES, 0), np.uint64)

    def __getitem__(self, number: int) -> Hashes:
        if self._held is not None:
            start = int(self._starts[number]) // HASH_BYTES
            return self._held[start : start + int(self._lengths[number])]
        size = HASH_BYTES * int(self._lengths[number])
        return np.frombuffer(os.pread(self._file.fileno(), size, int(self._starts[number])), np.uint64)


@contextmanager
def _disk() -> Iterator[None]:
    """Raises `DataError` where the disk is full."""
    try:
        yield
    except OSError as error:
        raise DataError(f"signatures cannot be kept in a temporary file: {error.strerror}; free the place") from error


def _shared(band: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which documents have the same number as another one."""
    keys = _ordered(band)
    values = keys >> 31
    same = np.flatnonzero(values[1:] == values[:-1])
    shared = np.zeros(len(band), np.bool_)
    shared[keys[same] & 0x7FFFFFFF] = True
    shared[keys[same + 1] & 0x7FFFFFFF] = True
    return shared


def _ordered(band: npt.NDArray[np.uint32]) -> Numbers:
    """Each number with its place below it, in order: several times as fast as an argsort."""
    return np.sort((band.astype(np.int64) << 31) | np.arange(len(band)))


def _distinct(digests: bytes) -> tuple[Numbers, Numbers]:
    """Of each different text a document, in the order of the digests; and of each document, which text it is."""
    halves = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    text = np.empty(len(order), np.int64)
    text[order] = np.cumsum(new) - 1
    return order[new], text


def _best(clusters: Numbers, ranks: Numbers) -> Numbers:
    """Of each document's cluster, the document of the lowest rank."""
    order = np.lexsort((ranks, clusters))
    firsts = np.ones(len(order), np.bool_)
    firsts[1:] = clusters[order][1:] != clusters[order][:-1]
    best = np.empty(len(order), np.int64)
    best[order] = order[firsts][np.cumsum(firsts) - 1]
    return best
