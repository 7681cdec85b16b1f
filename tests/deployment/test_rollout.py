"""Deploy, rollback, stop and status on real local processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deployment import health
from deployment.engines import SOURCES, ServerSpec, free_port
from deployment.engines.process import ProcessEngine
from deployment.history import open_history
from deployment.launch import Launch
from deployment.plan import State, state_of
from deployment.rollback import rollback
from deployment.rollout import deploy, events, serving_now, status, stop_all
from hone import daemon
from hone.errors import Busy, DeploymentError, NeverHealthy, NothingToRollBackTo
from hone.files import locked
from hone.layout import Layout
from hone.records import Deployment, Endpoint, ModelVersion, read_record, write_record
from hone.settings import DeploymentSettings, Settings

Deploy = Callable[..., Deployment]


def answer_of(deployment: Deployment, **extra: float) -> str:
    """What a completion says: the fake server answers with its version."""
    body = json.dumps({"prompt": "def", **extra})
    answer = health.request(deployment.url, "POST", "/v1/completions", body, timeout_s=20)
    assert answer.status == 200
    return str(json.loads(answer.body)["choices"][0]["text"])


def no_settings() -> Settings:
    raise AssertionError("a warm rollback reads no settings")


def kinds(layout: Layout) -> list[str]:
    return [f"{event.kind} {event.to_version}" for event in events(layout)]


def test_a_deploy_points_the_endpoint_at_a_server_that_answers(layout: Layout, deploy_version: Deploy) -> None:
    deployment = deploy_version(1)
    endpoint = read_record(layout.endpoint, Endpoint)
    assert endpoint == Endpoint(1, deployment)
    assert answer_of(endpoint.deployment) == "1"
    assert kinds(layout) == ["started 1", "ready 1", "switched 1"]


def test_the_next_version_takes_traffic_and_the_old_one_stays_warm(layout: Layout, deploy_version: Deploy) -> None:
    first, second = deploy_version(1), deploy_version(2)
    found = status(layout)
    assert found.current is not None
    assert (found.generation, found.current.deployment, found.current.ready) == (2, second, True)
    assert [(warm.deployment, warm.ready) for warm in found.warm] == [(first, True)]


def test_what_is_beyond_keep_warm_is_stopped(layout: Layout, deploy_version: Deploy) -> None:
    first, second, third = (deploy_version(number) for number in (1, 2, 3))
    assert daemon.names(layout) == sorted([second.handle, third.handle])
    assert kinds(layout)[-1] == "stopped 1"
    assert not health.is_ready(first)


def test_the_version_that_serves_already_is_left_alone(layout: Layout, deploy_version: Deploy) -> None:
    first = deploy_version(1)
    assert deploy_version(1) == first
    assert len(events(layout)) == 3


def test_a_version_that_serves_but_died_is_started_again(
    layout: Layout, deploy_version: Deploy, engine: ProcessEngine
) -> None:
    first = deploy_version(1)
    engine.stop(first.handle, 0)
    again = deploy_version(1)
    assert again.id != first.id
    assert answer_of(again) == "1"
    assert daemon.names(layout) == [again.handle]


def test_serving_now_is_the_current_deployment_of_that_very_version(
    layout: Layout,
    settings: Settings,
    engine: ProcessEngine,
    deploy_version: Deploy,
    version: Callable[..., ModelVersion],
) -> None:
    first = deploy_version(1)
    assert serving_now(layout, settings, version(1), engine=engine) == first
    assert serving_now(layout, settings, version(2), engine=engine) is None


def test_a_changed_server_is_another_deployment_of_the_same_version(
    layout: Layout, sources: Path, deploy_version: Deploy
) -> None:
    first = deploy_version(1)
    with (sources / "serving" / "__init__.py").open("a") as file:
        file.write("# changed\n")
    assert deploy_version(1).id != first.id


def test_deploying_a_warm_version_switches_without_a_start(layout: Layout, deploy_version: Deploy) -> None:
    first = deploy_version(1)
    deploy_version(2)
    assert deploy_version(1) == first
    assert kinds(layout)[-1] == "switched 1"
    assert kinds(layout).count("started 1") == 1


def test_a_warm_rollback_switches_at_once_and_reads_no_settings(layout: Layout, deploy_version: Deploy) -> None:
    first, second = deploy_version(1), deploy_version(2)
    assert rollback(layout, no_settings) == first
    assert read_record(layout.endpoint, Endpoint) == Endpoint(3, first)
    assert [warm.deployment for warm in status(layout).warm] == [second]


def test_a_rollback_goes_back_and_never_forth(
    layout: Layout, settings: Settings, sources: Path, deploy_version: Deploy
) -> None:
    for number in (1, 2, 3):
        deploy_version(number)
    served = [rollback(layout, lambda: settings, sources=sources).model_version for _ in range(2)]
    assert served == ["2", "1"]
    with pytest.raises(NothingToRollBackTo, match=r"nothing was deployed before version 1; `--to` takes `3`, `2`"):
        rollback(layout, no_settings)


def test_a_cold_rollback_starts_the_earlier_version_from_its_kept_weights(
    layout: Layout, settings: Settings, sources: Path, deploy_version: Deploy, weights: Callable[..., Path]
) -> None:
    for number in (1, 2, 3):
        deploy_version(number)
    (weights(1) / "behaviour").write_text("dies")  # a later run wrote into its output folder
    back = rollback(layout, lambda: settings, to="v1", sources=sources)
    assert answer_of(back) == "1"
    assert status(layout).generation == 4


def test_a_warm_version_that_died_is_started_again_for_a_rollback(
    layout: Layout, settings: Settings, sources: Path, deploy_version: Deploy, engine: ProcessEngine
) -> None:
    first, second = deploy_version(1), deploy_version(2)
    engine.stop(first.handle, 0)
    back = rollback(layout, lambda: settings, sources=sources)
    assert answer_of(back) == "1"
    assert daemon.names(layout) == sorted([back.handle, second.handle])


def test_another_server_on_the_port_of_a_dead_one_is_not_taken_for_it(
    deploy_version: Deploy, engine: ProcessEngine
) -> None:
    first = deploy_version(1)
    engine.stop(first.handle, 0)
    port = int(first.url.rpartition(":")[2])
    spec = ServerSpec("other", "hone-code", "2", first.weights_digest, "", port, 256, 1.0, 1.0)
    handle = engine.start(spec)
    try:
        other = Deployment("other", "hone-code", "2", "", "process", first.url, handle)
        health.wait_ready(other, alive=lambda: True, timeout_s=10)
        assert not health.is_ready(first)
    finally:
        engine.stop(handle, 0)


def test_nothing_deployed_is_nothing_to_roll_back(layout: Layout) -> None:
    with pytest.raises(NothingToRollBackTo, match="nothing is deployed; deploy first"):
        rollback(layout, no_settings)


def test_a_rollback_to_a_version_that_never_served_names_those_that_did(layout: Layout, deploy_version: Deploy) -> None:
    deploy_version(1)
    deploy_version(2)
    with pytest.raises(NothingToRollBackTo, match=r"version 7 never served here \(`--to` takes `1`\)"):
        rollback(layout, no_settings, to="7")


def test_a_rollback_to_what_serves_already_says_so(layout: Layout, deploy_version: Deploy) -> None:
    deploy_version(1)
    with pytest.raises(NothingToRollBackTo, match="version 1 serves already"):
        rollback(layout, no_settings, to="1")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("dies", "ended while starting"),
        ("never ready", r"was not ready within 1 s"),
        ("cannot complete", "its first completion failed: 500 .*the weights are broken"),
    ],
)
def test_a_new_version_that_fails_leaves_the_old_one_serving_and_shows_the_log(
    behaviour: str, message: str, layout: Layout, with_limits: Callable[..., Settings], deploy_version: Deploy
) -> None:
    first = deploy_version(1)
    with pytest.raises(NeverHealthy, match=message) as raised:
        deploy_version(2, behaviour, limits=with_limits(ready_timeout_s=1.0))
    assert f"loading weights that say '{behaviour}'" in raised.value.detail
    assert read_record(layout.endpoint, Endpoint).deployment == first
    assert answer_of(first) == "1"
    assert daemon.names(layout) == [first.handle]
    assert (events(layout)[-1].kind, events(layout)[-1].detail) == ("failed", raised.value.detail)


def test_a_version_that_the_gate_did_not_pass_is_refused_with_its_reasons(
    layout: Layout, deploy_version: Deploy
) -> None:
    with pytest.raises(DeploymentError, match="the gate did not pass version 1") as raised:
        deploy_version(1, passed=False)
    assert raised.value.detail == "pass@1 0.31 is below the floor 0.80"
    assert daemon.names(layout) == []


def test_a_forced_deploy_puts_its_reason_into_the_history(layout: Layout, deploy_version: Deploy) -> None:
    deploy_version(1, passed=False, force="the floor is wrong, see issue 12")
    assert events(layout)[-1].reason == "forced: the floor is wrong, see issue 12"


def test_a_verdict_about_other_bytes_is_refused_even_with_force(
    layout: Layout,
    settings: Settings,
    engine: ProcessEngine,
    version: Callable[..., ModelVersion],
    weights: Callable[..., Path],
) -> None:
    forged = msgspec.structs.replace(version(1), adapter_digest=version(2).adapter_digest)
    with pytest.raises(DeploymentError, match="version 1's verdict is about another adapter"):
        deploy(layout, settings, forged, weights(1), engine=engine, progress=lambda _line: None, force="trust me")


def test_an_empty_weights_folder_is_refused(deploy_version: Deploy) -> None:
    with pytest.raises(DeploymentError, match=r"empty` holds no converted weights"):
        deploy_version(1, weights_from="empty")


def test_two_deploys_at_once_are_one_deploy_and_one_clear_line(layout: Layout, deploy_version: Deploy) -> None:
    with (
        locked(layout.deployments / ".lock", what="test"),
        pytest.raises(Busy, match=rf"another deployment command is already running \(process {os.getpid()}\)"),
    ):
        deploy_version(1)
    assert events(layout) == []


def test_a_port_taken_between_choice_and_start_is_replaced_by_another(
    layout: Layout, engine: ProcessEngine, deploy_version: Deploy
) -> None:
    first = deploy_version(1)
    taken = int(first.url.rpartition(":")[2])  # by somebody who even answers
    offered = iter([taken, free_port()])
    planned = msgspec.structs.replace(first, id="v2-second", model_version="2", handle="", url="")
    with open_history(layout) as history:
        launch = Launch(engine, history, State(), DeploymentSettings(), print, choose_port=lambda _taken: next(offered))
        new = launch.again(planned, reason="")
    assert new.url != first.url
    assert answer_of(new) == "2"


def test_requests_in_flight_finish_before_an_old_deployment_is_stopped(
    with_limits: Callable[..., Settings], deploy_version: Deploy
) -> None:
    none_warm = with_limits(keep_warm=0)
    first = deploy_version(1, limits=none_warm)
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(answer_of(first, fake_seconds=2.5)))
    asking.start()
    time.sleep(0.2)
    deploy_version(2, limits=none_warm)
    asking.join()
    assert answers == ["1"]
    assert not health.is_ready(first)


def test_a_kill_between_history_and_pointer_is_put_right_by_status(layout: Layout, deploy_version: Deploy) -> None:
    first, second = deploy_version(1), deploy_version(2)
    write_record(layout.endpoint, Endpoint(1, first))  # as the kill left it
    found = status(layout)
    assert found.current is not None
    assert found.current.deployment == second
    assert read_record(layout.endpoint, Endpoint) == Endpoint(2, second)


def test_a_torn_or_lost_pointer_is_written_again(layout: Layout, deploy_version: Deploy) -> None:
    first = deploy_version(1)
    layout.endpoint.write_bytes(b"{")
    status(layout)
    assert read_record(layout.endpoint, Endpoint) == Endpoint(1, first)


KILLED_DEPLOY = """
import os, signal, sys
from pathlib import Path
from deployment.engines.process import ProcessEngine
from deployment.history import open_history
from deployment.launch import Launch
from deployment.launch import Launch
from deployment.plan import State
from hone.layout import Layout
from hone.records import Deployment
from hone.settings import DeploymentSettings

root, sources, digest = sys.argv[1:]
layout = Layout(Path(root), Path(root) / "artifacts")
planned = Deployment(
    "v9-killed", "hone-code", "9", "sha256:9", "process", "", "", weights_digest=digest, spec_digest="9"
)
with open_history(layout) as history:
    launch = Launch(ProcessEngine(layout, sources=Path(sources)), history, State(), DeploymentSettings(), print)
    launch.again(planned, reason="")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_deploy_started_is_removed_by_the_next_command(
    layout: Layout, sources: Path, deploy_version: Deploy
) -> None:
    first = deploy_version(1)
    command = [sys.executable, "-c", KILLED_DEPLOY, str(layout.root), str(sources), first.weights_digest]
    killed = subprocess.run(command, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(SOURCES)})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert daemon.names(layout) == sorted([first.handle, "serve-v9-killed"])
    found = status(layout)
    assert found.current is not None
    assert found.current.deployment == first
    assert daemon.names(layout) == [first.handle]


def test_stop_takes_the_endpoint_away_and_ends_everything(
    layout: Layout, settings: Settings, deploy_version: Deploy
) -> None:
    deploy_version(1)
    deploy_version(2)
    assert stop_all(layout, settings, progress=lambda _line: None) == 2
    assert not layout.endpoint.exists()
    assert daemon.names(layout) == []
    assert status(layout).current is None


def test_after_a_stop_the_generation_goes_on_and_the_way_back_is_still_known(
    layout: Layout, settings: Settings, sources: Path, deploy_version: Deploy
) -> None:
    deploy_version(1)
    deploy_version(2)
    stop_all(layout, settings, progress=lambda _line: None)
    deploy_version(2)
    assert read_record(layout.endpoint, Endpoint).generation == 4
    assert rollback(layout, lambda: settings, sources=sources).model_version == "1"


def test_the_history_alone_says_what_serves(layout: Layout, deploy_version: Deploy) -> None:
    second = [deploy_version(1), deploy_version(2)][-1]
    with open_history(layout) as history:
        state = state_of(history.events())
    assert (state.generation, state.current) == (2, second)
