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
    """Where the router listens, and how. Secrets stand in the environment: HONE_ROUTER_MASTER_KEY, and the URLs of
    HONE_ROUTER_DATABASE and HONE_ROUTER_REDIS where they hold passwords."""

    host: str = "127.0.0.1"
    port: int = Port
    request_timeout_s: float = Field(120.0, gt=0)
    """The longest that one request may take, retries and fallbacks included."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that share the port; more than one wants Redis for limits that hold over all of them."""
    tls_cert: str | None = None
    """A certificate chain (PEM), relative to the project; null: plain HTTP."""
    tls_key: str | None = None
    """The certificate's private key (PEM)."""
    max_body_mb: float = Field(16.0, gt=0)
    """The largest request body, in MiB."""
    cors_origins: tuple[str, ...] = ()
    """Web pages of these origins may ask; `*` for every one."""
    database: str | None = None
    """Keys, ledger and feedback; null: SQLite under artifacts/router/. `HONE_ROUTER_DATABASE` wins."""
    keep_days: int = Field(0, ge=0)
    """How long requests stay in the ledger; 0: for ever. Budgets do not need them."""
    redis: str | None = None
    """Shares limits and breakers between workers and hosts. `HONE_ROUTER_REDIS` wins."""
    without_redis: Literal["local", "fail_closed"] = "local"
    """While Redis is gone. local: each worker counts on its own; fail_closed: keys with limits are refused."""
    cache_mb: float = Field(0.0, ge=0)
    """Answers kept for the same request at temperature 0, in MiB for each worker; 0: none."""
    cache_s: float = Field(300.0, gt=0)
    """How long they are kept."""
    hedge: bool = False
    """Asks the second place too where the first is slower than in 95 of 100 cases, and takes who answers first."""
    keep_content: bool = False
    """Keeps requests and answers in the ledger, for training data from feedback."""
    traces: str | None = None
    """Where OpenTelemetry traces go, an OTLP/HTTP address as http://127.0.0.1:4318; null: nowhere."""


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


def router_database(layout: Layout, settings: Settings) -> str:
    """The URL of the router's database. It may hold a password: never shown or logged."""
    default = f"sqlite:///{layout.router / 'router.db'}"
    return os.environ.get("HONE_ROUTER_DATABASE") or settings.router.database or default


def router_redis(settings: Settings) -> str | None:
    """The URL of the Redis that workers share; None: there is none."""
    return os.environ.get("HONE_ROUTER_REDIS") or settings.router.redis


def load_settings(layout: Layout) -> Settings:
    """Reads the settings. Raises `ConfigError` naming file, line and key."""
    return load_config(settings_path(layout), Settings)
