"""The docker engine: one container per deployment, read-only, without capabilities, within limits, on 127.0.0.1."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container

from deployment.engines import KILL_AFTER_S, SOURCES, PortTaken, Progress, ServerSpec, project_key
from deployment.image import SERVER_PORT, build_version
from hone.errors import DeploymentError, EngineUnavailable
from hone.layout import Layout
from hone.records import Image, ModelVersion

PING_TIMEOUT_S = 3
TIMEOUT_S = 600  # between two signs of life from the engine; a build step may be silent for long
LOG_TAIL_LINES = 30
PIDS = 128
PROJECT_LABEL = "dev.hone.project"
DEPLOYMENT_LABEL = "dev.hone.deployment"


def connect() -> docker.DockerClient:
    """A client of the engine that `DOCKER_HOST` names. Raises `EngineUnavailable` where it does not answer soon."""
    try:
        docker.from_env(timeout=PING_TIMEOUT_S).ping()
        return docker.from_env(timeout=TIMEOUT_S)
    except (DockerException, requests.RequestException, OSError) as error:
        reason = " ".join(str(error).split())
        raise EngineUnavailable(
            "no Docker engine answers; start it (`systemctl start docker`, or `apt-get install --yes docker.io`), "
            "or set `deployment.engine: process` in `configs/hone.yaml`",
            detail=reason,
        ) from error


class DockerEngine:
    """Runs version images. A handle is the container's name."""

    name = "docker"

    def __init__(
        self, layout: Layout, client: docker.DockerClient, *, base_image: str, sources: Path = SOURCES
    ) -> None:
        self._layout = layout
        self._client = client
        self._base_image = base_image
        self.sources = sources
        self._project = project_key(layout)

    def prepare(self, version: ModelVersion, weights: Path, weights_digest: str, progress: Progress) -> Image | None:
        with _engine_errors():
            return build_version(
                self._client,
                self._layout,
                version,
                weights,
                weights_digest=weights_digest,
                base_image=self._base_image,
                sources=self.sources,
                progress=progress,
            )

    def start(self, spec: ServerSpec) -> str:
        handle = f"hone-{spec.deployment_id}"
        with _engine_errors():
            try:
                container = self._create(handle, spec)
            except ImageNotFound as error:
                raise DeploymentError(
                    f"the image of version {spec.model_version} ({spec.image_digest[:19]}) is gone; "
                    f"`hone deploy version {spec.model_version}` builds it again"
                ) from error
            try:
                container.start()
            except APIError as error:
                container.remove(force=True)
                if "already allocated" in str(error) or "address already in use" in str(error):
                    raise PortTaken(f"port {spec.port} is taken") from error
                raise
        return handle

    def _create(self, handle: str, spec: ServerSpec) -> Container:
        return self._client.containers.create(
            spec.image_digest,
            name=handle,
            environment={"HONE_SERVE_THREADS": str(spec.threads), "HONE_SERVE_GRACE_S": str(spec.grace_s)},
            labels={PROJECT_LABEL: self._project, DEPLOYMENT_LABEL: spec.deployment_id},
            ports={f"{SERVER_PORT}/tcp": ("127.0.0.1", spec.port)},
            read_only=True,
            tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=64m"},  # noqa: S108  (the container's own)
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=f"{spec.memory_mb}m",
            memswap_limit=f"{spec.memory_mb}m",
            nano_cpus=int(spec.cpus * 1e9),
            pids_limit=PIDS,
            restart_policy={"Name": "unless-stopped"},  # type: ignore[arg-type]  # the stubs lack this one
        )

    def alive(self, handle: str) -> bool:
        with _engine_errors():
            try:
                state = self._client.api.inspect_container(handle)["State"]
            except NotFound:
                return False
        return bool(state["Running"]) and not state["Restarting"]

    def logs(self, handle: str) -> str:
        with _engine_errors():
            try:
                return self._client.containers.get(handle).logs(tail=LOG_TAIL_LINES).decode(errors="replace")
            except NotFound:
                return ""

    def stop(self, handle: str, grace_s: float) -> None:
        with _engine_errors():
            try:
                container = self._client.containers.get(handle)
                if grace_s:
                    container.stop(timeout=round(grace_s + KILL_AFTER_S))
                container.remove(force=True)
            except NotFound:
                return

    def handles(self) -> list[str]:
        with _engine_errors():
            ours = self._client.containers.list(all=True, filters={"label": f"{PROJECT_LABEL}={self._project}"})
            return sorted(str(container.name) for container in ours)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turns what the SDK raises into one line: the engine's own words, or that it went away."""
    try:
        yield
    except APIError as error:
        raise DeploymentError(f"the Docker engine refused: {error.explanation or error}") from error
    except (DockerException, requests.RequestException) as error:
        raise EngineUnavailable(
            f"the Docker engine stopped answering ({type(error).__name__}); look at `docker info`", detail=str(error)
        ) from error
