"""`hone data …` as a user meets it: run in a project folder, read from the terminal."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from data.config import DataConfig
from data.dataset import build_dataset
from hone.records import Example, Origin, write_records
from tests.data.making import write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a dataset of generated tasks."""
    write(tmp_path, {"dvc.yaml": "", "configs/hone.yaml": ""})
    wanted = DataConfig.model_validate({"sources": [{"kind": "generated", "train": 20, "heldout": 5}]})
    build_dataset(wanted, tmp_path / "artifacts" / "data", progress=lambda what, done, total: None, root=tmp_path)
    return tmp_path


def hone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from hone.cli import main; main()", "data", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_show_prints_prompt_completion_tests_and_origin(project: Path) -> None:
    done = hone(project, "show", "--split", "heldout")
    assert done.returncode == 0
    assert done.stdout.startswith("generated/heldout/0 · generated")
    assert "  def solve(xs):\n" in done.stdout
    assert "│     return " in done.stdout
    assert "  solve([" in done.stdout


def test_show_prints_as_many_as_asked_for(project: Path) -> None:
    assert hone(project, "show", "4").stdout.count("def solve") == 4
    assert hone(project, "show", "100", "--split", "heldout").stdout.count("def solve") == 5


def test_show_finds_an_example_of_either_split_by_its_id(project: Path) -> None:
    assert hone(project, "show", "--id", "generated/heldout/3").stdout.startswith("generated/heldout/3 ·")


def test_an_unknown_id_is_one_clear_line(project: Path) -> None:
    done = hone(project, "show", "--id", "generated/heldout/99")
    assert done.returncode == 1
    assert done.stderr == "hone: no example has the id `generated/heldout/99`; `hone data show 20` lists some\n"


def test_escape_codes_in_source_do_not_reach_the_terminal(project: Path) -> None:
    evil = Example(
        id="x", prompt="# \x1b[2J[red]\n", completion="a\x1b]0;b\n", entry_point="", origin=Origin(source="s")
    )
    write_records(project / "artifacts" / "data" / "train.jsonl", [evil])
    done = hone(project, "show")
    assert "\x1b" not in done.stdout
    assert "[red]" in done.stdout


def test_stats_prints_a_table_and_json(project: Path) -> None:
    assert "generated" in hone(project, "stats").stdout
    manifest = msgspec.json.decode(hone(project, "stats", "--json").stdout)
    assert [split["name"] for split in manifest["splits"]] == ["train", "heldout", "corpus"]


def test_without_a_dataset_the_way_to_one_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"dvc.yaml": "", "configs/hone.yaml": ""})
    done = hone(tmp_path, "stats")
    assert done.returncode == 1
    assert "manifest.json` is missing; run the stage that writes it (`hone repro`)" in done.stderr
