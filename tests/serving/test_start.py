"""From the command line to a ready server, and every way in which that can fail."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serving.app import App
from serving.healthcheck import is_ready
from serving.options import Options, parse_options
from tests.serving.conftest import Serve
from tests.serving.tiny import ROOT

REQUIRED = ["--weights", "w", "--model", "m", "--version", "1"]


def run_serving(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment or {}, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_option_can_come_from_the_environment_and_the_command_line_wins() -> None:
    environment = {"HONE_SERVE_WEIGHTS": "/weights", "HONE_SERVE_MODEL": "m", "HONE_SERVE_VERSION": "3"}
    environment |= {"HONE_SERVE_HOST": "0.0.0.0", "HONE_SERVE_PORT": "81", "HONE_SERVE_THREADS": "4"}
    environment |= {"HONE_SERVE_QUEUE": "0", "HONE_SERVE_MAX_BODY_BYTES": "9", "HONE_SERVE_GRACE_S": "1.5"}
    options = parse_options(["--port", "82"], environment)
    assert options == Options(Path("/weights"), "m", "3", "0.0.0.0", 82, 4, 0, 9, 1.5)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HONE_SERVE_PORT": "http"}, "--port: invalid int value: 'http'"),
        ({"HONE_SERVE_THREADS": "0"}, "--threads (HONE_SERVE_THREADS) must be at least 1, not 0"),
    ],
)
def test_a_wrong_value_names_its_option(
    environment: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_options(REQUIRED, environment)
    assert words in capsys.readouterr().err


def test_a_bad_weights_folder_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    ended = run_serving("--weights", str(tmp_path), "--model", "m", "--version", "1")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"serving: `{tmp_path}` is not a weights folder: `serving.json` is missing")
    assert ended.stderr.count("\n") == 1


def test_weights_that_cannot_be_loaded_are_one_line_and_exit_code_1(weights: Path, tmp_path: Path) -> None:
    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[: 5000 if path.name == "model.bin" else None])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = run_serving("--weights", str(tmp_path), "--model", "m", "--version", "1", "--port", str(port))
    assert ended.returncode == 1
    assert "cannot be loaded" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_taken_port_is_named(weights: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_serving("--weights", str(weights), "--model", "m", "--version", "1", "--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"serving: cannot listen on `127.0.0.1:{port}`: Address already in use; choose another `--port` or `--host`\n"
    )


def test_it_is_live_but_not_ready_until_the_model_is_loaded() -> None:
    app = App(parse_options(REQUIRED, {}))
    assert asyncio.run(status_of(app, "/health/live")) == 200
    assert asyncio.run(status_of(app, "/health/ready")) == 503
    assert asyncio.run(status_of(app, "/v1/completions", "POST")) == 503


async def status_of(app: App, path: str, method: str = "GET") -> int:
    """Asks the application itself, without a server."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    return int(sent[0]["status"])


def test_the_health_check_exits_with_0_only_where_a_server_is_ready(serve: Serve, weights: Path) -> None:
    server = serve(weights)

    def check() -> int:
        command = [sys.executable, "-m", "serving.healthcheck"]
        return subprocess.run(command, cwd=ROOT, env={"HONE_SERVE_PORT": str(server.port)}, check=False).returncode

    assert check() == 0
    server.process.kill()
    server.process.wait()
    assert check() == 1
    assert not is_ready("127.0.0.1", server.port)
