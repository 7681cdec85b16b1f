"""Spares Python's collector of cycles work that finds nothing: it would look through the same objects over and over."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector, for what makes many objects and no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def large_imports() -> Iterator[None]:
    """For imports of large libraries, a fifth faster; what they made stays, and is not looked through later either."""
    with uncollected():
        yield
    gc.freeze()
