"""Our own deployment on a route: ahead by its evidence, left when it is down, taken back when it returns."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hone.files import write_atomic
from hone.records import Evidence, PassRate, write_record

POLL_S = 0.02
PROOF = [{"suite": "execution", "min_size": 100, "min_low": 0.6}]
CHAT = b'{"model": "hone/code-generation", "messages": [{"role": "user", "content": "write f"}]}'


def prove(router, low=0.9):
    """Evidence on the bytes that run, and the gate's verdict in the deployment's record."""
    tuned = PassRate(passed=190, tasks=200, rate=0.95, low=low, high=1.0)
    write_record(
        router.layout.evaluation / "evidence.json", Evidence("execution", "sha256:0", "", "", "process", tuned=tuned)
    )


def point(router, fake, version="1", verdict="passed", digest="sha256:0"):
    router.point_to(fake, version)
    record = json.loads(router.layout.endpoint.read_bytes())
    record["deployment"] |= {"verdict": verdict, "adapter_digest": digest}
    write_atomic(router.layout.endpoint, json.dumps(record).encode())


def answerer(router):
    reply = router.ask("/v1/chat/completions", body=CHAT)
    assert reply.status == 200
    return reply.headers["x-hone-provider"]


@pytest.fixture
def routed(start_router, model):
    """A router with one cloud provider and our deployment, which has proved itself."""
    router = start_router(model("cloud"), world={"proofs": PROOF})
    router.layout.evaluation.mkdir(parents=True)
    prove(router)
    return router


def test_the_champion_answers_a_route_that_it_has_shown_to_be_good_at(routed, model):
    point(routed, model("ours"))
    assert answerer(routed) == "hone"


def test_without_enough_evidence_the_providers_of_the_route_answer(routed, model):
    prove(routed, low=0.5)
    point(routed, model("ours"))
    assert answerer(routed) == "p0"


def test_what_the_gate_has_not_passed_answers_no_route(routed, model):
    point(routed, model("ours"), verdict="failed")
    assert answerer(routed) == "p0"


def test_a_champion_that_is_stopped_loses_no_request_and_gets_its_traffic_back(routed, model):
    ours = model("ours")
    point(routed, ours)
    assert answerer(routed) == "hone"
    ours.stop()
    assert [answerer(routed) for _ in range(8)] == ["p0"] * 8
    ours.start()
    while answerer(routed) != "hone":
        time.sleep(POLL_S)


@pytest.mark.parametrize("evidence", ["of both", "of the new one alone"])
def test_the_version_header_changes_within_a_second_of_a_rollback(routed, model, evidence):
    point(routed, model("new"), "2")
    assert answerer(routed) == "hone"
    point(routed, model("old"), "1", digest="sha256:0" if evidence == "of both" else "sha256:1")
    reply = routed.ask("/v1/chat/completions", body=CHAT)
    assert reply.headers["x-hone-model-version"] == "hone-code:1"


def test_an_earlier_version_that_the_gate_had_not_passed_gets_no_route_by_a_rollback(routed, model):
    point(routed, model("new"), "2")
    assert answerer(routed) == "hone"
    point(routed, model("old"), "1", verdict="", digest="sha256:1")
    assert answerer(routed) == "p0"


def test_under_load_a_stop_a_start_and_a_rollback_lose_no_request(routed, model):
    new, old = model("new"), model("old")
    point(routed, new, "2")
    ending = threading.Event()
    seen = []  # status and version of each answer, as they came

    def client():
        while not ending.is_set():
            reply = routed.ask("/v1/chat/completions", body=CHAT)
            seen.append((reply.status, reply.headers.get("x-hone-model-version", "cloud")))

    def until(version):
        while seen[-1:] != [(200, version)]:
            time.sleep(POLL_S)

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        try:
            until("hone-code:2")
            new.stop()
            until("cloud")
            new.start()
            until("hone-code:2")
            point(routed, old, "1")
            until("hone-code:1")
        finally:
            ending.set()
        assert [each.result() for each in clients] == [None] * 4
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {"hone-code:2", "cloud", "hone-code:1"}
