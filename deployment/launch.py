"""Starts one deployment: prepare → start on a free port → ready → one real completion. What fails is removed.

Moves no traffic: `deployment.rollout` does, once this has returned.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from deployment import health
from deployment.engines import Engine, PortTaken, Progress, ServerSpec, free_port, port_is_free
from deployment.history import History
from deployment.plan import State
from hone.errors import DeploymentError, NeverHealthy
from hone.files import sha256_tree
from hone.records import Deployment, ModelVersion
from hone.settings import DeploymentSettings

PORT_ATTEMPTS = 5

log = structlog.get_logger()


@dataclass(frozen=True)
class Launch:
    """What a start needs to know of its surroundings."""

    engine: Engine
    history: History
    state: State
    limits: DeploymentSettings
    progress: Progress
    choose_port: Callable[[Iterable[int]], int] = free_port

    def version(self, version: ModelVersion, weights: Path, *, spec_digest: str, reason: str) -> Deployment:
        """Prepares a version's image or weights, and starts it."""
        if not weights.is_dir() or not any(weights.iterdir()):
            raise DeploymentError(
                f"`{weights}` holds no converted weights; `hone deploy version {version.version}` makes them"
            )
        planned = Deployment(
            id=new_id(version.version),
            model_name=version.name,
            model_version=version.version,
            adapter_digest=version.adapter_digest,
            engine=self.engine.name,
            url="",
            handle="",
            started_at=time.time(),
            weights_digest=sha256_tree(weights),
            spec_digest=spec_digest,
            verdict="passed" if version.verdict.passed else "failed",
            chat=_chats(weights),
        )
        with self._failures_recorded(planned):
            image = self.engine.prepare(version, weights, planned.weights_digest, self.progress)
        if image:
            planned = msgspec.structs.replace(
                planned, image_digest=image.digest, image_reference=image.reference, image_bytes=image.bytes
            )
        return self.again(planned, reason=reason)

    def again(self, planned: Deployment, *, reason: str) -> Deployment:
        """Starts what is prepared already. Returns the deployment ready and tried."""
        self.history.append("started", planned, from_version=self.state.serving, reason=reason)
        self.progress(f"starting version {planned.model_version} ({planned.engine})")
        with self._failures_recorded(planned):
            new = self._on_free_port(planned)
        self.history.append("ready", new, from_version=self.state.serving)
        self.progress(f"version {new.model_version} is ready after {new.start_to_ready_s:.1f} s")
        return new

    def _on_free_port(self, planned: Deployment) -> Deployment:
        """Tries another port where somebody was faster."""
        reserved = [int(each.url.rpartition(":")[2]) for each in self.state.standing]
        for _attempt in range(PORT_ATTEMPTS):
            port = self.choose_port(reserved)
            try:
                return self._on_port(planned, port)
            except PortTaken:
                log.warning("port taken between choice and start", port=port)
        raise DeploymentError(f"no port stayed free in {PORT_ATTEMPTS} attempts; try again")

    def _on_port(self, planned: Deployment, port: int) -> Deployment:
        """Starts, waits until ready, asks for one completion. Leaves nothing running where that fails."""
        started = time.monotonic()
        handle = self.engine.start(self._spec(planned, port))
        new = msgspec.structs.replace(planned, handle=handle, url=f"http://127.0.0.1:{port}")
        try:
            health.wait_ready(new, alive=lambda: self.engine.alive(handle), timeout_s=self.limits.ready_timeout_s)
            new = msgspec.structs.replace(new, start_to_ready_s=round(time.monotonic() - started, 3))
            health.smoke(new)
        except BaseException as error:
            if isinstance(error, NeverHealthy):
                error.detail = self.engine.logs(handle)
            self.engine.stop(handle, 0)
            if isinstance(error, health.Died) and not port_is_free(port):
                raise PortTaken(f"port {port} is taken") from error
            raise
        return new

    def _spec(self, planned: Deployment, port: int) -> ServerSpec:
        return ServerSpec(
            deployment_id=planned.id,
            model_name=planned.model_name,
            model_version=planned.model_version,
            weights_digest=planned.weights_digest,
            image_digest=planned.image_digest,
            port=port,
            memory_mb=self.limits.memory_mb,
            cpus=self.limits.cpus,
            grace_s=self.limits.drain_timeout_s,
        )

    @contextmanager
    def _failures_recorded(self, planned: Deployment) -> Iterator[None]:
        """Writes what goes wrong inside into the history, and lets it pass on."""
        try:
            yield
        except BaseException as error:
            reason, detail = str(error) or type(error).__name__, getattr(error, "detail", "")
            self.history.append("failed", planned, from_version=self.state.serving, reason=reason, detail=detail)
            raise


def new_id(version: str) -> str:
    """Readable, and never used before."""
    return f"v{version}-{secrets.token_hex(4)}"


class _Weights(msgspec.Struct):
    """What matters here of `serving.weights.Weights`."""

    chat_template: str | None = None


def _chats(weights: Path) -> bool:
    """Whether a weights folder has a chat template; True where it does not say."""
    try:
        return msgspec.json.decode((weights / "serving.json").read_bytes(), type=_Weights).chat_template is not None
    except (OSError, msgspec.DecodeError):
        return True
