"""`hone data show` of gaps and conversations, and `--mask`: what is trained on, as a person can read it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hone.cli.data import app
from hone.errors import DataError, TrainingError
from hone.records import Example, Origin, ToolCall, Turn, write_record, write_records
from pipelines.facts import BaseModel
from tests.pipelines.making import make_project
from tests.training.tokenizers_of import starcoder

ORIGIN = Origin("shop", "c0ffee", "a.py", 3, 3, "MIT", "python")
GAP = Example("gap", "x = 1\ny = ", "x + 1", "", ORIGIN, task="fill", suffix="\nz = y\n", suffix_first=True)
LONG = Example("long", "x = 1\n", "x + 1\n" * 400, "", ORIGIN)
TALK = Example(
    "talk", "", "", "", ORIGIN, task="tool-calls",
    turns=(Turn("user", "Pay 3."), Turn("assistant", calls=(ToolCall("pay", {"sum": 3}),))),
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three examples."""
    layout = make_project(tmp_path)
    write_records(layout.data / "train.jsonl", [GAP, LONG, TALK])
    write_records(layout.data / "heldout.jsonl", [GAP])
    monkeypatch.setenv("HONE_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def base(project: Path) -> Path:
    """Its base model's tokenizer, with sentinels and without a chat template."""
    folder = project / "artifacts" / "base"
    starcoder().save_pretrained(folder)
    write_record(folder / "base.json", BaseModel("artifacts/base", "sha256:0"))
    return folder


def show(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["show", *arguments])


@pytest.mark.usefixtures("base")
def test_a_gap_is_shown_as_the_model_reads_it_with_brackets_around_what_is_learnt() -> None:
    lines = show("--task", "fill", "--mask").stdout.split("\n")
    assert lines[0] == "gap · shop c0ffee · a.py:3-3 · MIT · fill"
    assert "\n".join(lines[1:-2]).startswith(
        "<fim_prefix><fim_suffix>\nz = y\n<fim_middle>x = 1\ny = ⟦x + 1<|endoftext|>⟧"
    )
    assert lines[-3].endswith("of them trained on")


@pytest.mark.usefixtures("base")
def test_what_is_left_out_says_why() -> None:
    assert "; left out: longer than `max_tokens` (256)" in show("--id", "long", "--mask").stdout


def test_how_many_of_all_are_left_out_is_told_below(base: Path) -> None:
    write_records(base.parent / "data" / "train.jsonl", [GAP, LONG, LONG])
    told = show("1", "--mask").stdout.rstrip("\n").split("\n")[-1]
    assert told == "1 of 3 examples are trained on; left out: 2 longer than `max_tokens` (first: `long`)"


@pytest.mark.usefixtures("base")
def test_what_the_base_model_cannot_be_trained_on_says_why() -> None:
    assert "cannot be trained on: example `talk` is a conversation" in show("--id", "talk", "--mask").stdout


@pytest.mark.usefixtures("project")
def test_without_the_tokenizer_the_way_to_it_is_told() -> None:
    error = show("--mask").exception
    assert isinstance(error, TrainingError)
    assert str(error) == "the base model's tokenizer is not there yet; run `hone train base`"


@pytest.mark.usefixtures("project")
def test_a_gap_and_a_call_are_shown_without_a_base_model() -> None:
    assert "  y = \n│ x + 1\n" in show("--id", "gap").stdout
    assert '│ pay({"sum": 3})' in show("--id", "talk").stdout


@pytest.mark.usefixtures("project")
def test_a_task_that_is_not_there_names_those_that_are() -> None:
    error = show("--task", "fils").exception
    assert isinstance(error, DataError)
    assert "there are: `docstring-to-body`, `fill`, `tool-calls`" in str(error)
