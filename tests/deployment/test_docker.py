"""Images and containers on a real engine, with the fake server inside and no dependencies."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from deployment import health
from deployment.base_image import MADE_HERE, ensure_base_image
from deployment.engines import PortTaken, ServerSpec
from deployment.engines.docker import DockerEngine, connect
from deployment.image import build_version, version_reference
from deployment.rollback import rollback
from deployment.rollout import deploy, events, status, stop_all
from hone.errors import DeploymentError, EngineUnavailable, ImageBuildFailed, NeverHealthy
from hone.layout import Layout
from hone.records import Deployment, ModelVersion
from hone.settings import Settings

pytestmark = pytest.mark.docker


def quiet(_line: str) -> None:
    """No progress wanted."""


@pytest.fixture(scope="session")
def client() -> docker.DockerClient:
    try:
        return connect()
    except EngineUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def base_image(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("base")
    ensure_base_image(client, MADE_HERE, Layout(root, root / "artifacts"), quiet)
    return MADE_HERE


@pytest.fixture(scope="session")
def images_gone_afterwards(client: docker.DockerClient, base_image: str) -> Iterator[None]:
    """The fake server's images serve all tests, then go."""
    before = {image.id for image in client.images.list()}
    yield
    for image in client.images.list():
        made_here = image.labels.get("org.opencontainers.image.revision") == "0" * 40
        if image.id not in before and (made_here or any(tag.startswith("hone-") for tag in image.tags)):
            with suppress(docker.errors.APIError):  # another test's image may stand on it
                client.images.remove(str(image.id), force=True)


@pytest.fixture
def containers(
    layout: Layout, client: docker.DockerClient, images_gone_afterwards: None, sources: Path, settings: Settings
) -> Iterator[DockerEngine]:
    """The docker engine over the fake server's sources; its containers are gone afterwards."""
    engine = DockerEngine(layout, client, base_image=MADE_HERE, sources=sources)
    yield engine
    stop_all(layout, settings, progress=quiet)
    for handle in engine.handles():
        engine.stop(handle, 0)


@pytest.fixture
def run_version(
    layout: Layout,
    settings: Settings,
    containers: DockerEngine,
    version: Callable[..., ModelVersion],
    weights: Callable[..., Path],
) -> Callable[..., Deployment]:
    """Deploys version N with the docker engine."""

    def run(number: int, behaviour: str = "answers", *, limits: Settings = settings) -> Deployment:
        return deploy(layout, limits, version(number), weights(number, behaviour), engine=containers, progress=quiet)

    return run


def inspect(client: docker.DockerClient, deployment: Deployment) -> Any:
    return client.api.inspect_container(deployment.handle)


def test_a_version_runs_locked_down_on_the_loopback_only(
    client: docker.DockerClient, run_version: Callable[..., Deployment]
) -> None:
    deployment = run_version(1)
    found = inspect(client, deployment)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "65532:65532"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (256 * 2**20, 10**9, 128)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert [binding["HostIp"] for binding in host["PortBindings"]["8000/tcp"]] == ["127.0.0.1"]


def test_an_image_says_what_is_in_it(
    client: docker.DockerClient, version: Callable[..., ModelVersion], run_version: Callable[..., Deployment]
) -> None:
    deployment = run_version(1)
    wanted = version(1)
    image = client.images.get(deployment.image_digest)
    assert image.labels["org.opencontainers.image.version"] == "1"
    assert image.labels["org.opencontainers.image.revision"] == wanted.git_commit
    assert image.labels["dev.hone.adapter-digest"] == wanted.adapter_digest
    assert image.labels["dev.hone.verdict"] == "passed"
    assert image.attrs["Config"]["Healthcheck"]["Test"] == ["CMD", "python", "-m", "serving.healthcheck"]
    assert deployment.image_reference == f"hone/hone-code:v1-{wanted.adapter_digest[7:19]}"
    assert image.attrs["Size"] == deployment.image_bytes


def test_an_image_holds_no_converter_and_no_installer(
    client: docker.DockerClient, run_version: Callable[..., Deployment]
) -> None:
    container = client.containers.get(run_version(1).handle)
    _code, listing = container.exec_run(["sh", "-c", "ls /app/serving /opt/venv/bin /opt/venv/lib/*/site-packages"])
    assert b"healthcheck.py" in listing
    assert b"convert.py" not in listing
    assert b"pip" not in listing


def test_the_same_weights_are_not_built_twice_and_other_weights_are(
    containers: DockerEngine,
    version: Callable[..., ModelVersion],
    weights: Callable[..., Path],
) -> None:
    folder = weights(1)
    first = containers.prepare(version(1), folder, "sha256:one", quiet)
    built: list[str] = []
    assert containers.prepare(version(1), folder, "sha256:one", built.append) == first
    assert built == []
    other = containers.prepare(version(1), weights(1), "sha256:two", built.append)
    assert built == [f"building `{version_reference(version(1))}`"]
    assert first is not None
    assert other is not None
    assert other.digest != first.digest


def test_a_rollback_to_a_stopped_container_starts_its_image_again(
    layout: Layout, settings: Settings, client: docker.DockerClient, run_version: Callable[..., Deployment]
) -> None:
    first, _second, _third = run_version(1), run_version(2), run_version(3)
    back = rollback(layout, lambda: settings, to="1")
    assert (back.image_digest, back.model_version) == (first.image_digest, "1")
    assert inspect(client, back)["State"]["Running"]


def test_a_rollback_to_an_image_that_is_gone_says_how_to_build_it(
    layout: Layout, settings: Settings, client: docker.DockerClient, run_version: Callable[..., Deployment]
) -> None:
    first, second, third = run_version(1), run_version(2), run_version(3)
    client.images.remove(first.image_digest, force=True)
    with pytest.raises(DeploymentError, match=r"the image of version 1 .* is gone; `hone deploy version 1` builds it"):
        rollback(layout, lambda: settings, to="1")
    found = status(layout)
    assert found.current is not None
    assert (found.current.deployment, found.current.ready) == (third, True)
    assert [warm.deployment for warm in found.warm] == [second]


@pytest.mark.parametrize("behaviour", ["dies", "never ready"])
def test_a_container_that_fails_is_removed_and_its_log_shown(
    behaviour: str,
    layout: Layout,
    containers: DockerEngine,
    run_version: Callable[..., Deployment],
    with_limits: Callable[..., Settings],
) -> None:
    first = run_version(1)
    with pytest.raises(NeverHealthy) as raised:
        run_version(2, behaviour, limits=with_limits(ready_timeout_s=2))
    assert f"loading weights that say '{behaviour}'" in raised.value.detail
    assert containers.handles() == [first.handle]
    assert health.is_ready(first)


def test_a_build_that_fails_shows_its_log_and_leaves_the_old_version(
    layout: Layout, sources: Path, run_version: Callable[..., Deployment]
) -> None:
    first = run_version(1)
    (sources / "serving" / "broken.py").write_text("def unfinished(:\n")
    with pytest.raises(ImageBuildFailed, match=r"the image `hone-server:[0-9a-f]{12}` could not be built") as raised:
        run_version(2)
    assert "def unfinished(:" in raised.value.detail
    assert health.is_ready(first)
    assert (events(layout)[-1].kind, events(layout)[-1].to_version) == ("failed", "2")


def test_a_port_that_docker_finds_taken_is_said_so_and_leaves_no_container(
    containers: DockerEngine, run_version: Callable[..., Deployment]
) -> None:
    first = run_version(1)
    port = int(first.url.rpartition(":")[2])
    spec = ServerSpec("second", "hone-code", "1", first.weights_digest, first.image_digest, port, 256, 1.0, 1.0)
    with pytest.raises(PortTaken):
        containers.start(spec)
    assert containers.handles() == [first.handle]


def test_a_container_that_nothing_stands_behind_is_removed(
    layout: Layout, containers: DockerEngine, run_version: Callable[..., Deployment]
) -> None:
    first = run_version(1)
    containers.start(ServerSpec("orphan", "hone-code", "1", "", first.image_digest, 0, 256, 1.0, 1.0))
    assert len(containers.handles()) == 2
    status(layout)
    assert containers.handles() == [first.handle]


def test_another_base_image_that_is_nowhere_is_named(
    tmp_path: Path, client: docker.DockerClient, layout: Layout
) -> None:
    with pytest.raises(DeploymentError, match=r"`127.0.0.1:9/none:1` is not here and cannot be pulled .*docker load"):
        ensure_base_image(client, "127.0.0.1:9/none:1", layout, quiet)


def test_weights_with_odd_names_and_modes_are_readable_in_the_container(
    layout: Layout,
    client: docker.DockerClient,
    containers: DockerEngine,
    version: Callable[..., ModelVersion],
    weights: Callable[..., Path],
) -> None:
    folder = weights(1)
    (folder / "a b").mkdir()
    (folder / "a b" / "secret.json").write_text(json.dumps({"x": 1}))
    (folder / "a b" / "secret.json").chmod(0o600)
    build_version(
        client,
        layout,
        version(1),
        folder,
        weights_digest="sha256:odd",
        base_image=MADE_HERE,
        sources=containers.sources,
        progress=quiet,
    )
    container = client.containers.create(version_reference(version(1)), ["cat", "/weights/a b/secret.json"])
    try:
        container.start()
        container.wait()  # and only then its log: one that is followed from the start can end too soon
        assert container.logs() == b'{"x": 1}'
    finally:
        container.remove(force=True)
