"""A corpus in shards: how files are cut into them, what is kept of each file, and how that lies on disk.

A shard ends where the hash of a path says so, so that a file that comes or goes changes its own shard and at most the
next. What is known of a shard lies in one Parquet file, named by all that it depends on; a column can be read alone.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from data.tables import schema_of, table_of
from data.trees import Entry
from hone.errors import DataError
from hone.files import replacing
from hone.records import Record

MOST_BYTES = 4 << 20  # of files in a shard, with those above it in a worker's memory some twenty times over
MOST_FILES = 500
FEWEST_FILES = 100  # before a hash may end a shard
ONE_IN = 100  # paths that end one, from then on
KEY_BYTES = 16


class Row(Record, frozen=True):
    """What the curation knows of one file on its own. `filter` is empty for a file that passed all of them."""

    key: bytes  # of the entry that it was read from
    path: str
    repository: str
    commit: str
    language: str
    licence: str
    digest: str
    size: int  # bytes
    filter: str = ""
    why: str = ""
    text: str = ""  # redacted; empty unless the file passed
    text_digest: bytes = b""
    bands: bytes = b""  # of its signature
    documentation: float = 0.0
    overlaps: str = "[]"  # JSON: suites and tasks that the file has a part of
    redacted: str = "{}"  # JSON: kind → how often
    left_out: str = "{}"  # JSON: task → reason → how many functions made no example
    imports: str = ""  # JSON: what a module may mean by its imports, where plans are asked for
    examples: bytes = b""  # JSON lines
    example_keys: bytes = b""  # of each, 8 bytes that are equal for duplicates
    example_trees: bytes = b""  # of each, 8 bytes that are equal for the same function under other names, or zeros


_SCHEMA = schema_of(Row)


def shards(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """Entries in runs of bounded size."""
    run: list[Entry] = []
    size = 0
    for entry in entries:
        if run and (size + entry.bytes > MOST_BYTES or len(run) == MOST_FILES):
            yield tuple(run)
            run, size = [], 0
        run.append(entry)
        size += entry.bytes
        if len(run) >= FEWEST_FILES and _hash(entry.path)[0] * ONE_IN < 256:
            yield tuple(run)
            run, size = [], 0
    if run:
        yield tuple(run)


def key_of(source: str, licence: str, entry: Entry) -> bytes:
    """Equal for entries of which the curation says the same."""
    return _hash(f"{source}\0{licence}\0{entry.path}\0{entry.identity}\0{entry.start}\0{entry.end}")


def name_of(source: str, keys: Sequence[bytes], first: Entry) -> str:
    """The shard's file: where it begins, and what it holds."""
    start = _hash(f"{source}\0{first.path}\0{first.start}")[:6]
    return f"{start.hex()}-{_hash(*keys).hex()}.parquet"


def earlier(folder: Path, name: str) -> list[Path]:
    """Shards that begin at the same file and held something else, the newest first."""
    start = name.partition("-")[0]
    found = [place for place in folder.glob(f"{start}-*.parquet") if place.name != name]
    return sorted(found, key=lambda place: place.stat().st_mtime_ns, reverse=True)


def write_rows(place: Path, rows: Sequence[Row]) -> None:
    """Writes a shard; it is there whole or not at all."""
    table = table_of(rows, _SCHEMA)
    with replacing(place) as beside:
        pq.write_table(table, beside, compression="zstd", compression_level=1, use_dictionary=["language", "licence"])


def read_rows(place: Path) -> list[Row]:
    """A whole shard."""
    return [Row(**row) for row in read_columns(place)]


def read_columns(place: Path, *columns: str) -> list[dict[str, Any]]:
    """Some columns of a shard (without any: all), a mapping for each row. Raises `DataError` where it is damaged."""
    try:
        with pq.ParquetFile(place) as file:  # `read_table` would import pandas
            table = file.read(list(columns) or None, use_threads=False)
    except pa.ArrowException as error:
        raise DataError(f"`{place}` is damaged; remove it, and run again: it will be made anew") from error
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def read_passed(place: Path, *columns: str) -> list[dict[str, Any]]:
    """The same of the files that passed all filters alone."""
    return [row for row in read_columns(place, "filter", *columns) if not row["filter"]]


def _hash(*parts: str | bytes) -> bytes:
    whole = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        whole.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
    return whole.digest()
