"""Reads files of one JSON object a line, gzipped or not, as benchmarks are published. Knows no format."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from hone.errors import DataError
from hone.records import Json


def json_lines(path: Path, *, otherwise: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Each line's place, as a message names it, and its object; empty lines are passed over.

    `otherwise` is the way out where the file cannot be read: "give the benchmark by `--data`". Raises `DataError`
    naming the file, and the line where one is wrong.
    """
    number = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"`{path}` line {number}", _object(line, f"`{path}` line {number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"`{path}` is a truncated or damaged gzip file after line {number}; fetch it again") from error
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}; {otherwise}") from error


def _object(line: bytes, at: str) -> dict[str, Json]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{at} is truncated or not JSON; one JSON object a line is expected") from error
    if not isinstance(row, dict):
        raise DataError(f"{at} holds no JSON object but {type(row).__name__}; one JSON object a line is expected")
    return row
