"""Finding and starting the MLflow server."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from hone import daemon
from hone.errors import ConfigError, TrackingUnavailable
from hone.layout import Layout
from hone.settings import Registry, RouterSettings, Settings, Tracking
from registry.server import DAEMON, ensure_server, stop_server


def settings_with(*, port: int = 5000, uri: str | None = None) -> Settings:
    return Settings(
        tracking=Tracking(uri=uri, port=port), registry=Registry(model_name="m"), router=RouterSettings(port=8100)
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(root=tmp_path, artifacts=tmp_path / "artifacts")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where something listens that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_a_server_that_runs_is_found_and_not_started_again(server):
    before = daemon.process_id(server.layout, DAEMON)
    assert server.ensure() == server.settings.tracking_uri
    assert daemon.process_id(server.layout, DAEMON) == before


def test_the_server_is_one_process_that_listens_on_loopback_only(server):
    process = psutil.Process(daemon.process_id(server.layout, DAEMON))
    listening = {each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN}
    assert process.children() == []
    assert listening == {"127.0.0.1"}


def test_the_server_offers_no_job_execution_and_no_telemetry(server):
    environment = psutil.Process(daemon.process_id(server.layout, DAEMON)).environ()
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    connection = http.client.HTTPConnection("127.0.0.1", server.settings.tracking.port)
    connection.request("GET", "/ajax-api/3.0/mlflow/ui-telemetry")
    assert json.loads(connection.getresponse().read())["disable_ui_telemetry"] is True


def test_everything_the_server_keeps_lies_under_artifacts(server, register):
    register()
    assert (server.layout.mlflow / "mlflow.db").is_file()
    assert list((server.layout.mlflow / "artifacts").rglob("adapter_model.safetensors"))


def test_two_callers_at_once_share_one_server_that_stops_when_told(layout, free_port):
    settings = settings_with(port=free_port)
    try:
        with ThreadPoolExecutor(2) as callers:
            uris = list(callers.map(lambda _: ensure_server(layout, settings), range(2)))
        pid = daemon.process_id(layout, DAEMON)
        assert uris == [settings.tracking_uri] * 2
        assert pid is not None
        log = daemon.log_tail(layout, DAEMON, lines=100)
        assert log.count("Started server process") == 1
        assert stop_server(layout)
        assert not psutil.pid_exists(pid)
        assert not stop_server(layout)
    finally:
        stop_server(layout)


def test_a_port_that_another_program_has_is_named_with_the_key_to_change(layout, silent_port):
    with pytest.raises(TrackingUnavailable) as caught:
        ensure_server(layout, settings_with(port=silent_port))
    message = str(caught.value)
    assert f"port {silent_port} is taken by another program" in message
    assert "`tracking.port`" in message
    assert "hone.yaml" in message
    assert not layout.daemons.exists()


def test_the_server_of_another_checkout_is_not_taken_for_ours(layout, server):
    with pytest.raises(TrackingUnavailable, match="another Hone project") as caught:
        ensure_server(layout, server.settings)
    assert str(server.layout.artifacts) in str(caught.value)


def test_a_server_that_somebody_else_runs_is_used_where_it_answers(layout, server):
    uri = server.settings.tracking_uri
    assert ensure_server(layout, settings_with(uri=f"{uri}/")) == uri
    assert not layout.daemons.exists()


def test_a_server_that_somebody_else_runs_and_that_is_down_is_named(layout, free_port):
    uri = f"http://127.0.0.1:{free_port}"
    with pytest.raises(TrackingUnavailable, match="does not answer") as caught:
        ensure_server(layout, settings_with(uri=uri))
    assert uri in str(caught.value)
    assert "`tracking.uri`" in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///mlflow.db",
        "databricks",
        "http://",
        "http://[",
        "http://host:99999",
        "http://me:secret@127.0.0.1:5000",
    ],
)
def test_a_tracking_uri_that_is_no_plain_http_address_is_a_configuration_error(layout, uri):
    with pytest.raises(ConfigError, match=r"tracking\.uri") as caught:
        ensure_server(layout, settings_with(uri=uri))
    assert "secret" not in str(caught.value)
