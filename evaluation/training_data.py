"""Reads what a model was trained on, as texts by name: JSON lines, Parquet, or a folder of source files.

A row is a text (`text`, or `content`) or an example (`prompt` with `completion`; of Hone's own, with what stands behind
a gap and what is said in a conversation). All of it is held in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from analysis.overlap import Document
from evaluation.findings import TrainingFile
from hone.errors import DataError
from hone.files import sha256_bytes, sha256_file
from hone.json_lines import json_lines
from hone.records import Example, Json, Record

COLUMNS = (("text",), ("content",), ("prompt", "completion"))  # the first that a row has is taken
WANTED = "`text`, or `content`, or `prompt` with `completion`"
TABLES = (".jsonl", ".jsonl.gz", ".parquet")
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
LARGEST_SOURCE = 5_000_000  # bytes; larger files are data


class TrainingData(Record, frozen=True):
    """Training data, and which bytes it is."""

    files: tuple[TrainingFile, ...]
    documents: tuple[Document, ...]


def read_training_data(paths: Sequence[Path]) -> TrainingData:
    """Reads files and folders. Raises `DataError` naming the one that cannot be used, and what it should hold."""
    files, documents = [], []
    for path in paths:
        read = list(_documents(path))
        if not read:
            raise DataError(f"`{path}` holds no training text; give JSON lines or Parquet with {WANTED}, or sources")
        files.append(TrainingFile(path.name, len(read), _digest(path, read)))
        documents += read
    return TrainingData(tuple(files), tuple(documents))


def _digest(path: Path, read: Sequence[Document]) -> str:
    """A file's own, as a dataset's manifest has it; of a folder, of the texts that were taken from it."""
    if path.is_file():
        return sha256_file(path)
    return sha256_bytes("".join(f"{one.id}\0{one.text}\0" for one in read).encode("utf-8", "surrogatepass"))


def _documents(path: Path) -> Iterator[Document]:
    try:
        if path.is_dir():
            yield from _sources(path)
            return
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            yield from _parquet(path)
        else:
            yield from _lines(path)
    except OSError as error:
        raise DataError(f"training data `{path}` cannot be read: {error.strerror or error}") from error


def _lines(path: Path) -> Iterator[Document]:
    for number, (at, row) in enumerate(json_lines(path, otherwise="name another"), start=1):
        yield Document(_name(row, f"{path.name}:{number}"), _text(row, at))


def _parquet(path: Path) -> Iterator[Document]:
    try:
        with pq.ParquetFile(path) as table:
            names = table.schema_arrow.names
            columns = next((wanted for wanted in COLUMNS if set(wanted) <= set(names)), None)
            if columns is None:
                raise DataError(f"`{path}` has no column {WANTED}; it has {_listed(names)}")
            number = 0
            for batch in table.iter_batches(columns=[*columns, *(["id"] if "id" in names else [])]):
                for row in batch.to_pylist():
                    number += 1
                    yield Document(_name(row, f"{path.name}:{number}"), _text(row, f"`{path}` row {number}"))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"`{path}` is no readable Parquet file: {str(error).splitlines()[0]}") from error


def _sources(folder: Path) -> Iterator[Document]:
    """Every text below a folder but for what is hidden or generated; tables with training texts row by row."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") or part in SKIPPED_FOLDERS for part in inside.parts)
        if hidden or not path.is_file():
            continue
        try:
            if path.name.endswith(TABLES):
                yield from list(_parquet(path) if path.suffix == ".parquet" else _lines(path))
                continue
        except DataError:
            pass  # some other table: a source like any other
        if path.stat().st_size > LARGEST_SOURCE:
            continue
        with suppress(UnicodeDecodeError):
            text = path.read_text(encoding="utf-8")
            if "\0" not in text:
                yield Document(f"{folder.name}/{inside.as_posix()}", text)


def _text(row: dict[str, Json], at: str) -> str:
    for columns in COLUMNS:
        if all(column in row for column in columns):
            values = [row[column] for column in columns]
            if all(isinstance(value, str) for value in values):
                return "".join(values) + _rest(row)
            raise DataError(f"{at}: {' and '.join(f'`{column}`' for column in columns)} must be text")
    raise DataError(f"{at} has no {WANTED}; it has {_listed(list(row))}")


def _rest(row: dict[str, Json]) -> str:
    """Of an example of Hone's own, what stands neither in `prompt` nor in `completion`."""
    if "turns" not in row and "suffix" not in row:
        return ""
    try:
        example = msgspec.convert(row, Example)
    except msgspec.ValidationError:  # somebody else's columns
        return ""
    return example.text.removeprefix(example.prompt + example.completion)


def _name(row: dict[str, Json], place: str) -> str:
    """An example's own id, where it has one."""
    return row["id"] if isinstance(row.get("id"), str) else place


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)[:200] or "none"
