"""Pure decisions: what serves by the history, what a deploy or rollback has to do, and what is no longer needed."""

from collections.abc import Collection, Iterable
from typing import Literal

from deployment.history import Event
from hone.errors import NothingToRollBackTo
from hone.records import Deployment, Record


class State(Record, frozen=True):
    """What the history says. `line` is the way back: the last one serves now, a rollback takes the one before."""

    generation: int = 0
    current: Deployment | None = None
    standing: tuple[Deployment, ...] = ()  # should be running: the current one, then the latest to have served
    line: tuple[Deployment, ...] = ()  # oldest first
    served: tuple[Deployment, ...] = ()  # every one that ever served, its latest last

    @property
    def serving(self) -> str:
        """The version that serves; empty for none."""
        return self.current.model_version if self.current else ""


class Step(Record, frozen=True):
    """What a deploy has to do: `keep` the current one, `switch` to a warm one, or `start` a new one."""

    action: Literal["keep", "switch", "start"]
    deployment: Deployment | None = None  # the one to keep or to switch to


def state_of(events: Iterable[Event]) -> State:
    """Folds the history, oldest event first."""
    generation, current = 0, None
    standing: list[Deployment] = []
    line: list[Deployment] = []
    served: dict[str, Deployment] = {}
    for event in events:
        generation = event.generation or generation
        if event.kind == "stopped":
            standing = [each for each in standing if each.id != event.deployment.id]
            current = None if event.generation else current
        elif event.kind in ("switched", "rolled back"):
            current = event.deployment
            standing = [current, *(each for each in standing if each.id != current.id)]
            line = _extended(line, current, back=event.kind == "rolled back")
            served.pop(current.spec_digest, None)
            served[current.spec_digest] = current
    return State(generation, current, tuple(standing), tuple(line), tuple(served.values()))


def _extended(line: list[Deployment], new: Deployment, *, back: bool) -> list[Deployment]:
    """A deploy goes on at the end; a rollback cuts off what came after its target."""
    places = [place for place, each in enumerate(line) if each.spec_digest == new.spec_digest]
    if places and (back or places[-1] == len(line) - 1):
        return [*line[: places[-1]], new]
    return [*line, new]


def plan_deploy(state: State, spec_digest: str, answering: Collection[str]) -> Step:
    """What to do so that `spec_digest` serves. `answering` holds the ids of the standing deployments that are ready."""
    for deployment in state.standing:
        if deployment.spec_digest == spec_digest and deployment.id in answering:
            kept = state.current is not None and deployment.id == state.current.id
            return Step("keep" if kept else "switch", deployment)
    return Step("start")


def rollback_target(state: State, to: str | None) -> Deployment:
    """The deployment to go back to: the one before the current, or the latest of version `to`.

    Raises `NothingToRollBackTo` naming the versions that there are.
    """
    if state.current is None:
        raise NothingToRollBackTo("nothing is deployed; deploy first (`hone deploy champion`)")
    others = [each for each in state.served if each.model_version != state.current.model_version]
    known = ", ".join(f"`{version}`" for version in dict.fromkeys(each.model_version for each in others))
    if to is None:
        if len(state.line) > 1:
            return state.line[-2]
        forward = f"; `--to` takes {known}" if known else ""
        raise NothingToRollBackTo(f"nothing was deployed before version {state.current.model_version}{forward}")
    wanted = to.removeprefix("v")
    if wanted == state.current.model_version:
        return state.current
    for deployment in reversed(others):
        if deployment.model_version == wanted:
            return deployment
    there = f" (`--to` takes {known})" if known else ""
    raise NothingToRollBackTo(f"version {wanted} never served here{there}; try `hone deploy version {wanted}`")


def beyond_warm(state: State, keep_warm: int) -> tuple[Deployment, ...]:
    """The standing deployments that need not stand any longer: all but the current and the `keep_warm` latest.

    Of several with the same spec, the latest stands for all (the others died, or it would not have been started).
    """
    latest = {each.spec_digest: each for each in reversed(state.standing)}
    warm = [each for each in state.standing if each != state.current and latest[each.spec_digest] == each]
    kept = warm[:keep_warm]
    return tuple(each for each in state.standing if each != state.current and each not in kept)


def orphans(state: State, engine: str, handles: Iterable[str]) -> tuple[str, ...]:
    """Of the handles that an engine has, those that no deployment in the history stands behind."""
    standing = {each.handle for each in state.standing if each.engine == engine}
    return tuple(handle for handle in handles if handle not in standing)
