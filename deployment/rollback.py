"""Takes traffic back. The warm path is short and imports little: it has 300 ms, the start of the process included.

No settings (pydantic, YAML), no structlog, no Docker SDK unless an earlier deployment has to be started again.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deployment import health
from deployment.engines import SOURCES, Progress, open_engine
from deployment.history import History, open_history
from deployment.plan import rollback_target, state_of
from deployment.traffic import exclusively, switch
from hone.errors import NothingToRollBackTo
from hone.layout import Layout
from hone.records import Deployment

if TYPE_CHECKING:
    from hone.settings import Settings


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
    with exclusively(layout), open_history(layout) as history:
        state = state_of(history.events())
        target = rollback_target(state, to)
        warm = next((each for each in state.standing if each.spec_digest == target.spec_digest), None)
        if warm is None or not health.is_ready(warm):
            return _start_again(layout, history, target, settings=settings(), progress=progress, sources=sources)
        if warm == state.current:
            raise NothingToRollBackTo(f"version {warm.model_version} serves already")
        switch(layout, history, state, warm, "rolled back", reason="")
        return warm


def _start_again(
    layout: Layout, history: History, target: Deployment, *, settings: "Settings", progress: Progress, sources: Path
) -> Deployment:
    """The cold rollback: starts an earlier deployment again, then switches as a deploy does."""
    from deployment.launch import Launch, new_id
    from deployment.rollout import recover, stop_beyond

    progress(f"version {target.model_version} is not warm; starting it again")
    state = recover(layout, history)
    engine = open_engine(layout, target.engine, base_image=settings.deployment.base_image, sources=sources)
    planned = msgspec.structs.replace(
        target, id=new_id(target.model_version), handle="", url="", started_at=time.time(), start_to_ready_s=0.0
    )
    launch = Launch(engine, history, state, settings.deployment, progress)
    new = launch.again(planned, reason="for a rollback")
    switch(layout, history, state, new, "rolled back", reason="")
    stop_beyond(layout, history, settings, progress)
    return new
