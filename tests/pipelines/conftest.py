"""A small project in a temporary folder."""

from pathlib import Path

import pytest

from hone.layout import Layout
from tests.pipelines.making import make_project


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_project(tmp_path / "project")
