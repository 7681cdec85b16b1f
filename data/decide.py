"""What only all files together decide: duplicates and near-duplicates, sides, and examples that come twice.

Streams over small columns of the shards; texts are read again for the few that look alike. Some hundred bytes of memory
a file.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.build import Curated, Progress
from data.duplicates import Clusters, Duplicates, Member
from data.shards import read_passed
from data.shingles import Hashes, Numbers, Signed, shingle_sets
from data.sources import DatasetSource, FileSource
from data.split import SplitBy, is_heldout
from data.work import EXAMPLE_KEY_BYTES

Flags = npt.NDArray[np.bool_]
TEXTS_CACHED = 2  # shards whose texts are kept while near-duplicates are looked at, shard by shard


@dataclass(frozen=True)
class Decided:
    """The answers, by the numbers of the files that passed all filters, in the order of the shards."""

    firsts: tuple[int, ...]  # of each source, the number of its first file
    heldout: Flags
    kept: Numbers  # of each file, the one that is kept in its place: itself, where it is
    same: Flags  # whether the file's text is that one's to the byte
    clusters: Clusters
    names: dict[int, str]  # of those that are kept in the place of others: SOURCE/PATH


def decide(sources: Sequence[Curated], by: SplitBy | None, folder: Path, progress: Progress) -> Decided:
    """Sides and duplicates. `folder` takes signatures while they are looked at.

    By default a dataset that names its rows' repositories is split by those, and every other source by file: a few
    repositories would hardly ever lie on both sides.
    """
    shards = [(curated, place) for curated in sources for place in curated.shards]
    firsts: list[int] = []
    heldout: list[bool] = []
    texts: list[bytes] = []
    counts: list[int] = []
    with Duplicates(folder) as duplicates:
        for curated in sources:
            firsts.append(len(heldout))
            unit = "repository" if (by or _split_by(curated.source)) == "repository" else "path"
            for place in curated.shards:
                found = read_passed(place, *_SIGNED)
                sides = [is_heldout(row[unit], curated.source.heldout_fraction) for row in found]
                members = [
                    Member(f"{curated.tree.name}/{row['path']}", side, row["documentation"], row["size"])
                    for row, side in zip(found, sides, strict=True)
                ]
                digests = [row["text_digest"] for row in found]
                duplicates.add(Signed(b"".join(digests), b"".join(row["bands"] for row in found)), members)
                heldout += sides
                texts += [digest[:8] for digest in digests]
                counts.append(len(found))
        ask = _Texts([place for _, place in shards], counts)
        clusters = duplicates.clusters(
            ask.shingles, progress=lambda done, total: progress("looking for near-duplicates", done, total)
        )
    digest = np.frombuffer(b"".join(texts), np.uint64)
    kept = clusters.kept
    wanted = np.unique(kept[kept != np.arange(len(kept))])
    return Decided(
        firsts=tuple(firsts),
        heldout=np.array(heldout, np.bool_),
        kept=kept,
        same=digest[kept] == digest,
        clusters=clusters,
        names=dict(_names(shards, counts, wanted)),
    )


def _split_by(source: FileSource) -> SplitBy:
    return "repository" if isinstance(source, DatasetSource) and source.columns.repository else "file"


def first_of_each(keys: npt.NDArray[np.uint64], heldout: Flags) -> Flags:
    """Which of equal examples are kept: the first; held-out ones before others, so that they are never trained on."""
    order = np.argsort(~heldout, kind="stable")
    _, first = np.unique(keys[order], return_index=True)
    chosen = np.zeros(len(keys), np.bool_)
    chosen[order[first]] = True
    return chosen


def apart(chosen: Flags, trees: npt.NDArray[np.uint64], heldout: Flags) -> Flags:
    """Of the chosen, those that are no function of a held-out example under other names; 0 is no tree."""
    held = np.unique(trees[heldout & (trees != 0)])
    return chosen & (heldout | ~np.isin(trees, held))


def keys_of(joined: bytes) -> npt.NDArray[np.uint64]:
    """Examples' keys as numbers."""
    assert np.dtype(np.uint64).itemsize == EXAMPLE_KEY_BYTES
    return np.frombuffer(joined, np.uint64)


_SIGNED = ("path", "repository", "text_digest", "bands", "documentation", "size")


def _names(shards: Sequence[tuple[Curated, Path]], counts: Sequence[int], wanted: Numbers) -> Iterator[tuple[int, str]]:
    """What some files are called."""
    first = 0
    for (curated, place), count in zip(shards, counts, strict=True):
        here = wanted[(wanted >= first) & (wanted < first + count)]
        if len(here):
            passed = read_passed(place, "path")
            for number in here.tolist():
                yield number, f"{curated.tree.name}/{passed[number - first]['path']}"
        first += count


class _Texts:
    """The shingles of files that are asked for, from the shards that have their texts."""

    def __init__(self, shards: Sequence[Path], counts: Sequence[int]) -> None:
        self._shards = shards
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._cached: OrderedDict[int, list[str]] = OrderedDict()

    def shingles(self, numbers: Sequence[int]) -> list[Hashes]:
        """In the order of the numbers."""
        return shingle_sets([self._text(number).encode() for number in numbers])

    def _text(self, number: int) -> str:
        shard = int(np.searchsorted(self._starts, number, "right")) - 1
        if shard not in self._cached:
            self._cached[shard] = [row["text"] for row in read_passed(self._shards[shard], "text")]
            if len(self._cached) > TEXTS_CACHED:
                self._cached.popitem(last=False)
        self._cached.move_to_end(shard)
        return self._cached[shard][number - int(self._starts[shard])]
