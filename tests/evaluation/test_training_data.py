"""Training data as users have it, and what is said of what they do not have."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.training_data import read_training_data
from hone.errors import DataError
from hone.files import sha256_file
from hone.records import Example, Origin, ToolCall, Turn, write_records


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(*paths: Path) -> list[tuple[str, str]]:
    return [(one.id, one.text) for one in read_training_data(paths).documents]


def test_json_lines_of_texts_and_of_examples_become_documents(tmp_path):
    example = {"id": "mine", "prompt": "def f():\n", "completion": "    pass\n", "origin": {"source": "x"}}
    path = lines(tmp_path / "a.jsonl", {"text": "one"}, {"content": "two"}, example)
    assert read(path) == [("a.jsonl:1", "one"), ("a.jsonl:2", "two"), ("mine", "def f():\n    pass\n")]


def test_what_stands_behind_a_gap_and_in_a_conversation_is_read_too(tmp_path):
    origin = Origin("x")
    gap = Example("gap", "a = 1\n", "b = 2\n", "", origin, task="fill", suffix="c = 3\n")
    turns = (Turn("user", "Pay 3."), Turn("assistant", "Now.", (ToolCall("pay", {"sum": 3}),)))
    write_records(tmp_path / "train.jsonl", [gap, Example("talk", "", "", "", origin, turns=turns)])
    assert read(tmp_path / "train.jsonl") == [
        ("gap", "a = 1\nb = 2\nc = 3\n"),
        ("talk", 'Pay 3.\nNow.\n{"sum":3}'),
    ]


def test_parquet_gives_the_same_documents(tmp_path):
    pq.write_table(pa.table({"id": ["x", "y"], "text": ["one", "two"], "stars": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"prompt": ["p"], "completion": ["c"]}), tmp_path / "b")
    assert read(tmp_path / "a.parquet", tmp_path / "b") == [("x", "one"), ("y", "two"), ("b:1", "pc")]


def test_a_folder_gives_its_sources_and_the_rows_of_its_tables(tmp_path):
    folder = tmp_path / "checkout"
    for name in ("src/a.py", ".git/config", "src/__pycache__/a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"in {name}")
    (folder / "picture.png").write_bytes(b"\x89PNG\x00\xff")
    lines(folder / "rows.jsonl", {"text": "a row"})
    lines(folder / "other.jsonl", {"score": 1})
    assert read(folder) == [
        ("checkout/other.jsonl", '{"score": 1}\n'),
        ("rows.jsonl:1", "a row"),
        ("checkout/src/a.py", "in src/a.py"),
    ]


def test_what_was_read_is_told_with_its_digest(tmp_path):
    one, other = lines(tmp_path / "a.jsonl", {"text": "x"}), lines(tmp_path / "b.jsonl", {"text": "y"})
    first, second, folder = read_training_data([one, other, tmp_path]).files
    assert (first.name, first.documents, first.digest) == ("a.jsonl", 1, sha256_file(one))
    assert len({first.digest, second.digest, folder.digest}) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"code": "y"}\n', "line 2 has no `text`, or `content`, or .* it has `code`"),
        ("a.jsonl", b'{"text": 5}\n', "line 1: `text` must be text"),
        ("a.jsonl", b'{"text": "x"', "line 1 is truncated or not JSON"),
        ("a.csv", b"text\nx\n", "line 1 is truncated or not JSON"),
        ("a.jsonl", b"", "holds no training text"),
        ("a.parquet", b"PAR1 and nothing more", "is no readable Parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_names_the_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        read_training_data([tmp_path / name])
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_parquet_file_of_other_columns_lists_them(tmp_path):
    pq.write_table(pa.table({"code": ["x"], "stars": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"has no column `text`.*; it has `code`, `stars`"):
        read_training_data([tmp_path / "a.parquet"])


def test_what_is_not_there_and_an_empty_folder_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, message in ((tmp_path / "none", "cannot be read"), (tmp_path / "empty", "holds no training text")):
        with pytest.raises(DataError, match=message):
            read_training_data([path])
