"""The commit of a checkout, and which base model a recipe ends up with."""

import subprocess
from pathlib import Path

import pytest

from hone.errors import DataError
from hone.files import sha256_bytes
from hone.layout import Layout
from pipelines.facts import base_location, git_commit, read_base, record_base
from pipelines.recipe import Recipe, load_recipe


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("one")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def recipe_with(layout: Layout, base_model: str) -> Recipe:
    return load_recipe(layout).model_copy(update={"base_model": base_model, "pretrain": None})


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert len(git_commit(checkout)) == 40


def test_a_changed_tracked_file_makes_it_dirty_and_an_untracked_one_does_not(checkout: Path) -> None:
    (checkout / "new").write_text("")
    assert not git_commit(checkout).endswith("-dirty")
    (checkout / "file").write_text("two")
    assert git_commit(checkout).endswith("-dirty")


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""


def test_a_pretrained_base_is_known_by_its_bytes(layout: Layout) -> None:
    layout.base.mkdir(parents=True)
    (layout.base / "weights").write_bytes(b"one")
    one = record_base(layout, load_recipe(layout))
    assert (one.name, base_location(layout, one.name)) == ("artifacts/base", str(layout.base))
    (layout.base / "weights").write_bytes(b"two")
    assert record_base(layout, load_recipe(layout)).digest != one.digest


def test_recording_a_base_twice_gives_the_same_digest(layout: Layout) -> None:
    layout.base.mkdir(parents=True)
    (layout.base / "weights").write_bytes(b"one")
    assert record_base(layout, load_recipe(layout)) == record_base(layout, load_recipe(layout)) == read_base(layout)


def test_a_local_base_is_known_by_its_bytes_and_found_from_the_project(layout: Layout) -> None:
    model = layout.root / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"one")
    base = record_base(layout, recipe_with(layout, "model"))
    assert base_location(layout, base.name) == str(model)
    (model / "weights").write_bytes(b"two")
    assert record_base(layout, recipe_with(layout, "model")).digest != base.digest


def test_a_hub_name_is_known_by_its_name(layout: Layout) -> None:
    base = record_base(layout, recipe_with(layout, "somebody/model"))
    assert base.digest == sha256_bytes(b"somebody/model")
    assert base_location(layout, base.name) == "somebody/model"


def test_before_the_first_pretraining_the_message_says_what_to_run(layout: Layout) -> None:
    with pytest.raises(DataError, match=r"base.json` is missing; run the stage"):
        read_base(layout)
