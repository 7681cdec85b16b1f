"""Which training data a target is known to have seen."""

from pathlib import Path

import pytest

from hone.files import write_atomic
from hone.layout import Layout
from pipelines.examine import training_data

TEXT, EXAMPLE = b'{"text": "x"}\n', b'{"prompt": "p", "completion": "c"}\n'


@pytest.fixture
def built(layout: Layout) -> Layout:
    """With a dataset."""
    write_atomic(layout.data / "corpus.jsonl", TEXT)
    write_atomic(layout.data / "train.jsonl", EXAMPLE)
    return layout


def names(layout: Layout, target: str, *given: Path) -> list[str]:
    found = training_data(layout, target, given)
    return [file.name for file in found.files] if found else []


def test_the_adapter_saw_examples_and_corpus_and_the_base_model_the_corpus_alone(built: Layout) -> None:
    assert names(built, "adapter") == ["train.jsonl", "corpus.jsonl"]
    assert names(built, "base") == ["corpus.jsonl"]


def test_of_an_address_and_of_written_answers_nothing_is_known_but_what_is_given(built: Layout, tmp_path: Path) -> None:
    write_atomic(tmp_path / "theirs.jsonl", TEXT)
    for target in ("http://127.0.0.1:1/v1", "canonical"):
        assert training_data(built, target, ()) is None
        assert names(built, target, tmp_path / "theirs.jsonl") == ["theirs.jsonl"]
    assert names(built, "base", tmp_path / "theirs.jsonl") == ["corpus.jsonl", "theirs.jsonl"]


def test_a_ready_base_model_has_no_corpus_and_so_nobody_knows_what_it_saw(built: Layout) -> None:
    write_atomic(built.data / "corpus.jsonl", b"")
    assert training_data(built, "base", ()) is None
    assert names(built, "adapter") == ["train.jsonl"]


def test_where_the_dataset_was_removed_nothing_is_known(layout: Layout) -> None:
    assert training_data(layout, "adapter", ()) is None
