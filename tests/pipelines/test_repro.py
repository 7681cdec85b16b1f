"""`hone repro` asks DVC only where something it depends on was touched, and one at a time."""

import sys
from pathlib import Path

import pytest

from hone.errors import Busy, ConfigError
from hone.files import locked
from hone.layout import Layout
from hone.settings import Registry, RouterSettings, Settings, Tracking
from pipelines import repro
from pipelines.repro import reproduce, stage_environment

SETTINGS = Settings(
    tracking=Tracking(port=5000), registry=Registry(model_name="hone-code"), router=RouterSettings(port=8100)
)


@pytest.fixture
def inputs(layout: Layout) -> Path:
    (layout.root / "input").write_text("one")
    (layout.root / "folder").mkdir()
    (layout.root / "folder" / "inner.py").write_text("one")
    return layout.root


def test_nothing_touched_gives_the_same_stamp(layout: Layout, inputs: Path) -> None:
    assert repro._stamp(layout) == repro._stamp(layout)


@pytest.mark.parametrize("name", ["input", "folder/inner.py", "folder/new.py", "params.yaml", "artifacts/out"])
def test_a_touched_dependency_output_or_choice_changes_the_stamp(layout: Layout, inputs: Path, name: str) -> None:
    before = repro._stamp(layout)
    (inputs / name).parent.mkdir(exist_ok=True)
    with (inputs / name).open("a") as file:
        file.write("\n")
    assert repro._stamp(layout) != before


def test_a_change_of_the_chosen_recipe_changes_the_stamp(layout: Layout, inputs: Path) -> None:
    before = repro._stamp(layout)
    with (layout.root / "configs" / "recipes" / "small.yaml").open("a") as file:
        file.write("# touched\n")
    assert repro._stamp(layout) != before


def test_compiled_python_does_not_count(layout: Layout, inputs: Path) -> None:
    before = repro._stamp(layout)
    (inputs / "folder" / "__pycache__").mkdir()
    (inputs / "folder" / "__pycache__" / "inner.pyc").write_bytes(b"code")
    assert repro._stamp(layout) == before


def test_a_second_run_at_the_same_time_is_told_so(layout: Layout) -> None:
    with locked(layout.artifacts / ".repro.lock", what="`hone repro`"), pytest.raises(Busy, match="already running"):
        reproduce(layout, SETTINGS, said=lambda line: None)


def test_a_recipe_that_is_none_is_refused_before_anything_runs(layout: Layout) -> None:
    (layout.root / "configs" / "recipes" / "small.yaml").write_text("name: small\nnonsense: 1\n")
    with pytest.raises(ConfigError, match="nonsense"):
        reproduce(layout, SETTINGS, said=lambda line: None)
    assert not layout.artifacts.exists()


def test_stages_run_with_the_commands_of_this_python() -> None:
    assert stage_environment()["PATH"].split(":")[0] == str(Path(sys.executable).parent)
