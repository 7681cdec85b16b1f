"""What runs deployments, behind one Protocol: `docker` containers or local `process`es, and which of them to take."""

import hashlib
import math
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import hone
from hone.errors import DeploymentError, EngineUnavailable
from hone.layout import Layout
from hone.records import Image, ModelVersion, Record

if TYPE_CHECKING:  # a rollback reads no settings
    from hone.settings import DeploymentSettings

SOURCES = Path(hone.__file__).parents[1]  # the folder that holds `serving/` and `hone/`
Progress = Callable[[str], None]


KILL_AFTER_S = 5.0  # beyond the grace time: a server that has not ended by itself by then is stuck


class PortTaken(DeploymentError):
    """Somebody else took the port between choice and start; choose another one."""


class ServerSpec(Record, frozen=True):
    """One server to start: which version, and within what limits."""

    deployment_id: str
    model_name: str
    model_version: str
    weights_digest: str
    image_digest: str  # empty for the process engine
    port: int  # on 127.0.0.1
    memory_mb: int
    cpus: float
    grace_s: float  # for requests in flight, after SIGTERM

    @property
    def threads(self) -> int:
        """Compute threads."""
        return math.ceil(self.cpus)


class Engine(Protocol):
    """Runs servers. A handle is the engine's own name for one; it stays valid across commands and restarts."""

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> Path:
        """The folder that holds `serving/` and `hone/`."""

    def prepare(self, version: ModelVersion, weights: Path, weights_digest: str, progress: Progress) -> Image | None:
        """Keeps the weights where no later run changes them: builds the image, or copies the folder (None)."""

    def start(self, spec: ServerSpec) -> str:
        """Starts a server and returns its handle at once, not ready yet. Raises `PortTaken` where it knows so soon."""

    def alive(self, handle: str) -> bool:
        """Whether it runs now, rather than having ended or waiting to be started again."""

    def logs(self, handle: str) -> str:
        """The end of what it wrote."""

    def stop(self, handle: str, grace_s: float) -> None:
        """Ends it, killed at the latest after the grace time, and removes it. Does nothing where it is gone."""

    def handles(self) -> list[str]:
        """Every server of this project that the engine has, running or not."""


@dataclass(frozen=True)
class Choice:
    """The engine taken, and why in a few words."""

    engine: Engine
    why: str


def open_engine(layout: Layout, name: str, *, base_image: str = "", sources: Path = SOURCES) -> Engine:
    """The engine of that name. Raises `EngineUnavailable` where it does not answer."""
    if name == "docker":
        from deployment.engines.docker import DockerEngine, connect

        return DockerEngine(layout, connect(), base_image=base_image, sources=sources)
    from deployment.engines.process import ProcessEngine

    return ProcessEngine(layout, sources=sources)


def choose_engine(layout: Layout, settings: "DeploymentSettings", *, sources: Path = SOURCES) -> Choice:
    """The engine that the settings ask for; `auto` takes Docker where one answers.

    Raises `EngineUnavailable` where Docker is asked for by name and does not answer.
    """
    wanted = "docker" if settings.engine == "auto" else settings.engine
    try:
        engine = open_engine(layout, wanted, base_image=settings.base_image, sources=sources)
    except EngineUnavailable as error:
        if settings.engine != "auto":
            raise
        return Choice(open_engine(layout, "process", sources=sources), f"process: {error}")
    why = "a Docker engine answers" if settings.engine == "auto" else "`deployment.engine` says so"
    return Choice(engine, f"{wanted}: {why}")


def free_port(taken: Iterable[int] = ()) -> int:
    """A port on 127.0.0.1 that is free now and not in `taken`."""
    reserved = set(taken)
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in reserved:
            return port


def port_is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def project_key(layout: Layout) -> str:
    """Twelve hex digits that tell this project's containers from another's on the same Docker engine."""
    return hashlib.sha256(str(layout.artifacts.resolve()).encode()).hexdigest()[:12]
