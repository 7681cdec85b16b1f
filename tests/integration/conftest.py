"""Whole projects that have done the main job once; everything they started is stopped at the end."""

from collections.abc import Iterator

import pytest

from hone import daemon
from tests.integration.making import Project, copy_project, make_project


def _stop(project: Project) -> None:
    project.run("hone", "down", "--all")
    assert daemon.names(project.layout) == []


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """`hone run` from nothing, with the process engine."""
    project = make_project(tmp_path_factory.mktemp("main") / "project")
    try:
        project.done("hone", "run")
        yield project
    finally:
        _stop(project)


@pytest.fixture(scope="session")
def faulty(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the finished project, to break."""
    project = copy_project(finished, tmp_path_factory.mktemp("faulty") / "project")
    try:
        yield project
    finally:
        _stop(project)
