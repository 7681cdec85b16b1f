"""`configs/hone.yaml`: where Hone's services live on this machine. Read once by a command; says nothing of training."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from hone.config import Config, load_config
from hone.layout import Layout

Port = Field(ge=1, le=65535)


class Tracking(Config):
    """The MLflow server."""

    uri: str | None = None
    """An MLflow server that somebody else runs; null: Hone starts one on this machine."""
    port: int = Port
    """Where Hone's own server listens, on 127.0.0.1."""
    experiment: str = "hone"
    """MLflow's name for the grouping of our runs."""


class Registry(Config):
    """MLflow's model registry."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The registered model that the pipeline adds versions to."""


class DeploymentSettings(Config):
    """How a version is rolled out."""

    engine: Literal["auto", "docker", "process"] = "auto"
    """auto: docker where an engine answers, else a supervised local process."""
    base_image: str = "hone-base:bookworm"
    """A Debian image with Python 3.11; made locally with debootstrap where it does not exist."""
    ready_timeout_s: float = Field(60.0, gt=0)
    """A new deployment must be ready within this time, or the old one goes on serving."""
    drain_timeout_s: float = Field(30.0, ge=0)
    """How long requests in flight may take before a deployment that is no longer needed is stopped."""
    keep_warm: int = Field(1, ge=0)
    """How many earlier deployments stay running, ready for a rollback in milliseconds."""
    memory_mb: int = Field(1024, ge=64)
    """The memory limit of one deployment."""
    cpus: float = Field(2.0, gt=0)
    """The CPU limit of one deployment, and its compute threads (rounded up)."""


class RouterSettings(Config):
    """Where the router listens."""

    host: str = "127.0.0.1"
    port: int = Port
    request_timeout_s: float = Field(120.0, gt=0)
    """The longest that one request may take upstream."""


class Settings(Config):
    """The whole file."""

    tracking: Tracking
    registry: Registry
    deployment: DeploymentSettings = DeploymentSettings()
    router: RouterSettings

    @property
    def tracking_uri(self) -> str:
        """The MLflow server's address, ours or somebody else's."""
        return self.tracking.uri or f"http://127.0.0.1:{self.tracking.port}"

    @property
    def router_url(self) -> str:
        """The router's address."""
        return f"http://{self.router.host}:{self.router.port}"


def settings_path(layout: Layout) -> Path:
    """`configs/hone.yaml`, or the file that `HONE_CONFIG` names."""
    return Path(os.environ.get("HONE_CONFIG") or layout.root / "configs" / "hone.yaml")


def load_settings(layout: Layout) -> Settings:
    """Reads the settings. Raises `ConfigError` naming file, line and key."""
    return load_config(settings_path(layout), Settings)
