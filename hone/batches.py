"""Items in runs of bounded size, for work that costs something each time that it is begun."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def batches(
    items: Iterable[Item], size_of: Callable[[Item], int], *, enough: int, most: int | None = None
) -> Iterator[list[Item]]:
    """Runs that end as soon as the sizes of their items make `enough`, or with `most` items."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += size_of(item)
        if size >= enough or len(batch) == most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
