"""The index of a dataset: one row for each file of the sources, with what became of it. In Parquet, to be asked."""

from pathlib import Path
from types import TracebackType

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from data.tables import schema_of, table_of
from hone.errors import DataError
from hone.records import Record

FILE = "files.parquet"
GROUP = 50_000  # rows that are written at once


class Indexed(Record, frozen=True):
    """One file. `filter` is empty where it was kept."""

    source: str
    repository: str
    commit: str
    path: str
    language: str
    licence: str
    digest: str
    size: int  # bytes
    side: str  # "train" or "heldout"; empty where it was not kept
    filter: str
    why: str


_SCHEMA = schema_of(Indexed)


class Index:
    """Writes it."""

    def __init__(self, folder: Path) -> None:
        self._rows: list[Indexed] = []
        self._writer = pq.ParquetWriter(folder / FILE, _SCHEMA, compression="zstd")

    def __enter__(self) -> "Index":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: Indexed) -> None:
        """The next file."""
        self._rows.append(row)
        if len(self._rows) == GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(table_of(self._rows, _SCHEMA))
        self._rows.clear()


def duplicate_of(name: str) -> str:
    """What `why` says of a file that was left out as a duplicate of another, SOURCE/PATH."""
    return f"of {name}"


def removed_for(folder: Path, file: Indexed) -> tuple[str, ...]:
    """The files that were left out as duplicates of this one: SOURCE/PATH."""
    table = _rows(folder, [("why", "==", duplicate_of(f"{file.source}/{file.path}"))])
    return tuple(f"{row.source}/{row.path}" for row in table)


def find(folder: Path, source: str, path: str) -> Indexed | None:
    """One file; None where there is no such file. Raises `DataError` where there is no index."""
    return next(iter(_rows(folder, [("source", "==", source), ("path", "==", path)])), None)


def _rows(folder: Path, filters: list[tuple[str, str, str]]) -> list[Indexed]:
    try:
        table = pq.read_table(folder / FILE, filters=filters)
    except FileNotFoundError:
        raise DataError(f"`{folder / FILE}` is missing; run `hone data build` to write it") from None
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"`{folder / FILE}` cannot be read: {' '.join(str(error).split())}") from error
    return [Indexed(**row) for row in table.to_pylist()]
