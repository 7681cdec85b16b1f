"""Which side an example stands on: held out or trained on, by the hash of its unit's name, and of its near-duplicates.

A unit is a repository, or a file where there is a single repository. Its hash alone puts it on its side; of a cluster
of near-duplicates that has members on both, those on the training side are dropped and not moved. So a corpus that
grows never moves an example from test to train, nor a near-duplicate of one.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

from data.duplicates import Clusters
from hone.records import Origin

SplitBy = Literal["repository", "file"]
Side = Literal["train", "heldout", "duplicate", "near held-out"]  # the last two are dropped


def split_by(given: SplitBy | None, repositories: int) -> SplitBy:
    """What a recipe says, or else by file where there is one repository: it would stand on one side as a whole."""
    return given or ("file" if repositories == 1 else "repository")


def unit_of(origin: Origin, by: SplitBy) -> str:
    """What is hashed: the repository's name, or the path of a file within its repository."""
    return origin.source if by == "repository" else origin.path


def is_heldout(unit: str, fraction: float) -> bool:
    """Whether a unit is on the held-out side: decided by the hash of its name alone."""
    return int.from_bytes(hashlib.sha256(unit.encode("utf-8", "surrogatepass")).digest()[:8], "big") < fraction * 2**64


def sides(heldout: Sequence[bool], clusters: Clusters) -> list[Side]:
    """Where each document ends up, by its unit's side and the cluster that it is in.

    `clusters` must know the same sides (`data.duplicates.Member.heldout`): it keeps a held-out member where it can.
    """
    found: list[Side] = []
    for number, (held, kept) in enumerate(zip(heldout, clusters.kept.tolist(), strict=True)):
        if kept == number:
            found.append("heldout" if held else "train")
        else:
            found.append("near held-out" if heldout[kept] and not held else "duplicate")
    return found
