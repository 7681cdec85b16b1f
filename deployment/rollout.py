"""Deploy, stop and status. Always: start new → healthy → switch → drain → keep the old one warm.

Every step is in the history before or after it is done, so that a run killed anywhere leaves the old deployment
serving, and the next run puts right what it left. Downloads and converts nothing: it is handed weights.
"""

import time
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from deployment import health
from deployment.engines import Engine, Progress, open_engine
from deployment.history import Event, History, open_history
from deployment.launch import Launch
from deployment.plan import State, beyond_warm, orphans, plan_deploy, state_of
from deployment.sources import server_digest
from deployment.traffic import exclusively, switch
from hone.errors import Busy, DeploymentError, EngineUnavailable
from hone.files import sha256_bytes, write_atomic
from hone.layout import Layout
from hone.records import Deployment, Endpoint, ModelVersion, Record, to_json
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
    settings: Settings,
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
    check_verdict(version, force)
    reason = f"forced: {force}" if force is not None and not version.verdict.passed else ""
    with exclusively(layout), open_history(layout) as history:
        state = recover(layout, history)
        spec_digest = _spec_digest(settings, version, engine)
        step = plan_deploy(state, spec_digest, _answering(state, spec_digest))
        if step.action == "keep" and step.deployment:
            progress(f"version {version.version} serves already")
            return step.deployment
        launch = Launch(engine, history, state, settings.deployment, progress)
        new = step.deployment or launch.version(version, weights, spec_digest=spec_digest, reason=reason)
        switch(layout, history, state, new, "switched", reason=reason)
        progress(f"traffic goes to version {version.version} at {new.url}")
        stop_beyond(layout, history, settings, progress)
        return new


def serving_now(layout: Layout, settings: Settings, version: ModelVersion, *, engine: Engine) -> Deployment | None:
    """The current deployment where it is this very version and is ready: a deploy would then do nothing."""
    with open_history(layout) as history:
        current = state_of(history.events()).current
    wanted = _spec_digest(settings, version, engine)
    return current if current and current.spec_digest == wanted and health.is_ready(current) else None


def status(layout: Layout) -> Status:
    """Where traffic goes and what is warm. Puts right what a killed run left, unless another command is at work."""
    with open_history(layout) as history:
        try:
            with exclusively(layout):
                state = recover(layout, history)
        except Busy:
            state = state_of(history.events())
    standing = [Standing(each, health.is_ready(each)) for each in state.standing]
    current = next((each for each in standing if each.deployment == state.current), None)
    return Status(state.generation, current, tuple(each for each in standing if each is not current))


def events(layout: Layout) -> list[Event]:
    """Everything that happened, oldest first."""
    with open_history(layout) as history:
        return history.events()


def stop_all(layout: Layout, settings: Settings, *, progress: Progress) -> int:
    """Takes the endpoint away, then stops every deployment gracefully. Returns how many there were."""
    with exclusively(layout), open_history(layout) as history:
        state = recover(layout, history)
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


def stop_beyond(layout: Layout, history: History, settings: Settings, progress: Progress) -> None:
    """Drains and stops what is warm beyond `keep_warm`. What cannot be stopped now is tried again next time."""
    keep_warm = settings.deployment.keep_warm
    left = beyond_warm(state_of(history.events()), keep_warm)
    if left and keep_warm == 0:
        time.sleep(FOLLOW_S)
    for deployment in left:
        progress(f"draining and stopping version {deployment.model_version}")
        if _stopped(layout, deployment, settings):
            history.append("stopped", deployment, reason="no longer kept warm")


def _stopped(layout: Layout, deployment: Deployment, settings: Settings) -> bool:
    """Stops one gracefully; False, and a warning, where its engine does not answer."""
    try:
        open_engine(layout, deployment.engine).stop(deployment.handle, settings.deployment.drain_timeout_s)
    except EngineUnavailable as error:
        log.warning("not stopped", deployment=deployment.id, error=str(error))
        return False
    return True


def recover(layout: Layout, history: History) -> State:
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


def _spec_digest(settings: Settings, version: ModelVersion, engine: Engine) -> str:
    """Over everything that decides how a deployment answers: two with equal digests can stand in for each other."""
    limits = settings.deployment
    lineage = (version.name, version.version, version.adapter_digest, version.base_digest)
    parts = (lineage, engine.name, limits.memory_mb, limits.cpus, server_digest(engine.sources))
    return sha256_bytes(msgspec.json.encode(parts))
