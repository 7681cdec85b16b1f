"""Which side an example stands on: held out or trained on, by the hash of its unit's name.

A unit is a repository or a file. Its hash alone puts it on its side; of a cluster of near-duplicates with members on
both, `data.duplicates` keeps a held-out one and drops all others. So a corpus that grows never moves an example from
test to train, nor a near-duplicate of one.
"""

from typing import Literal

from data.tasks.chance import is_taken

SplitBy = Literal["repository", "file"]


def is_heldout(unit: str, fraction: float) -> bool:
    """Whether a unit is on the held-out side: decided by the hash of its name alone."""
    return is_taken(fraction, unit)
