"""Pretraining text that every machine has: the source of Python's own standard library.

Leaves out what teaches little or is not meant to be read: tests, tables, bundled packages, the other packages installed
below it, and what the build wrote for this one machine.
"""

import os
import platform
import sysconfig
from collections import Counter
from pathlib import Path

from analysis.python import Fault, decode
from hone.errors import DataError
from hone.records import Record

LICENCE = "PSF-2.0"
_LEFT_OUT = frozenset(
    (
        "__pycache__",
        "dist-packages",
        "encodings",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "turtledemo",
    )
)


class Library(Record, frozen=True):
    """The documents, each a whole file, in the order of their paths. `skipped` counts unreadable files by reason."""

    version: str
    documents: tuple[str, ...]
    skipped: dict[str, int]


def library_documents(folder: Path | None = None) -> Library:
    """Reads the standard library of the running Python (or `folder`). Raises `DataError` where there is no source."""
    top = folder or Path(sysconfig.get_path("stdlib"))
    skipped: Counter[str] = Counter()
    documents = []
    for path in _files(top):
        try:
            text = decode(path.read_bytes())
        except OSError:
            text = Fault("unreadable", str(path))
        if isinstance(text, Fault):
            skipped[f"files: {text.reason}"] += 1
        elif text.strip():
            documents.append(text.replace("\r\n", "\n"))
    if not documents:
        raise DataError(f"`{top}` holds no source of the standard library; use a Python that was installed with it")
    return Library(platform.python_version(), tuple(documents), dict(skipped))


def _files(top: Path) -> list[Path]:
    """Every file to read, sorted. Links are not followed: they lead out of the library, or in circles."""
    found = []
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in _LEFT_OUT and not name.startswith(("test", "config-"))]
        places = [
            Path(folder, name)
            for name in names
            if name.endswith(".py") and not name.startswith(("test_", "_sysconfigdata"))
        ]
        found += [place for place in places if place.is_file() and not place.is_symlink()]
    return sorted(found, key=lambda place: place.relative_to(top).as_posix())
