"""Datasets by path: JSONL, Parquet and what `datasets` saves give the same rows; what is wrong with one is named."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data.rows
from data.config import DataConfig
from data.filters import FilterConfig
from data.reading import ReadFile, Unread, list_source, open_source, read_source
from data.sources import DatasetSource
from hone.errors import DataError
from tests.data.making import write

ROWS = [
    {
        "content": f"x = {number}\n",
        "file": f"src/m{number}.py",
        "lang": "Python",
        "licenses": ["MIT", "ISC"],
        "repo": "a/b",
    }
    for number in range(7)
]
COLUMNS = {"text": "content", "path": "file", "language": "lang", "licence": "licenses", "repository": "repo"}


def read(root: Path, path: str, **settings: object) -> list[ReadFile | Unread]:
    wanted = {"kind": "dataset", "path": path, "columns": COLUMNS, **settings}
    (source,) = DataConfig.model_validate({"sources": [wanted]}).sources
    tree = open_source(source, root, root)  # type: ignore[arg-type]
    entries = list(list_source(source, tree, Counter()))  # type: ignore[arg-type]
    return [one for _, one in read_source(source, tree, entries, FilterConfig())]  # type: ignore[arg-type]


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(params=["rows.jsonl", "rows.parquet", "saved"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same rows in each form; returns the dataset's path."""
    place = tmp_path / request.param
    if request.param == "rows.jsonl":
        write(tmp_path, {"rows.jsonl": lines(ROWS)})
    elif request.param == "rows.parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), place, row_group_size=3)
    else:
        write(tmp_path, {"saved/dataset_info.json": "{}"})
        table = pa.Table.from_pylist(ROWS)
        with (
            pa.OSFile(str(place / "data-00000-of-00001.arrow"), "wb") as file,
            pa.ipc.new_stream(file, table.schema) as out,
        ):
            out.write_table(table, max_chunksize=3)
    return str(request.param)


@pytest.mark.parametrize("part_bytes", [1, 4 << 20])
def test_every_row_is_read_once_with_its_number(
    tmp_path: Path, saved: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data.rows, "PART_BYTES", part_bytes)
    found = read(tmp_path, saved)
    name = saved if "." in saved else "data-00000-of-00001.arrow"
    assert [one.file.path for one in found] == [f"{name}#{number + 1}/src/m{number}.py" for number in range(7)]
    assert [one.file.text for one in found] == [row["content"] for row in ROWS]
    file = found[0].file
    assert (file.source, file.repository, file.language, file.licence) == (
        saved.partition(".")[0],
        "a/b",
        "python",
        "MIT AND ISC",
    )


def test_a_row_group_of_any_size_is_read_in_pieces(tmp_path: Path) -> None:
    rows = [{"text": f"{number}{'x' * 40_000}", "path": "a.py"} for number in range(1_000)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    wanted = {"kind": "dataset", "path": "rows.parquet", "columns": {"path": "path"}}
    (source,) = DataConfig.model_validate({"sources": [wanted]}).sources
    assert isinstance(source, DatasetSource)
    tree = open_source(source, tmp_path, tmp_path)
    before = pa.total_allocated_bytes()
    last = list(data.rows.parts(tree, source))[-1]
    row = next(data.rows.rows(tree, last, source))
    assert row.text == rows[last.row - 1]["text"]
    assert pa.total_allocated_bytes() - before < 3 * data.rows.PART_BYTES


def test_a_missing_column_is_named_with_those_that_there_are(tmp_path: Path, saved: str) -> None:
    with pytest.raises(DataError, match=r"has no column `code`; it has `content`, `file`, `lang`, `licenses`, `repo`"):
        read(tmp_path, saved, columns={**COLUMNS, "text": "code"})


def test_rows_that_are_wrong_are_refused_alone(tmp_path: Path) -> None:
    good = {"content": "x = 1\n", "file": "a.py", "lang": "python", "licenses": None, "repo": None}
    content = (
        lines([good])
        + "{broken\n[1]\n"
        + "[" * 100_000
        + "\n"
        + lines([{"file": "b.py"}, {**good, "lang": "Cobol 85"}, {**good, "content": "a\0"}])
    )
    write(tmp_path, {"rows.jsonl": content})
    found = read(tmp_path, "rows.jsonl")
    assert isinstance(found[0], ReadFile)
    refused = [f"{one.rejection.filter}: {one.rejection.why}" for one in found[1:] if isinstance(one, Unread)]
    assert refused == [
        "unreadable: not valid JSON",
        "unreadable: not an object",
        "unreadable: not valid JSON",
        "unreadable: no text in column `content`",
        "language: `cobol 85` is none that analysis knows",
        "null bytes: holds null bytes",
    ]


def test_a_byte_order_mark_at_the_top_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"rows.jsonl": "\ufeff" + lines(ROWS)})
    assert [one.file.text for one in read(tmp_path, "rows.jsonl")] == [row["content"] for row in ROWS]


def test_a_declared_encoding_in_a_row_is_not_applied_again(tmp_path: Path) -> None:
    write(tmp_path, {"rows.jsonl": lines([{"text": "# coding: latin-1\nx = 'ö'\n"}])})
    (found,) = read(tmp_path, "rows.jsonl", columns={}, language="python")
    assert found.file.text == "# coding: latin-1\nx = 'ö'\n"


@pytest.mark.parametrize(
    ("files", "path", "problem"),
    [
        ({}, "none.jsonl", "does not exist; name a .jsonl or .parquet file, or a folder of them"),
        ({"d/a.csv": "x"}, "d", "holds no file in .jsonl, .parquet, .arrow; convert it"),
        ({"a.parquet": "no parquet"}, "a.parquet", "cannot be read as .parquet: "),
        ({"a.arrow": "no arrow"}, "a.arrow", "cannot be read as .arrow: "),
        ({"a.jsonl": "[1]\n"}, "a.jsonl", "its first line is not an object"),
        ({"a.jsonl": b"\xff\xfe"}, "a.jsonl", "cannot be read as .jsonl: its first line is not JSON"),
        ({"a.jsonl": "[" * 100_000}, "a.jsonl", "cannot be read as .jsonl: its first line is not JSON"),
    ],
)
def test_what_is_no_dataset_is_named(tmp_path: Path, files: dict[str, str], path: str, problem: str) -> None:
    write(tmp_path, files)
    with pytest.raises(DataError, match=problem):
        read(tmp_path, path)
