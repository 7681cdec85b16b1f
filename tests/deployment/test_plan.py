"""The plan: folding the history, what to start or reuse, where back is, what may stop."""

import msgspec
import pytest

from deployment.history import Event, Kind
from deployment.plan import Step, beyond_warm, orphans, plan_deploy, rollback_target, state_of
from hone.errors import NothingToRollBackTo
from hone.records import Deployment


def at(version: str, *, instance: str = "") -> Deployment:
    """A deployment; those of one version have one spec and differ by instance."""
    name = f"v{version}{instance}"
    return Deployment(
        name, "m", version, f"sha256:{version}", "docker", "", f"hone-{name}", spec_digest=f"spec{version}"
    )


def events(*steps: tuple[Kind, Deployment]) -> list[Event]:
    """Events in this order; those that move traffic count up the generation."""
    made: list[Event] = []
    generation = 0
    for number, (kind, deployment) in enumerate(steps):
        moves = kind in ("switched", "rolled back")
        generation += moves
        made.append(
            Event(
                number, 0.0, kind, "a@b", "", deployment.model_version, "", "", generation if moves else 0, deployment
            )
        )
    return made


def test_no_history_is_no_deployment() -> None:
    assert state_of([]).current is None


def test_the_last_switch_serves() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2"))))
    assert (state.generation, state.current) == (2, at("2"))


def test_a_failed_deploy_changes_nothing() -> None:
    before = events(("switched", at("1")))
    assert state_of([*before, *events(("started", at("2")), ("failed", at("2")))]) == state_of(before)


def test_a_stopped_warm_deployment_stands_no_longer() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2")), ("stopped", at("1"))))
    assert state.standing == (at("2"),)


def test_a_stop_that_moves_traffic_leaves_no_endpoint() -> None:
    taken_down = msgspec.structs.replace(events(("stopped", at("1")))[0], generation=2)
    state = state_of([*events(("switched", at("1"))), taken_down])
    assert (state.generation, state.current, state.standing) == (2, None, ())


def test_the_current_one_is_kept_where_it_answers() -> None:
    state = state_of(events(("switched", at("1"))))
    assert plan_deploy(state, "spec1", {"v1"}) == Step("keep", at("1"))


def test_a_warm_one_is_switched_to() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2"))))
    assert plan_deploy(state, "spec1", {"v1", "v2"}) == Step("switch", at("1"))


def test_what_does_not_answer_or_was_never_there_is_started() -> None:
    state = state_of(events(("switched", at("1"))))
    assert plan_deploy(state, "spec1", set()) == Step("start")
    assert plan_deploy(state, "spec2", {"v1"}) == Step("start")


def test_back_is_what_served_before() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2"))))
    assert rollback_target(state, None) == at("1")


def test_back_after_a_rollback_is_earlier_still() -> None:
    history = events(("switched", at("1")), ("switched", at("2")), ("switched", at("3")), ("rolled back", at("2")))
    assert rollback_target(state_of(history), None) == at("1")


def test_back_after_a_rollback_and_a_deploy_skips_what_was_rolled_back() -> None:
    history = events(("switched", at("1")), ("switched", at("2")), ("rolled back", at("1")), ("switched", at("3")))
    assert rollback_target(state_of(history), None) == at("1")


def test_a_restart_of_the_same_is_no_step_on_the_way_back() -> None:
    history = events(("switched", at("1")), ("switched", at("2")), ("switched", at("2", instance="again")))
    assert rollback_target(state_of(history), None) == at("1")


def test_a_version_that_was_rolled_back_can_be_named_again() -> None:
    history = events(("switched", at("1")), ("switched", at("2")), ("rolled back", at("1")), ("stopped", at("2")))
    assert rollback_target(state_of(history), "2") == at("2")


def test_the_first_deployment_has_nothing_before_it() -> None:
    with pytest.raises(NothingToRollBackTo, match=r"nothing was deployed before version 1$"):
        rollback_target(state_of(events(("switched", at("1")))), None)


def test_the_latest_to_have_served_stay_warm() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2")), ("switched", at("3"))))
    assert beyond_warm(state, 1) == (at("1"),)
    assert beyond_warm(state, 0) == (at("2"), at("1"))
    assert beyond_warm(state, 2) == ()


def test_a_dead_one_that_was_started_anew_need_not_stand() -> None:
    history = events(("switched", at("1")), ("switched", at("2")), ("rolled back", at("1", instance="again")))
    assert beyond_warm(state_of(history), 2) == (at("1"),)


def test_an_orphan_is_what_no_standing_deployment_of_that_engine_has() -> None:
    state = state_of(events(("switched", at("1")), ("switched", at("2")), ("stopped", at("1"))))
    assert orphans(state, "docker", ["hone-v1", "hone-v2", "hone-v3"]) == ("hone-v1", "hone-v3")
    assert orphans(state, "process", ["hone-v2"]) == ("hone-v2",)
