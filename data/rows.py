"""Datasets of code on this machine: JSONL and Parquet files, folders of them, and what Hugging Face's `datasets` saves.

Listed in parts of some megabytes, which are then read on their own. A row is a file; its number counts from 1.
"""

import os
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from data.sources import Columns, DatasetSource
from data.trees import CHANGED, UNREADABLE, Entry, Tree, identity_of
from hone.errors import DataError
from hone.records import Record

PART_BYTES = 4 << 20  # of a file, at which a part ends
BUFFER_BYTES = 1 << 20  # of a column's pages that are read at once; else it is the whole column of a row group
FORMATS = (".jsonl", ".parquet", ".arrow")
_LICENCES_JOIN = " AND "


class Row(Record, frozen=True):
    """One row; or why it is none."""

    path: str  # `FILE#ROW`, then the row's own path
    text: str
    repository: str
    commit: str
    language: str
    licence: str
    problem: str = ""


def open_dataset(path: Path) -> Tree:
    """A dataset's file or folder. Raises `DataError` where there is none."""
    if not path.exists():
        raise DataError(f"dataset `{path}` does not exist; name a .jsonl or .parquet file, or a folder of them")
    if not _files(path):
        raise DataError(f"dataset `{path}` holds no file in {', '.join(FORMATS)}; convert it to one of these")
    return Tree(path.resolve().stem if path.is_file() else path.resolve().name, "dataset", str(path.resolve()))


def parts(tree: Tree, source: DatasetSource) -> Iterator[Entry]:
    """The parts of each file. Raises `DataError` for a file that is not in its format, or lacks a column."""
    top = Path(tree.place)
    for place in _files(top):
        name = _name(place, top)
        try:
            _check(place, name, source.columns)
            yield from _PARTS[place.suffix](place, name)
        except (pa.ArrowException, OSError, ValueError) as error:
            said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else _one_line(error)
            raise DataError(f"`{place}` cannot be read as {place.suffix}: {said}") from error


def files(tree: Tree) -> Iterator[Entry]:
    """Each file as a whole, unread. Raises `DataError` for one that cannot be looked at."""
    top = Path(tree.place)
    for place in _files(top):
        try:
            facts = place.stat()
        except OSError as error:
            raise DataError(f"`{place}` cannot be read: {(error.strerror or str(error)).lower()}; try again") from error
        yield Entry(_name(place, top), identity_of(facts), facts.st_size)


def rows(tree: Tree, entry: Entry, source: DatasetSource) -> Iterator[Row]:
    """The rows of one part."""
    top = Path(tree.place)
    place = top / entry.path if top.is_dir() else top
    number = entry.row
    try:
        if identity_of(place.stat()) != entry.identity:
            raise _Changed
        for values in _ROWS[place.suffix](place, entry, source.columns):
            yield _row(values, f"{entry.path}#{number}", tree, source)
            number += 1
        if identity_of(place.stat()) != entry.identity:
            raise _Changed
    except _Changed:
        yield _no_row(f"{entry.path}#{number}", tree, CHANGED)
    except (pa.ArrowException, OSError) as error:
        yield _no_row(f"{entry.path}#{number}", tree, f"{UNREADABLE}: {_one_line(error)}")


class _Changed(Exception):
    """The file is not what was listed."""


def _files(path: Path) -> list[Path]:
    """A folder that `datasets` saved has one folder for each split, or its arrow files at the top."""
    if path.is_file():
        return [path] if path.suffix in FORMATS else []
    return sorted(place for place in path.rglob("*") if place.suffix in FORMATS and place.is_file())


def _name(place: Path, top: Path) -> str:
    return place.relative_to(top).as_posix() if top.is_dir() else place.name


def _check(place: Path, name: str, columns: Columns) -> None:
    """Raises where a column is missing, with those that there are."""
    known = _COLUMNS[place.suffix](place)
    missing = [column for column in columns.named if column not in known]
    if known and missing:
        raise DataError(
            f"dataset file `{name}` has no column `{missing[0]}`; it has {', '.join(f'`{one}`' for one in known)}"
        )


def _jsonl_columns(place: Path) -> list[str]:
    with place.open("rb") as lines:
        line = next((line for line in lines if line.strip()), b"{}")
    try:
        first = msgspec.json.decode(line.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("its first line is not JSON") from None
    if not isinstance(first, dict):
        raise ValueError("its first line is not an object")
    return list(first)


def _arrow_columns(place: Path) -> list[str]:
    with pa.memory_map(str(place)) as file:
        return list(_arrow(file).schema.names)


def _jsonl_parts(place: Path, name: str) -> Iterator[Entry]:
    """Cut behind line ends. Counts the lines."""
    facts = place.stat()
    start = end = 0
    first = row = 1
    with place.open("rb") as file:
        while block := file.read(PART_BYTES):
            end += len(block)
            row += block.count(b"\n")
            while not block.endswith(b"\n") and (block := file.readline(PART_BYTES)):  # a line of any length
                end += len(block)
                row += block.endswith(b"\n")
            yield Entry(name, identity_of(facts), end - start, start, end, first)
            start, first = end, row


def _parquet_parts(place: Path, name: str) -> Iterator[Entry]:
    """One row group, or a run of rows of a large one: `start` and `end` are rows."""
    identity = identity_of(place.stat())
    start = 0
    with pq.ParquetFile(place) as file:
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            yield from _runs(name, identity, start, group.num_rows, group.total_byte_size)
            start += group.num_rows


def _arrow_parts(place: Path, name: str) -> Iterator[Entry]:
    """`start` and `end` are rows. A file's batches lie in a map of it, and are not read here."""
    identity = identity_of(place.stat())
    start = 0
    with pa.memory_map(str(place)) as file:
        for batch in _arrow(file):
            yield from _runs(name, identity, start, batch.num_rows, batch.nbytes)
            start += batch.num_rows


def _runs(name: str, identity: str, start: int, count: int, size: int) -> Iterator[Entry]:
    """So many rows from `start` on, of `size` bytes together, in runs of `PART_BYTES`."""
    each = max(1, size // max(count, 1))
    step = max(1, PART_BYTES // each)
    for first in range(start, start + count, step):
        last = min(first + step, start + count)
        yield Entry(name, identity, (last - first) * each, first, last, first + 1)


def _jsonl_rows(place: Path, entry: Entry, _columns: Columns) -> Iterator[Mapping[str, Any] | str]:
    with place.open("rb") as file:
        file.seek(entry.start)
        content = file.read(entry.end - entry.start)
    if entry.start == 0:
        content = content.removeprefix(BOM_UTF8)
    for line in content.split(b"\n")[: content.count(b"\n") + (not content.endswith(b"\n"))]:
        try:
            found = msgspec.json.decode(line)
            yield found if isinstance(found, dict) else "not an object"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield "not valid JSON"


def _parquet_rows(place: Path, entry: Entry, columns: Columns) -> Iterator[Mapping[str, Any]]:
    before = 0
    with pq.ParquetFile(place, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
        for number in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(number).num_rows
            if before <= entry.start < before + count:
                yield from _stretch(file, number, columns.named, entry.start - before, entry.end - entry.start)
                return
            before += count


def _stretch(
    file: pq.ParquetFile, group: int, columns: list[str], first: int, count: int
) -> Iterator[Mapping[str, Any]]:
    """Some rows of a row group. What is before them is read in pieces and dropped: a group may be of any size."""
    at = 0
    for batch in file.iter_batches(batch_size=count, row_groups=[group], columns=columns, use_threads=False):
        start, end = max(first - at, 0), min(first + count - at, len(batch))
        if start < end:
            yield from batch.slice(start, end - start).to_pylist()
        at += len(batch)
        if at >= first + count:
            return


def _arrow_rows(place: Path, entry: Entry, columns: Columns) -> Iterator[Mapping[str, Any]]:
    before = 0
    with pa.memory_map(str(place)) as file:
        for batch in _arrow(file):
            if before <= entry.start < before + batch.num_rows:
                yield from batch.select(columns.named).slice(entry.start - before, entry.end - entry.start).to_pylist()
                return
            before += batch.num_rows


def _arrow(file: Any) -> Any:
    """A reader of a stream, which is what `datasets` writes; of a file where it is one."""
    try:
        return pa.ipc.open_stream(file)
    except pa.ArrowInvalid:
        file.seek(0)
        reader = pa.ipc.open_file(file)
        return pa.RecordBatchReader.from_batches(
            reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))
        )


def _row(values: Mapping[str, Any] | str, place: str, tree: Tree, source: DatasetSource) -> Row:
    if isinstance(values, str):
        return _no_row(place, tree, values)
    columns = source.columns
    text = values.get(columns.text)
    if not isinstance(text, str):
        return _no_row(place, tree, f"no text in column `{columns.text}`")

    def said(column: str | None) -> str:
        value = values.get(column) if column else None
        return _LICENCES_JOIN.join(map(str, value)) if isinstance(value, list) else str(value or "")

    path = said(columns.path)
    return Row(
        path=f"{place}/{path.lstrip('/')}" if path else place,
        text=text,
        repository=said(columns.repository) or tree.name,
        commit=said(columns.commit),
        language=(said(columns.language) or source.language or "").lower(),
        licence=source.licence or said(columns.licence),
    )


def _no_row(place: str, tree: Tree, problem: str) -> Row:
    return Row(place, "", tree.name, "", "", "", problem)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


_COLUMNS = {
    ".jsonl": _jsonl_columns,
    ".parquet": lambda place: list(pq.read_schema(place).names),
    ".arrow": _arrow_columns,
}
_PARTS = {".jsonl": _jsonl_parts, ".parquet": _parquet_parts, ".arrow": _arrow_parts}
_ROWS = {".jsonl": _jsonl_rows, ".parquet": _parquet_rows, ".arrow": _arrow_rows}
