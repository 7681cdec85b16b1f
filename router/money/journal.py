"""Rows that the database could not take, one a line in a file of this process, until it takes them.

The file's lock goes with its process, however that ends: a file that can be locked is nobody's, and is replayed by
whoever finds it. A line that was torn by a kill is left out.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import msgspec
import structlog

from hone.records import Record
from router.kinds import Entry

log = structlog.get_logger()

UNREADABLE = "unreadable.jsonl"
CHUNK = 1000


class Content(Record, frozen=True):
    """What was asked and answered, where a team keeps it as later training data. Off unless it is asked for."""

    request: str  # the client's body
    answer: str  # the client's body, or the text of a stream


class Row(msgspec.Struct, frozen=True, array_like=True):
    """An entry with a number that is its own in all processes: it is known when it is written again."""

    number: int
    entry: Entry
    content: Content | None = None


class Journal:
    """This process's file in a folder. Made at the first row; gone when its rows are in the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self._path = folder / f"rows-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._file: FileIO | None = None

    def append(self, rows: list[Row]) -> None:
        """Adds rows and flushes them to disk. Raises `OSError`; nothing of them is in the file then."""
        file = self._file or self._open()
        encoder = msgspec.json.Encoder()
        size = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(b"".join(encoder.encode(row) + b"\n" for row in rows))
            while left:  # one call may write a part, as on a disk that is nearly full
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
        self.rows += len(rows)

    def chunks(self) -> Iterator[list[Row]]:
        """What it holds."""
        yield from read_rows(self._path) if self.rows else ()

    def clear(self) -> None:
        """Forgets what it holds."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file, self.rows = None, 0

    def _open(self) -> FileIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            file = FileIO(self._path, "ab")
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._path.exists() and self._path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                self._file = file
                return file
            file.close()  # somebody took it for an orphan before it had its lock


@contextmanager
def orphan(path: Path) -> Iterator[bool]:
    """Holds a file whose process has ended, and yields True; yields False where its process is alive."""
    try:
        file = path.open("rb")
    except OSError:  # another process was faster
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield path.exists()


def orphans(folder: Path) -> list[Path]:
    """Files that may be a former process's."""
    return sorted(folder.glob("rows-*.jsonl"))


def read_rows(path: Path) -> Iterator[list[Row]]:
    """A file's rows, `CHUNK` at a time. A whole line that cannot be read is kept in `unreadable.jsonl`."""
    decoder = msgspec.json.Decoder(Row)
    rows: list[Row] = []
    with path.open("rb") as lines:
        for line in lines:
            try:
                rows.append(decoder.decode(line))
            except msgspec.DecodeError as error:
                if line.endswith(b"\n"):
                    log.error("a row of the ledger's journal cannot be read", journal=str(path), error=str(error))
                    with (path.parent / UNREADABLE).open("ab") as kept:
                        kept.write(line)
            if len(rows) >= CHUNK:
                yield rows
                rows = []
    if rows:
        yield rows
