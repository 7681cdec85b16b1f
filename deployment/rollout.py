"""Deploy, rollback, stop and status. Always: start new → healthy → switch → drain → keep the old one warm.

Every step is in the history before or after it is done, so that a run killed anywhere leaves the old deployment
serving, and the next run puts right what it left. Downloads and converts nothing: it is handed weights.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from deployment import health
from deployment.engines import SOURCES, Engine, Progress, open_engine
from deployment.history import Event, History, Kind, open_history
from deployment.plan import State, beyond_warm, orphans, plan_deploy, rollback_target, state_of
from deployment.sources import server_digest
from hone.errors import Busy, DeploymentError, EngineUnavailable, HoneError, NothingToRollBackTo
from hone.files import locked, sha256_bytes, write_atomic
from hone.layout import Layout
from hone.records import Deployment, Endpoint, ModelVersion, Record, to_json, write_record

if TYPE_CHECKING:  # a warm rollback reads no settings: pydantic and YAML would take half of its time
    from hone.settings import Settings

FOLLOW_S = 1.0  # the router follows a switch within this time; only then may the one it left be stopped

log = structlog.get_logger()


class Standing(Record, frozen=True):
    """A deployment that should be running, and whether it is ready now."""

    deployment: Deployment
    ready: bool


class Status(Record, frozen=True):
    """Where traffic goes, and what stands ready for a rollback."""

    generation: int
    current: Standing | None
    warm: tuple[Standing, ...]


def deploy(
    layout: Layout,
    settings: "Settings",
    version: ModelVersion,
    weights: Path,
    *,
    engine: Engine,
    progress: Progress,
    force: str | None = None,
) -> Deployment:
    """Brings a model version to traffic; does nothing where it serves already and is ready.

    `weights` is the converted folder. A version whose verdict did not pass is refused unless `force` gives a reason,
    which goes into the history. On any failure the old deployment goes on serving and nothing of the new one is left.
    """
    from deployment.launch import Launch

    check_verdict(version, force)
    reason = f"forced: {force}" if force is not None and not version.verdict.passed else ""
    with _exclusively(layout), open_history(layout) as history:
        state = _recover(layout, history)
        spec_digest = _spec_digest(settings, version, engine)
        step = plan_deploy(state, spec_digest, _answering(state, spec_digest))
        if step.action == "keep" and step.deployment:
            progress(f"version {version.version} serves already")
            return step.deployment
        launch = Launch(engine, history, state, settings.deployment, progress)
        new = step.deployment or launch.version(version, weights, spec_digest=spec_digest, reason=reason)
        _switch(layout, history, state, new, "switched", reason=reason)
        progress(f"traffic goes to version {version.version} at {new.url}")
        _stop_beyond(layout, history, settings, progress)
        return new


def serving_now(layout: Layout, settings: "Settings", version: ModelVersion, *, engine: Engine) -> Deployment | None:
    """The current deployment where it is this very version and is ready: a deploy would then do nothing."""
    with open_history(layout) as history:
        current = state_of(history.events()).current
    wanted = _spec_digest(settings, version, engine)
    return current if current and current.spec_digest == wanted and health.is_ready(current) else None


def rollback(
    layout: Layout,
    settings: "Callable[[], Settings]",
    *,
    to: str | None = None,
    progress: Progress = lambda _line: None,
    sources: Path = SOURCES,
) -> Deployment:
    """Takes traffic back to the deployment before the current one, or to version `to`.

    A warm one takes it at once, and takes the current one's place among the warm: nothing is started or stopped.
    A cold one is started again from its image or weights; only then is `settings` called.
    Raises `NothingToRollBackTo`.
    """
    with _exclusively(layout), open_history(layout) as history:
        state = state_of(history.events())
        target = rollback_target(state, to)
        warm = next((each for each in state.standing if each.spec_digest == target.spec_digest), None)
        if warm is None or not health.is_ready(warm):
            return _start_again(layout, history, target, settings=settings(), progress=progress, sources=sources)
        if warm == state.current:
            raise NothingToRollBackTo(f"version {warm.model_version} serves already")
        _switch(layout, history, state, warm, "rolled back", reason="")
        return warm


def _start_again(
    layout: Layout, history: History, target: Deployment, *, settings: "Settings", progress: Progress, sources: Path
) -> Deployment:
    """The cold rollback: starts an earlier deployment again, then switches as a deploy does."""
    from deployment.launch import Launch, new_id

    progress(f"version {target.model_version} is not warm; starting it again")
    state = _recover(layout, history)
    engine = open_engine(layout, target.engine, base_image=settings.deployment.base_image, sources=sources)
    planned = msgspec.structs.replace(
        target, id=new_id(target.model_version), handle="", url="", started_at=time.time(), start_to_ready_s=0.0
    )
    launch = Launch(engine, history, state, settings.deployment, progress)
    new = launch.again(planned, reason="for a rollback")
    _switch(layout, history, state, new, "rolled back", reason="")
    _stop_beyond(layout, history, settings, progress)
    return new


def status(layout: Layout) -> Status:
    """Where traffic goes and what is warm. Puts right what a killed run left, unless another command is at work."""
    with open_history(layout) as history:
        try:
            with _exclusively(layout):
                state = _recover(layout, history)
        except Busy:
            state = state_of(history.events())
    standing = [Standing(each, health.is_ready(each)) for each in state.standing]
    current = next((each for each in standing if each.deployment == state.current), None)
    return Status(state.generation, current, tuple(each for each in standing if each is not current))


def events(layout: Layout) -> list[Event]:
    """Everything that happened, oldest first."""
    with open_history(layout) as history:
        return history.events()


def stop_all(layout: Layout, settings: "Settings", *, progress: Progress) -> int:
    """Takes the endpoint away, then stops every deployment gracefully. Returns how many there were."""
    with _exclusively(layout), open_history(layout) as history:
        state = _recover(layout, history)
        if state.current:
            history.append("stopped", state.current, reason="taken down", generation=state.generation + 1)
            layout.endpoint.unlink(missing_ok=True)
        for deployment in state.standing:
            progress(f"stopping version {deployment.model_version}")
            stopped = _stopped(layout, deployment, settings)
            if deployment != state.current:
                history.append("stopped", deployment, reason="taken down" if stopped else "its engine does not answer")
        return len(state.standing)


def check_verdict(version: ModelVersion, force: str | None) -> None:
    """Refuses a version that the gate did not pass, or whose verdict is about other bytes."""
    if force is not None and not force.strip():
        raise DeploymentError("`--force` needs a reason; it is written into the deployment history")
    if version.verdict.adapter_digest != version.adapter_digest:
        raise DeploymentError(
            f"version {version.version}'s verdict is about another adapter ({version.verdict.adapter_digest[:19]}…, "
            f"not {version.adapter_digest[:19]}…); run `hone repro` so that the gate judges this one"
        )
    if not version.verdict.passed and force is None:
        raise DeploymentError(
            f"the gate did not pass version {version.version}, so it gets no traffic; "
            "see the reasons above, or insist with `--force REASON`",
            detail="\n".join(version.verdict.reasons),
        )


def _switch(layout: Layout, history: History, state: State, new: Deployment, kind: Kind, *, reason: str) -> None:
    """The one moment at which traffic moves: a row in the history, then the pointer that the router reads."""
    generation = state.generation + 1
    try:
        history.append(kind, new, from_version=state.serving, reason=reason, generation=generation)
    except (HoneError, sqlite3.Error):
        if new not in state.standing:
            open_engine(layout, new.engine).stop(new.handle, 0)
        raise
    write_record(layout.endpoint, Endpoint(generation, new))


def _stop_beyond(layout: Layout, history: History, settings: "Settings", progress: Progress) -> None:
    """Drains and stops what is warm beyond `keep_warm`. What cannot be stopped now is tried again next time."""
    keep_warm = settings.deployment.keep_warm
    left = beyond_warm(state_of(history.events()), keep_warm)
    if left and keep_warm == 0:
        time.sleep(FOLLOW_S)
    for deployment in left:
        progress(f"draining and stopping version {deployment.model_version}")
        if _stopped(layout, deployment, settings):
            history.append("stopped", deployment, reason="no longer kept warm")


def _stopped(layout: Layout, deployment: Deployment, settings: "Settings") -> bool:
    """Stops one gracefully; False, and a warning, where its engine does not answer."""
    try:
        open_engine(layout, deployment.engine).stop(deployment.handle, settings.deployment.drain_timeout_s)
    except EngineUnavailable as error:
        log.warning("not stopped", deployment=deployment.id, error=str(error))
        return False
    return True


def _recover(layout: Layout, history: History) -> State:
    """Puts right what a killed run left: the pointer behind the history, and servers that nothing stands behind."""
    recorded = history.events()
    state = state_of(recorded)
    if state.current is None:
        layout.endpoint.unlink(missing_ok=True)
    else:
        pointer = to_json(Endpoint(state.generation, state.current))
        if not layout.endpoint.is_file() or layout.endpoint.read_bytes() != pointer:
            write_atomic(layout.endpoint, pointer)
    for name in sorted({event.deployment.engine for event in recorded}):
        with suppress(EngineUnavailable):
            engine = open_engine(layout, name)
            for handle in orphans(state, name, engine.handles()):
                log.warning("removing an orphan", engine=name, handle=handle)
                engine.stop(handle, 0)
    return state


def _answering(state: State, spec_digest: str) -> list[str]:
    """The ids of those standing deployments of this spec that are ready."""
    return [each.id for each in state.standing if each.spec_digest == spec_digest and health.is_ready(each)]


def _exclusively(layout: Layout) -> AbstractContextManager[None]:
    return locked(layout.deployments / ".lock", what="another deployment command")


def _spec_digest(settings: "Settings", version: ModelVersion, engine: Engine) -> str:
    """Over everything that decides how a deployment answers: two with equal digests can stand in for each other."""
    limits = settings.deployment
    lineage = (version.name, version.version, version.adapter_digest, version.base_digest)
    parts = (lineage, engine.name, limits.memory_mb, limits.cpus, server_digest(engine.sources))
    return sha256_bytes(msgspec.json.encode(parts))
