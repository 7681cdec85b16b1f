"""The router follows the endpoint file and loses nothing while it changes."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.load import run_load
from bench.rollout import measure_rollout
from hone.files import write_atomic

POLL_S = 0.01
BODY = {"model": "hone-code", "prompt": "def f():"}


def test_the_request_after_a_switch_goes_to_the_new_version(router, model):
    old, new = model("old"), model("new")
    router.point_to(old, "1")
    assert router.ask().text == "old"
    router.point_to(new, "2")
    reply = router.ask()
    assert (reply.text, reply.headers["x-hone-model-version"]) == ("new", "hone-code:2")


def test_three_switches_with_the_old_server_stopped_each_time_lose_no_request(router, model):
    models = [model(f"v{number}") for number in range(4)]
    router.point_to(models[0], "0")

    def switch_thrice():
        for number in (1, 2, 3):
            before = len(models[number].requests)
            router.point_to(models[number], str(number))
            models[number - 1].stop()
            while len(models[number].requests) < before + 50:
                time.sleep(POLL_S)

    report = run_load(router.url, clients=8, requests=800, body=BODY, during=switch_thrice)
    assert report.failures == {}
    assert set(report.versions) == {f"hone-code:{number}" for number in range(4)}


def test_the_rollout_bench_counts_what_a_switching_command_loses(router, model):
    router.point_to(model("old"), "1")
    before = router.layout.endpoint.read_bytes()
    router.point_to(model("new"), "2")
    after = router.layout.root / "after.json"
    router.layout.endpoint.rename(after)
    write_atomic(router.layout.endpoint, before)
    report = measure_rollout(router.url, ["mv", str(after), str(router.layout.endpoint)], body=BODY, requests=200)
    assert report.failures == {}
    assert list(report.versions) == ["hone-code:1", "hone-code:2"]
    assert report.switch_ms is not None


def test_a_switching_command_that_fails_is_an_error_of_the_bench(router, model):
    router.point_to(model("v1"))
    with pytest.raises(subprocess.CalledProcessError):
        measure_rollout(router.url, "exit 3", body=BODY, clients=1, requests=4)


def test_the_load_client_counts_a_cut_stream_as_lost(router, model):
    async def cut(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("def"))
        await writer.drain()
        writer.transport.close()

    router.point_to(model("v1", cut))
    report = run_load(router.url, clients=1, requests=3, body={**BODY, "stream": True})
    assert report.failures == {"error event": 3}


def test_a_deployment_that_is_down_for_a_moment_is_waited_for(new_router, model):
    fake = model("v1")
    new_router.point_to(fake)
    fake.stop()

    with ThreadPoolExecutor() as pool:
        asked = pool.submit(new_router.ask)
        while new_router.metric("hone_router_in_flight") < 1:
            time.sleep(POLL_S)
        fake.start()
        assert asked.result().text == "v1"


def test_a_connection_closed_before_the_answer_is_tried_again(router, model, healthy):
    async def reset_once(fake, request, writer):
        if request.number == 0:
            writer.transport.abort()
        else:
            await healthy(fake, request, writer)

    router.point_to(model("v1", reset_once))
    reply = router.ask()
    assert (reply.text, reply.headers["x-hone-attempts"]) == ("v1", "2")


def test_an_answer_cut_inside_its_body_is_tried_again_as_long_as_the_client_has_seen_nothing(router, model, healthy):
    async def cut_once(fake, request, writer):
        if request.number == 0:
            writer.write(fake.response({"choices": []})[:-5])
            await writer.drain()
            writer.transport.close()
        else:
            await healthy(fake, request, writer)

    router.point_to(model("v1", cut_once))
    reply = router.ask()
    assert (reply.text, reply.headers["x-hone-attempts"]) == ("v1", "2")


def test_kept_connections_that_the_server_closes_at_its_next_request_cost_nothing(router, model, healthy):
    async def close_on_second(fake, request, writer):
        if getattr(writer, "used", False):
            writer.transport.abort()
        else:
            writer.used = True
            await healthy(fake, request, writer)

    router.point_to(model("v1", close_on_second))
    assert [router.ask().status for _ in range(5)] == [200] * 5


def test_a_server_that_says_it_is_draining_is_left_for_the_one_the_file_names_now(router, model):
    new = model("new")

    async def drain(fake, request, writer):
        router.point_to(new, "2")
        writer.write(fake.response({"error": {"code": "draining"}}, "503 Service Unavailable"))

    router.point_to(model("old", drain), "1")
    reply = router.ask()
    assert (reply.status, reply.text, reply.headers["x-hone-attempts"]) == (200, "new", "2")


def test_a_server_that_still_loads_its_model_is_waited_for(router, model, healthy):
    async def load_once(fake, request, writer):
        if request.number == 0:
            writer.write(fake.response({"error": {"code": "loading"}}, "503 Service Unavailable"))
        else:
            await healthy(fake, request, writer)

    router.point_to(model("v1", load_once))
    assert router.ask().status == 200


def test_a_request_that_always_ends_the_connection_is_given_up(router, model):
    async def always_reset(fake, request, writer):
        writer.transport.abort()

    fake = model("v1", always_reset)
    router.point_to(fake)
    reply = router.ask()
    assert reply.status == 502
    assert "`hone-code:1`" in reply.json["error"]["message"]
    assert len([request for request in fake.requests if request.method == "POST"]) == 6


def test_an_endpoint_that_stays_down_is_named_in_a_504(start_router, model):
    router, fake = start_router(request_timeout_s=1.0), model("v1")
    router.point_to(fake)
    fake.stop()
    reply = router.ask()
    assert reply.status == 504
    assert fake.url in reply.json["error"]["message"]


def test_an_unreadable_endpoint_file_keeps_the_last_good_one(router, model):
    router.point_to(model("v1"))
    assert router.ask().status == 200
    endpoint = router.layout.endpoint
    whole = endpoint.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"[]", whole.replace(b"http://", b"file:///")):
        endpoint.write_bytes(content)
        assert router.ask().text == "v1"
    endpoint.unlink()
    assert router.ask().text == "v1"


def test_fields_of_a_newer_hone_do_not_stop_the_router_from_following(router, model):
    router.point_to(model("v1"))
    record = json.loads(router.layout.endpoint.read_bytes())
    record["deployment"]["from_the_future"] = 1
    router.layout.endpoint.write_text(json.dumps(record))
    assert router.ask().status == 200


def test_without_any_deployment_the_answer_is_a_503_that_says_what_to_do(new_router):
    reply = new_router.ask()
    assert reply.status == 503
    assert reply.headers["retry-after"] == "5"
    assert "`hone deploy champion`" in reply.json["error"]["message"]
