"""Where traffic goes now: reads the record `Endpoint` that a deployment's switch writes.

Costs one stat per request; the file is read only when it changed. A torn, absent or wrong file keeps the last
good target. Writes nothing and asks no engine.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from hone.errors import DataError
from hone.records import read_record

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One endpoint as the hot path needs it. Two reads of a changed file give two targets: compare by identity."""

    url: str  # http://host:port, without a final slash
    model_version: str  # name:version
    generation: int
    id: str = ""  # the deployment's
    adapter_digest: str = ""
    chat: bool = True
    verdict: str = ""


class _Deployment(msgspec.Struct):
    model_name: str
    model_version: str
    url: str
    id: str = ""
    adapter_digest: str = ""
    chat: bool = True
    verdict: str = ""


class _Endpoint(msgspec.Struct):
    """What the router needs of `hone.records.Endpoint`. A newer Hone may add fields: a running router reads on."""

    generation: int
    deployment: _Deployment


class Pointer:
    """The endpoint file and the last good target that was read from it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = str(path)
        self._seen: tuple[int, int, int] | None = None
        self._target: Target | None = None

    def current(self) -> Target | None:
        """The target that the file names now; None where there has never been a good one."""
        try:
            stat = os.stat(self._name)  # noqa: PTH116 - half the time of Path.stat, once per request
        except OSError:
            return self._target
        seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._target

    def _read(self) -> None:
        try:
            self._target = _target_of(read_record(self._path, _Endpoint))
        except DataError as error:
            log.warning("endpoint file ignored", error=str(error), kept=self._target.url if self._target else None)


def _target_of(endpoint: _Endpoint) -> Target:
    """The endpoint as a target. Raises `DataError` where it has no http address, or a name that no header can carry."""
    deployment = endpoint.deployment
    model_version = f"{deployment.model_name}:{deployment.model_version}"
    parts = urlsplit(deployment.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DataError(f"the endpoint's url `{deployment.url}` is not an http address")
    if not (model_version.isascii() and model_version.isprintable()):
        raise DataError(f"the endpoint's model version {model_version!r} cannot stand in a header")
    return Target(
        deployment.url.rstrip("/"),
        model_version,
        endpoint.generation,
        deployment.id,
        deployment.adapter_digest,
        deployment.chat,
        deployment.verdict,
    )
