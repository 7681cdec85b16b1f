"""A version becomes served weights once; one trained on another base model is refused."""

from pathlib import Path

import pytest

from hone.errors import DeploymentError, DigestMismatch
from hone.layout import Layout
from hone.records import write_record
from pipelines.deploy import convert_version
from pipelines.facts import BaseModel
from tests.pipelines.making import ADAPTER, BASE, version


def untouched(folder: Path) -> Path:
    raise AssertionError(f"{folder} must not be downloaded")


def silent(line: str) -> None:
    """Nothing."""


def test_converted_weights_are_found_again(layout: Layout) -> None:
    folder = layout.cache / "weights" / f"{ADAPTER[7:23]}-{BASE[7:23]}"
    folder.mkdir(parents=True)
    assert convert_version(layout, version(), untouched, silent) == folder


def test_another_base_model_is_refused_with_the_commit_that_has_it(layout: Layout) -> None:
    write_record(layout.base / "base.json", BaseModel("artifacts/base", ADAPTER))
    with pytest.raises(DeploymentError, match=r"another base model .* `git checkout c0ffee -- dvc.lock"):
        convert_version(layout, version(git_commit="c0ffee-dirty"), untouched, silent)


def test_a_failed_download_leaves_nothing_behind(layout: Layout) -> None:
    write_record(layout.base / "base.json", BaseModel("artifacts/base", BASE))

    def tampered(folder: Path) -> Path:
        folder.mkdir(parents=True)
        raise DigestMismatch("changed")

    with pytest.raises(DigestMismatch):
        convert_version(layout, version(), tampered, silent)
    assert [path for path in layout.cache.rglob("*") if path.is_file()] == []
    assert not list(layout.cache.glob("merge-*"))
