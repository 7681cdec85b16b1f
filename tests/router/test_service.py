"""The router as a daemon of a project, and the commands around it."""

import os
import shutil
import socket
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from hone import daemon
from hone.cli.router import app
from hone.errors import RouterError
from hone.layout import Layout
from hone.settings import load_settings
from router.client import read_health
from router.service import NAME, ensure_router, stop_router

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, port):
    """A project whose router has a free port; its daemons end with the test."""
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    settings = tmp_path / "configs" / "hone.yaml"
    settings.write_text(settings.read_text().replace("port: 8100", f"port: {port}"))
    layout = Layout(root=tmp_path, artifacts=tmp_path / "artifacts")
    yield layout
    stop_router(layout)


@pytest.fixture
def cli(project, monkeypatch):
    """Runs `hone router …` inside the project."""
    monkeypatch.setenv("HONE_ROOT", str(project.root))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_it_starts_once_and_is_found_again(project, port):
    settings = load_settings(project)
    assert ensure_router(project, settings) == f"http://127.0.0.1:{port}"
    first = read_health(settings.router_url)
    ensure_router(project, settings)
    assert read_health(settings.router_url) == first
    assert first is not None
    assert first.pid == daemon.process_id(project, NAME)


def test_a_router_that_was_killed_comes_back_by_itself(project):
    settings = load_settings(project)
    ensure_router(project, settings)
    first = daemon.process_id(project, NAME)
    os.kill(first, 9)
    while (health := read_health(settings.router_url)) is None or health.pid == first:
        time.sleep(0.02)


def test_changed_settings_start_it_anew(project):
    settings = load_settings(project)
    ensure_router(project, settings)
    first = daemon.process_id(project, NAME)
    changed = settings.model_copy(update={"router": settings.router.model_copy(update={"request_timeout_s": 7.0})})
    ensure_router(project, changed)
    assert daemon.process_id(project, NAME) != first


def test_stopping_ends_it_and_says_whether_it_ran(project):
    settings = load_settings(project)
    ensure_router(project, settings)
    assert stop_router(project) is True
    assert read_health(settings.router_url) is None
    assert stop_router(project) is False


def test_a_taken_port_names_the_port_the_file_and_the_key(project, port):
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RouterError) as error:
        ensure_router(project, load_settings(project))
    message = str(error.value)
    assert f"`127.0.0.1:{port}`" in message
    assert "`router.port`" in message
    assert str(project.root / "configs" / "hone.yaml") in message
    assert "\n" not in message
    assert daemon.names(project) == []


def test_the_router_of_another_checkout_is_not_taken_for_ours(project, router):
    settings = load_settings(project)
    theirs = settings.model_copy(update={"router": settings.router.model_copy(update={"port": router.port})})
    with pytest.raises(RouterError, match="cannot listen"):
        ensure_router(project, theirs)


def test_status_tells_stopped_from_up_without_a_deployment_from_serving(project, cli, model, router):
    stopped = cli("status", "--json")
    assert (stopped.exit_code, msgspec.json.decode(stopped.stdout)["status"]) == (1, "stopped")
    ensure_router(project, load_settings(project))
    idle = cli("status")
    assert (idle.exit_code, "no deployment is serving" in idle.stdout) == (0, True)
    router.point_to(model("v1"), "7")
    project.deployments.mkdir(parents=True)
    shutil.copy(router.layout.endpoint, project.endpoint)
    serving = msgspec.json.decode(cli("status", "--json").stdout)
    assert (serving["status"], serving["model_version"]) == ("ready", "hone-code:7")


def test_ask_prints_the_answer_and_who_gave_it(project, cli, model, router):
    router.point_to(model("def f(): pass"), "7")
    project.deployments.mkdir(parents=True)
    shutil.copy(router.layout.endpoint, project.endpoint)
    ensure_router(project, load_settings(project))
    answer = cli("ask", "def f():")
    assert answer.stdout == "def f(): pass\n"
    assert "hone-code:7 answered in" in answer.stderr


def test_ask_without_a_router_says_how_to_start_one(cli):
    failed = cli("ask", "def f():")
    assert failed.exit_code == 1
    assert "start it with `hone up`" in str(failed.exception)


def test_ask_without_a_deployment_says_how_to_make_one(project, cli):
    ensure_router(project, load_settings(project))
    failed = cli("ask", "def f():")
    assert "`hone deploy champion`" in str(failed.exception)


def test_serving_in_the_foreground_beside_the_daemon_is_refused(project, cli):
    ensure_router(project, load_settings(project))
    refused = cli("serve")
    assert "stop it with `hone down`" in str(refused.exception)


def test_a_providers_key_reaches_the_daemon_and_a_new_one_starts_it_anew(project, monkeypatch):
    settings = load_settings(project)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    ensure_router(project, settings)
    first = daemon.process_id(project, NAME)
    assert b"OPENAI_API_KEY=sk-very-secret" in Path(f"/proc/{first}/environ").read_bytes()
    assert "sk-very-secret" not in (daemon.folder_of(project, NAME) / "spec.json").read_text()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    ensure_router(project, settings)
    assert daemon.process_id(project, NAME) != first
