"""The history: append-only, one winner per generation."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from deployment.history import History, history_path, open_history
from hone.errors import Busy, DeploymentError
from hone.layout import Layout
from hone.records import Deployment

DEPLOYMENT = Deployment("v1-a", "hone-code", "1", "sha256:1", "process", "http://127.0.0.1:1", "serve-v1-a")


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    return Layout(tmp_path, tmp_path / "artifacts")


def with_one_switch(place: Layout) -> None:
    with open_history(place, clock=lambda: 5.0) as history:
        history.append("switched", DEPLOYMENT, from_version="0", reason="why", generation=1)


def test_a_row_comes_back_as_it_was_written(place: Layout) -> None:
    with_one_switch(place)
    with open_history(place) as history:
        (event,) = history.events()
    assert (event.at, event.kind, event.from_version, event.to_version) == (5.0, "switched", "0", "1")
    assert (event.reason, event.generation, event.deployment) == ("why", 1, DEPLOYMENT)
    assert "@" in event.actor


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET reason = 'nothing happened'",
        "DELETE FROM events",
        "REPLACE INTO events SELECT id, at, kind, 'nobody', '', '9', '', '', 2, deployment FROM events",
        "REPLACE INTO events SELECT 2, at, kind, 'nobody', '', '9', '', '', generation, deployment FROM events",
    ],
)
def test_no_statement_changes_a_row(place: Layout, statement: str) -> None:
    with_one_switch(place)
    with open_history(place) as history:
        before = history.events()
    connection = sqlite3.connect(history_path(place))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    with open_history(place) as history:
        assert history.events() == before


def test_of_two_switches_from_the_same_state_one_wins(place: Layout) -> None:
    def switch(history: History) -> None:
        history.append("switched", DEPLOYMENT, generation=1)

    with open_history(place) as first, open_history(place) as second:
        assert first.events() == second.events() == []
        switch(first)
        with pytest.raises(Busy, match="somebody else switched traffic in the meantime"):
            switch(second)
        assert len(second.events()) == 1


def test_a_generation_cannot_be_skipped(place: Layout) -> None:
    with open_history(place) as history, pytest.raises(Busy):
        history.append("switched", DEPLOYMENT, generation=2)


def test_a_damaged_file_is_named_with_the_way_out(place: Layout) -> None:
    history_path(place).parent.mkdir(parents=True)
    history_path(place).write_bytes(b"not a database" * 100)
    with (
        pytest.raises(DeploymentError, match=r"history.db` cannot be used: .*not a database.*move it away"),
        open_history(place),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(place: Layout, tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder belongs")
    with pytest.raises(DeploymentError, match=r"history.db` cannot be used: unable to open"), open_history(place):
        pass


def test_an_error_of_the_caller_passes_through(place: Layout) -> None:
    def broken() -> Callable[[], None]:
        raise OSError("the caller's own")

    with pytest.raises(OSError, match="the caller's own"), open_history(place):
        broken()
