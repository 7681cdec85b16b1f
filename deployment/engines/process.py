"""The process engine: the server as a supervised local process, for machines without Docker.

Same server, same settings, no isolation and no memory limit.
"""

import os
import shutil
import sys
from pathlib import Path

from deployment.engines import KILL_AFTER_S, SOURCES, Progress, ServerSpec
from hone import daemon
from hone.errors import DaemonError, DeploymentError
from hone.files import sha256_tree
from hone.layout import Layout
from hone.records import Image, ModelVersion

PREFIX = "serve-"
SPAWN_TIMEOUT_S = 10.0  # for the process to exist, not to be ready


class ProcessEngine:
    """Runs `python -m serving` under `hone.daemon`. A handle is the daemon's name."""

    name = "process"

    def __init__(self, layout: Layout, *, sources: Path = SOURCES) -> None:
        self._layout = layout
        self.sources = sources

    def prepare(self, version: ModelVersion, weights: Path, weights_digest: str, progress: Progress) -> Image | None:
        """Copies the weights under `artifacts/deployments/weights/`, whole or not at all; equal weights only once."""
        kept = self._weights(weights_digest)
        if kept.is_dir():
            return None
        progress(f"keeping a copy of version {version.version}'s weights")
        beside = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
        try:
            shutil.copytree(weights, beside)
            if sha256_tree(beside) != weights_digest:
                raise DeploymentError(f"`{weights}` changed while it was copied; deploy again")
            beside.rename(kept)
        except (OSError, shutil.Error) as error:
            raise DeploymentError(f"the weights `{weights}` cannot be copied to `{kept}`: {error}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return None

    def start(self, spec: ServerSpec) -> str:
        weights = self._weights(spec.weights_digest)
        if not weights.is_dir():
            raise DeploymentError(
                f"the weights of version {spec.model_version} are gone from `{weights}`; "
                f"`hone deploy version {spec.model_version}` makes them again"
            )
        handle = PREFIX + spec.deployment_id
        server = daemon.DaemonSpec(
            argv=(sys.executable, "-m", "serving"),
            env=environment(spec, weights),
            cwd=str(self.sources),
            url=f"http://127.0.0.1:{spec.port}",
            grace_s=spec.grace_s + KILL_AFTER_S,
        )
        try:
            daemon.start(
                self._layout,
                handle,
                server,
                ready=lambda: daemon.process_id(self._layout, handle) is not None,
                timeout_s=SPAWN_TIMEOUT_S,
            )
        except DaemonError as error:
            raise DeploymentError(str(error), detail=error.detail) from error
        return handle

    def alive(self, handle: str) -> bool:
        return daemon.process_id(self._layout, handle) is not None

    def logs(self, handle: str) -> str:
        return daemon.log_tail(self._layout, handle)

    def stop(self, handle: str, grace_s: float) -> None:  # noqa: ARG002  (its daemon was started with a grace time)
        daemon.remove(self._layout, handle)

    def handles(self) -> list[str]:
        if not self._layout.daemons.is_dir():
            return []
        return sorted(folder.name for folder in self._layout.daemons.iterdir() if folder.name.startswith(PREFIX))

    def _weights(self, digest: str) -> Path:
        return self._layout.deployments / "weights" / digest.removeprefix("sha256:")[:12]


def environment(spec: ServerSpec, weights: Path) -> dict[str, str]:
    """The server's whole environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONUNBUFFERED": "1",
        "HONE_SERVE_WEIGHTS": str(weights),
        "HONE_SERVE_MODEL": spec.model_name,
        "HONE_SERVE_VERSION": spec.model_version,
        "HONE_SERVE_HOST": "127.0.0.1",
        "HONE_SERVE_PORT": str(spec.port),
        "HONE_SERVE_THREADS": str(spec.threads),
        "HONE_SERVE_GRACE_S": str(spec.grace_s),
    }
