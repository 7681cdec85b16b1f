"""Records as a table of Arrow, column by column. From plain buffers: of a list, Arrow would first import pandas."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from hone.records import Record

_TYPES = {str: pa.string(), bytes: pa.binary(), int: pa.int64(), float: pa.float64()}


def schema_of(kind: type[Record]) -> pa.Schema:
    """A column for each field. Fields are `str`, `bytes`, `int` or `float`."""
    return pa.schema([(field.name, _TYPES[field.type]) for field in msgspec.structs.fields(kind)])


def table_of(rows: Sequence[Record], schema: pa.Schema) -> pa.Table:
    """A row for each record; the texts of one column have 2 GB at most."""
    columns = [_column([getattr(row, field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind in (pa.string(), pa.binary()):
        parts = [value.encode() for value in values] if kind == pa.string() else values
        ends = np.fromiter(accumulate(map(len, parts), initial=0), np.int32, len(parts) + 1)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))]
    else:
        buffers = [None, pa.py_buffer(np.array(values, np.int64 if kind == pa.int64() else np.float64))]
    return pa.Array.from_buffers(kind, len(values), buffers)
