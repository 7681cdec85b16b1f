"""Streams: passed on as they come, ended honestly, and ended upstream when the client leaves."""

import asyncio
import signal
import threading
import time

import openai
import pytest

POLL_S = 0.01


async def pause(fake):
    """Holds a behaviour until the test says `proceed`."""
    await asyncio.to_thread(fake.proceed.wait, 20)


@pytest.fixture
def two_words():
    """A stream that pauses between its two words."""

    async def behave(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one"))
        await writer.drain()
        await pause(fake)
        writer.write(fake.event("two") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    return behave


def test_each_event_is_passed_on_at_once(router, model, two_words):
    fake = model("v1", two_words)
    router.point_to(fake)
    response = router.stream()
    assert b'"one"' in response.readline()
    fake.proceed.set()
    rest = response.read()
    assert b'"two"' in rest
    assert rest.endswith(b"data: [DONE]\n\n")


def test_a_stream_cut_after_content_ends_with_an_error_event(router, model):
    async def cut(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one") + b'9\r\ndata: {"i\r\n')
        await writer.drain()
        writer.transport.close()

    router.point_to(model("v1", cut))
    events = router.stream().read().split(b"\n\n")
    assert b'"one"' in events[0]
    assert events[1].startswith(b'data: {"error":')
    assert b'"code":"stream_cut"' in events[1]
    assert events[2:] == [b""]


def test_a_stream_that_ends_cleanly_without_its_last_event_is_a_cut_one(router, model):
    async def forget(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one") + b"0\r\n\r\n")

    router.point_to(model("v1", forget))
    assert b'"code":"stream_cut"' in router.stream().read()


def test_a_stream_cut_before_its_first_event_is_tried_again(router, model, healthy):
    async def cut_once(fake, request, writer):
        if request.number:
            await healthy(fake, request, writer)
        else:
            writer.write(fake.stream_head())
            await writer.drain()
            writer.transport.close()

    router.point_to(model("v1", cut_once))
    response = router.stream()
    assert response.headers["x-hone-attempts"] == "2"
    assert response.read().endswith(b"data: [DONE]\n\n")


def test_a_stream_over_the_time_limit_ends_with_an_error_event(start_router, model, two_words):
    router = start_router(request_timeout_s=0.5)
    router.point_to(model("v1", two_words))
    assert b'"code":"upstream_timeout"' in router.stream().read()


def test_a_client_that_leaves_mid_stream_ends_the_request_upstream(new_router, model):
    async def for_ever(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one"))
        while not request.abandoned:
            await asyncio.sleep(POLL_S)
        fake.cancelled.set()

    fake = model("v1", for_ever)
    new_router.point_to(fake)
    response = new_router.stream()
    response.readline()
    response.close()
    assert fake.cancelled.wait(10)
    assert new_router.metric("hone_router_clients_gone_total") == 1


def test_a_client_that_leaves_before_the_answer_ends_the_request_upstream(router, model):
    async def silent(fake, request, writer):
        fake.proceed.set()
        while not request.abandoned:
            await asyncio.sleep(POLL_S)
        fake.cancelled.set()

    fake = model("v1", silent)
    router.point_to(fake)
    connection = router.connect()
    connection.request("POST", "/v1/completions", b"{}")
    assert fake.proceed.wait(10)
    connection.close()
    assert fake.cancelled.wait(10)


def test_sigterm_lets_a_stream_finish(new_router, model, two_words):
    fake = model("v1", two_words)
    new_router.point_to(fake)
    response = new_router.stream()
    response.readline()
    new_router.process.send_signal(signal.SIGTERM)
    wait_until_refusing(new_router)
    fake.proceed.set()
    assert response.read().endswith(b"data: [DONE]\n\n")
    assert new_router.process.wait(10) == -signal.SIGTERM


def test_a_stream_that_outlasts_the_drain_time_ends_with_an_error_event(start_router, model, two_words):
    router = start_router(drain_timeout_s=1.0)
    router.point_to(model("v1", two_words))
    response = router.stream()
    threading.Timer(0.1, router.process.send_signal, [signal.SIGTERM]).start()
    assert b'"code":"router_stopping"' in response.read()


def test_the_openai_sdk_completes_and_streams(router, model):
    router.point_to(model("v1"))
    client = openai.OpenAI(base_url=f"{router.url}/v1", api_key="unused", max_retries=0)
    assert client.models.list().data[0].id == "hone-code"
    assert client.completions.create(model="hone-code", prompt="def f():").choices[0].text == "v1"
    messages = [{"role": "user", "content": "write f"}]
    assert client.chat.completions.create(model="hone-code", messages=messages).choices[0].message.content == "v1"
    stream = client.completions.create(model="hone-code", prompt="", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "def f():"


def test_the_openai_sdk_raises_on_a_cut_stream(router, model):
    async def cut(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one"))
        await writer.drain()
        writer.transport.close()

    router.point_to(model("v1", cut))
    client = openai.OpenAI(base_url=f"{router.url}/v1", api_key="unused", max_retries=0)
    with pytest.raises(openai.APIError, match="cut off"):
        list(client.completions.create(model="hone-code", prompt="", stream=True))


def wait_until_refusing(router):
    """Until the router takes no new connections."""
    while True:
        try:
            router.connect().connect()
        except ConnectionRefusedError:
            return
        time.sleep(POLL_S)
