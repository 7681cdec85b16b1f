"""The router's image on a real engine: small, without torch, not root, healthy, with its configuration mounted."""

import json
import secrets
import shutil
import time
import uuid
from pathlib import Path

import docker
import pytest

from deployment.base_image import MADE_HERE, ensure_base_image
from deployment.engines import SOURCES
from deployment.engines.docker import connect
from deployment.router_image import PORT, build_router
from deployment.sources import router_files
from hone.errors import DeploymentError, EngineUnavailable
from hone.layout import Layout

POLL_S = 0.2


def test_sources_without_a_router_are_named(tmp_path):
    with pytest.raises(DeploymentError, match="holds no whole router"):
        router_files(tmp_path)


@pytest.mark.docker
def test_the_router_runs_in_a_container_with_its_configuration_mounted(tmp_path):
    try:
        client = connect()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    layout = Layout(tmp_path, tmp_path / "artifacts")
    ensure_base_image(client, MADE_HERE, layout, lambda _: None)
    reference = build_router(client, layout, base_image=MADE_HERE, sources=SOURCES, progress=lambda _: None)
    configs = tmp_path / "configs"
    shutil.copytree(Path(SOURCES) / "configs", configs)
    container = client.containers.run(
        reference,
        name=f"hone-router-test-{uuid.uuid4().hex[:8]}",
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        environment={"HONE_ROUTER_MASTER_KEY": secrets.token_urlsafe(32)},
        volumes={str(configs): {"bind": "/project/configs", "mode": "ro"}},
    )
    try:
        _check(container)
    finally:
        container.remove(force=True, v=True)


def _check(container: docker.models.containers.Container) -> None:
    alive = ["python", "-m", "router.healthcheck"]
    until = time.monotonic() + 60
    while container.status != "exited" and container.exec_run(alive).exit_code != 0 and time.monotonic() < until:
        time.sleep(POLL_S)
        container.reload()
    assert container.status != "exited", container.logs().decode()
    assert container.exec_run(alive).exit_code == 0
    assert container.exec_run(["python", "-c", "import os; print(os.getuid())"]).output == b"65532\n"
    assert container.exec_run(["python", "-c", "import torch"]).exit_code != 0
    asked = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{PORT}/health/live').read().decode())"
    assert json.loads(container.exec_run(["python", "-c", asked]).output)["service"] == "hone-router"
    container.stop(timeout=30)
    assert container.wait()["StatusCode"] == 0
