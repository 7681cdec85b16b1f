"""Our own deployments, from the records that deploying them leaves: the endpoint file, and the history beside it.

The endpoint file costs one stat per request and is read when it changed; the history, for those that stand beside the
current one, is read by the keeper. Writes nothing and asks no engine.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from hone.errors import DataError
from hone.layout import Layout
from hone.records import Evidence, ModelVersion, read_record
from router.choose import Measured, Own, measured_of
from router.kinds import Hop
from router.pointer import Pointer, Target
from router.upstream import OURS

log = structlog.get_logger()

R = TypeVar("R", ModelVersion, Evidence)

SERVED = ("switched", "rolled back")
QUERY = "SELECT kind, coalesce(generation, 0), deployment FROM events WHERE id > ? ORDER BY id"


class _Deployment(msgspec.Struct):
    """What the router needs of `hone.records.Deployment`. A newer Hone may add fields: a running router reads on."""

    id: str
    model_name: str
    model_version: str
    url: str
    adapter_digest: str = ""
    verdict: str = ""
    chat: bool = True


class OwnDeployments:
    """The deployments that may be asked now, the one that traffic goes to first."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pointer = Pointer(layout.endpoint)
        self._target: Target | None = None
        self._standing: tuple[_Deployment, ...] = ()
        self._facts: tuple[ModelVersion | None, Evidence | None] = (None, None)
        self._own: tuple[Own, ...] = ()

    @property
    def target(self) -> Target | None:
        """Where traffic goes now."""
        return self._pointer.current()

    def current(self) -> tuple[Own, ...]:
        """All of them; the very same tuple as long as nothing changed."""
        target = self._pointer.current()
        if target is not self._target:
            self._target = target
            self._read_facts()
            self._own = self._made()
        return self._own

    def refresh(self) -> None:
        """Reads which other deployments stand, and what was measured of them. Blocks for a millisecond or two."""
        standing = _standing(self._layout.deployments / "history.db")
        before = self._facts
        self._read_facts()
        if standing != self._standing or self._facts != before:
            self._standing = standing
            self._own = self._made()

    def _read_facts(self) -> None:
        self._facts = (_record(self._layout.registration, ModelVersion), _record(self._evidence, Evidence))

    @property
    def _evidence(self) -> Path:
        return self._layout.evaluation / "evidence.json"

    def _made(self) -> tuple[Own, ...]:
        target = self._target
        if target is None:
            return ()
        current = _Deployment(
            target.id, *_name_and_version(target.model_version), target.url, target.adapter_digest,
            target.verdict, target.chat,
        )  # fmt: skip
        made = [self._own_of(current, target.generation)]
        seen = {target.model_version}
        for deployment in self._standing:
            if (version := f"{deployment.model_name}:{deployment.model_version}") not in seen:
                seen.add(version)
                made.append(self._own_of(deployment, 0))
        return tuple(made)

    def _own_of(self, deployment: _Deployment, generation: int) -> Own:
        """One deployment as the choice weighs it."""
        version, evidence = self._facts
        model_version = f"{deployment.model_name}:{deployment.model_version}"
        aliases: tuple[str, ...] = ()
        verdict = deployment.verdict
        if version is not None and (version.name, version.version) == (deployment.model_name, deployment.model_version):
            aliases = version.aliases
            verdict = "passed" if version.verdict.passed else "failed"
        measured: Measured | None = None
        if evidence is not None and deployment.adapter_digest == evidence.adapter_digest:
            measured = measured_of(evidence)
        hop = Hop(
            provider=OURS,
            model=model_version,
            upstream_model=deployment.model_name,
            wire="openai",
            url=f"{deployment.url.rstrip('/')}/v1",
            model_version=model_version,
            verdict=verdict,
            generation=generation,
        )
        return Own(
            hop=hop,
            aliases=frozenset(aliases),
            measured=(measured,) if measured is not None else (),
            chat=deployment.chat,
            gated=deployment.verdict == "passed",
        )


def _standing(history: Path) -> tuple[_Deployment, ...]:
    """The deployments that have served and were not stopped, the latest first; none where there is no history."""
    if not history.is_file():
        return ()
    standing: list[_Deployment] = []
    try:
        with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True, timeout=0.5)) as connection:
            for kind, _, record in connection.execute(QUERY, (0,)):
                deployment = msgspec.json.decode(record, type=_Deployment)
                if kind == "stopped" or kind in SERVED:
                    standing = [each for each in standing if each.id != deployment.id]
                if kind in SERVED:
                    standing.insert(0, deployment)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        log.warning("the deployment history is not read", error=str(error))
    return tuple(standing)


def _record(path: Path, kind: type[R]) -> R | None:
    try:
        return read_record(path, kind)
    except DataError:
        return None


def _name_and_version(model_version: str) -> tuple[str, str]:
    name, _, version = model_version.rpartition(":")
    return name, version
