"""What a router process is told at its start. Secrets are not among it: they stand in the environment."""

from pathlib import Path
from typing import Literal

import msgspec

from hone.errors import RouterError
from hone.layout import Layout
from hone.records import Record
from hone.settings import Settings


class Options(Record, frozen=True):
    """Made from `configs/hone.yaml` by a command, handed to the process as JSON."""

    root: str  # the project, which holds dvc.yaml
    host: str
    port: int
    request_timeout_s: float
    drain_timeout_s: float
    workers: int = 1
    tls_cert: str = ""  # path
    tls_key: str = ""
    max_body_bytes: int = 16 * 2**20
    cors_origins: tuple[str, ...] = ()
    database: str = ""  # URL; empty: SQLite under artifacts/router/
    redis: str = ""  # URL; empty: none
    without_redis: Literal["local", "fail_closed"] = "local"
    cache_bytes: int = 0
    cache_s: float = 300.0
    hedge: bool = False
    keep_content: bool = False
    keep_days: int = 0
    traces: str = ""  # OTLP/HTTP address
    model_name: str = ""  # the registered model; for messages

    @property
    def layout(self) -> Layout:
        """The project's paths."""
        root = Path(self.root)
        return Layout(root=root, artifacts=root / "artifacts")

    @property
    def folder(self) -> Path:
        """What the router keeps: its database and journals."""
        return self.layout.router


def options_of(layout: Layout, settings: Settings) -> Options:
    """The options that the settings ask for. Raises `RouterError` where only half of a certificate is named."""
    router = settings.router
    if bool(router.tls_cert) != bool(router.tls_key):
        raise RouterError("`router.tls_cert` and `router.tls_key` belong together; set both or none")
    return Options(
        root=str(layout.root),
        host=router.host,
        port=router.port,
        request_timeout_s=router.request_timeout_s,
        drain_timeout_s=settings.deployment.drain_timeout_s,
        workers=router.workers,
        tls_cert=str(layout.root / router.tls_cert) if router.tls_cert else "",
        tls_key=str(layout.root / router.tls_key) if router.tls_key else "",
        max_body_bytes=int(router.max_body_mb * 2**20),
        cors_origins=router.cors_origins,
        database=router.database or "",
        redis=router.redis or "",
        without_redis=router.without_redis,
        cache_bytes=int(router.cache_mb * 2**20),
        cache_s=router.cache_s,
        hedge=router.hedge,
        keep_content=router.keep_content,
        keep_days=router.keep_days,
        traces=router.traces or "",
        model_name=settings.registry.model_name,
    )


def read_options(text: str) -> Options:
    """The JSON that `write_options` made. Raises `RouterError`."""
    try:
        return msgspec.json.decode(text, type=Options)
    except msgspec.DecodeError as error:
        raise RouterError(f"these are not a router's options: {error}") from error


def write_options(options: Options) -> str:
    """Options as JSON on one line."""
    return msgspec.json.encode(options).decode()
