"""Which engine is taken, and what an engine that is down says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deployment.engines import choose_engine, free_port, open_engine, port_is_free
from deployment.history import open_history
from deployment.plan import State
from deployment.rollback import rollback
from deployment.rollout import status
from deployment.sources import server_digest, server_files
from deployment.traffic import switch
from hone.errors import DeploymentError, EngineUnavailable
from hone.layout import Layout
from hone.records import Deployment
from hone.settings import Settings


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody-listens.sock'}")


@pytest.mark.usefixtures("no_docker")
def test_auto_falls_back_to_a_process_and_says_why(layout: Layout, with_limits: Callable[..., Settings]) -> None:
    choice = choose_engine(layout, with_limits(engine="auto").deployment)
    assert choice.engine.name == "process"
    assert choice.why.startswith("process: no Docker engine answers")


@pytest.mark.usefixtures("no_docker")
def test_docker_asked_for_by_name_but_down_is_an_error_with_the_way_out(
    layout: Layout, with_limits: Callable[..., Settings]
) -> None:
    with pytest.raises(EngineUnavailable, match=r"no Docker engine answers; start it .*`deployment.engine: process`"):
        choose_engine(layout, with_limits(engine="docker").deployment)


def test_a_docker_host_that_is_no_address_is_an_engine_that_is_down(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://nowhere")
    with pytest.raises(EngineUnavailable):
        open_engine(layout, "docker")


def test_a_process_asked_for_by_name_is_taken(layout: Layout, with_limits: Callable[..., Settings]) -> None:
    choice = choose_engine(layout, with_limits(engine="process").deployment)
    assert (choice.engine.name, choice.why) == ("process", "process: `deployment.engine` says so")


@pytest.mark.usefixtures("no_docker")
def test_with_the_engine_down_status_still_answers_and_a_rollback_says_what_is_missing(
    layout: Layout, settings: Settings
) -> None:
    with open_history(layout) as history:
        for number in (1, 2):
            gone = Deployment(
                f"v{number}", "m", str(number), "", "docker", f"http://127.0.0.1:{free_port()}", f"hone-v{number}",
                spec_digest=str(number),
            )  # fmt: skip
            switch(layout, history, State(generation=number - 1), gone, "switched", reason="")
    found = status(layout)
    assert found.current is not None
    assert (found.current.deployment.model_version, found.current.ready) == ("2", False)
    with pytest.raises(EngineUnavailable, match="no Docker engine answers"):
        rollback(layout, lambda: settings)


def test_a_free_port_is_free_and_not_one_that_is_reserved() -> None:
    port = free_port()
    assert port_is_free(port)
    assert free_port([port]) != port


def test_the_converter_is_no_part_of_the_server(sources: Path) -> None:
    assert "serving/healthcheck.py" in server_files(sources)
    assert "serving/convert.py" not in server_files(sources)


def test_the_servers_digest_changes_with_its_code_and_its_lock(sources: Path) -> None:
    before = server_digest(sources)
    (sources / "serving" / "requirements.lock").write_text("numpy==1\n")
    locked = server_digest(sources)
    (sources / "serving" / "extra.py").write_text("")
    assert len({before, locked, server_digest(sources)}) == 3


def test_sources_without_a_server_are_named(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"holds no whole server: `.*` is missing"):
        server_files(tmp_path)
