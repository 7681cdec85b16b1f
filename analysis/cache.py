"""What was worked out of a file's content, kept on disk by a digest of it: one SQLite file for all processes, bounded.

A cache never fails its user. What is damaged is thrown away; where nothing can be written it goes without, and says so
once. In memory, what was used last is kept decoded.
"""

import hashlib
import sqlite3
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

KEY_BYTES = 16
MAX_BYTES = 512_000_000  # on disk; the outlines of the standard library take 20 MB
MEMORY_BYTES = 64_000_000
DECODED_FACTOR = 6  # a decoded value takes so many times the bytes of its encoding, about
BATCH = 500  # keys a question, and values a transaction
KEPT_SHARE = 0.8  # of the bound, that is left where something had to go
USED_TO_THE_S = 3_600  # when something was used is kept as exactly as that: a question then seldom writes
WAIT_S = 5.0  # for another process that writes

Value = TypeVar("Value")
# Without syncing, only a crash of the whole machine can damage the file, and a damaged one is made anew.
_SCHEMA = """
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    PRAGMA journal_size_limit = 4000000;
    CREATE TABLE IF NOT EXISTS kept
        (key BLOB PRIMARY KEY, used INTEGER NOT NULL, size INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS kept_by_use ON kept (used, size);
"""


@cache
def version() -> bytes:
    """Of all that decides what is found in a file: analysis' own code and queries, and the parser with its grammars."""
    from importlib import metadata  # here, for it takes as long as a tenth of all that analysis imports

    whole = hashlib.blake2b(digest_size=KEY_BYTES)
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".scm"):
            whole.update(path.read_bytes())
    for name in ("tree-sitter", "tree-sitter-language-pack"):
        whole.update(metadata.version(name).encode())
    return whole.digest()


def key_of(what: str, language: str, content: bytes) -> bytes:
    """By which `what` (a kind of value) of this content is found, as this version works it out."""
    whole = hashlib.blake2b(f"{what}\0{language}\0".encode(), digest_size=KEY_BYTES, key=version())
    whole.update(content)
    return whole.digest()


class Cache(Generic[Value]):
    """Values of one type by their keys. For one thread; any number of processes may have the same file."""

    def __init__(
        self, path: Path, kind: type[Value], *, max_bytes: int = MAX_BYTES, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._path = path
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._max_bytes = max_bytes
        self._recent: Recent[Value] = Recent(memory_bytes)
        self._unwritten: dict[bytes, bytes] = {}
        self._database: sqlite3.Connection | None = None
        self._usable = True

    def __enter__(self) -> "Cache[Value]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Value]:
        """Those that are there."""
        found = {key: value for key in keys if (value := self._recent.get(key)) is not None}
        for key in keys:
            if key not in found and key in self._unwritten:
                found[key] = self._decoder.decode(self._unwritten[key])
        missing = [key for key in keys if key not in found]
        for at in range(0, len(missing), BATCH):
            with self._careful():
                found |= self._read(missing[at : at + BATCH])
        return found

    def put(self, key: bytes, value: Value, encoded: bytes) -> None:
        """Keeps a value and its MessagePack; that is on disk with the next `BATCH`, or when the cache is closed."""
        self._recent.put(key, value, len(encoded) * DECODED_FACTOR)
        self._unwritten[key] = encoded
        if len(self._unwritten) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Writes what is not yet on disk, and makes room."""
        unwritten, self._unwritten = self._unwritten, {}
        now = _now()
        rows = [(key, now, len(value), zlib.crc32(value), value) for key, value in unwritten.items()]
        if rows:
            with self._careful():
                with self._open() as database:
                    database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", rows)
                self._make_room()

    def close(self) -> None:
        """Writes what is not yet on disk."""
        self.flush()
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _read(self, keys: list[bytes]) -> dict[bytes, Value]:
        marks = ",".join("?" * len(keys))
        question = f"SELECT key, used, crc, value FROM kept WHERE key IN ({marks})"  # noqa: S608 - question marks alone
        rows = self._open().execute(question, keys).fetchall()
        found: dict[bytes, Value] = {}
        now = _now()
        for key, _, crc, encoded in rows:
            if zlib.crc32(encoded) == crc:  # another is damaged: worked out anew, it takes its place
                with suppress(msgspec.DecodeError):
                    found[key] = self._decoder.decode(encoded)
                    self._recent.put(key, found[key], len(encoded) * DECODED_FACTOR)
        stale = [(now, key) for key, used, _, _ in rows if used != now]
        if stale:
            with self._open() as database:
                database.executemany("UPDATE kept SET used = ? WHERE key = ?", stale)
        return found

    def _make_room(self) -> None:
        """Drops what was not used for longest where there is too much."""
        database = self._open()
        total = database.execute("SELECT total(size) FROM kept").fetchone()[0]
        if total <= self._max_bytes:
            return
        going = []
        for key, size in database.execute("SELECT key, size FROM kept ORDER BY used, size DESC"):
            if total <= self._max_bytes * KEPT_SHARE:
                break
            total -= size
            going.append((key,))
        with database:
            database.executemany("DELETE FROM kept WHERE key = ?", going)
        database.executescript("PRAGMA incremental_vacuum")  # `execute` takes its first step alone

    def _open(self) -> sqlite3.Connection:
        if not self._usable:
            raise sqlite3.OperationalError("not usable")
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=WAIT_S)
            self._database.executescript(_SCHEMA)
        return self._database

    @contextmanager
    def _careful(self) -> Iterator[None]:
        """Turns a failure of the disk or the database into a cache that is not there."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Throws a damaged file away; goes on without a cache after any other failure."""
        import structlog  # here, for it takes a third of the time in which all of analysis is imported

        if not self._usable:
            return
        log = structlog.get_logger()
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged:
            log.warning("cache was damaged and is made anew", path=str(self._path), reason=str(error))
            with suppress(OSError):
                for name in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + name).unlink(missing_ok=True)
                return
        self._usable = False
        log.warning("cache cannot be used; going on without", path=str(self._path), reason=str(error))


class Recent(Generic[Value]):
    """What was used last, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._values: OrderedDict[bytes, tuple[Value, int]] = OrderedDict()

    def get(self, key: bytes) -> Value | None:
        """The value, which is now the one used last."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: bytes, value: Value, size: int) -> None:
        """Keeps a value, and lets those go that were not used for longest."""
        if size > self._max_bytes:
            return
        self.bytes += size - self._values.pop(key, (None, 0))[1]
        self._values[key] = value, size
        while self.bytes > self._max_bytes:
            _, (_, freed) = self._values.popitem(last=False)
            self.bytes -= freed


def _now() -> int:
    return int(time.time()) // USED_TO_THE_S
