"""From one provider to the next: what makes a request go on, and what the client then sees."""

import asyncio
import email.utils
import json
import time

import pytest

CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "write f"}]}'
STREAM = CHAT[:-1] + b', "stream": true}'


def chat(router, body=CHAT, **headers):
    return router.ask("/v1/chat/completions", body=body, headers=headers)


def said(reply):
    return reply.json["choices"][0]["message"]["content"]


def answering(status, error=None, extra=""):
    """A behaviour that always answers with an error."""

    async def behave(fake, request, writer):
        writer.write(fake.response({"error": error or {"message": "no"}}, status, extra))

    return behave


async def reset(fake, request, writer):
    writer.transport.abort()


async def garbage(fake, request, writer):
    writer.write(fake.response({"choices": [1, 2]})[:-4] + b"!!!!")


async def in_band(fake, request, writer):
    writer.write(fake.response({"error": {"message": "overloaded"}}))


@pytest.mark.parametrize(
    "behave",
    [
        answering("408 Request Timeout"),
        answering("409 Conflict"),
        answering("429 Too Many Requests"),
        answering("500 Internal Server Error"),
        answering("529 Overloaded"),
        answering("401 Unauthorized"),
        reset,
        garbage,
        in_band,
    ],
    ids=["408", "409", "429", "500", "529", "401", "reset", "garbage", "in-band"],
)
def test_a_failing_provider_is_left_for_the_next(start_router, model, behave):
    router = start_router(model("first", behave), model("second"))
    reply = chat(router)
    assert (reply.status, said(reply), reply.headers["x-hone-provider"]) == (200, "second", "p1")
    assert int(reply.headers["x-hone-attempts"]) >= 2


def test_a_provider_that_cannot_be_reached_is_left_for_the_next(start_router, model):
    down = model("first")
    router = start_router(down, model("second"))
    down.stop()
    assert said(chat(router)) == "second"


def test_a_request_that_the_provider_calls_wrong_goes_nowhere_else(start_router, model):
    second = model("second")
    router = start_router(model("first", answering("422 Unprocessable Entity", {"message": "bad tool"})), second)
    reply = chat(router)
    assert (reply.status, reply.json["error"]["message"]) == (422, "bad tool")
    assert second.requests == []


@pytest.mark.parametrize("after", ["1", lambda: email.utils.formatdate(time.time() + 1, usegmt=True)])
def test_the_last_provider_is_asked_again_after_the_time_that_it_names(start_router, model, healthy, after):
    async def busy_once(fake, request, writer):
        if request.number:
            await healthy(fake, request, writer)
        else:
            wait = after if isinstance(after, str) else after()
            writer.write(fake.response({"error": {}}, "429 Too Many Requests", f"Retry-After: {wait}\r\n"))

    router = start_router(model("only", busy_once))
    assert (chat(router).status, chat(router).status) == (200, 200)


def test_a_provider_that_says_nothing_in_time_is_left_for_the_next(start_router, model):
    async def silent(fake, request, writer):
        await asyncio.sleep(20)

    router = start_router(model("first", silent), model("second"), world={"first_token_timeout_s": 0.3})
    reply = chat(router, STREAM)
    assert (reply.status, reply.headers["x-hone-provider"]) == (200, "p1")


def test_a_stream_that_breaks_before_its_first_content_falls_back_unseen(start_router, model):
    async def broken(fake, request, writer):
        role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        opening = b"data: " + json.dumps({"id": "c", "choices": [role]}).encode() + b"\n\n"
        error = b'data: {"error": {"message": "overloaded", "code": "overloaded"}}\n\n'
        for event in (opening, error):
            writer.write((fake.stream_head() if event is opening else b"") + b"%x\r\n%s\r\n" % (len(event), event))
        writer.write(b"0\r\n\r\n")

    router = start_router(model("first", broken), model("second"))
    reply = chat(router, STREAM)
    assert reply.status == 200
    assert b"overloaded" not in reply.body
    assert reply.headers["x-hone-provider"] == "p1"


def test_a_stream_that_stalls_after_content_ends_with_an_error_event(start_router, model):
    async def stalls(fake, request, writer):
        writer.write(fake.stream_head() + fake.event("one"))
        await writer.drain()
        await asyncio.sleep(20)

    router = start_router(model("first", stalls), model("second"), world={"stall_timeout_s": 0.3})
    reply = router.ask(body=b'{"model": "both", "prompt": "", "stream": true}')
    assert b'"one"' in reply.body
    assert b"sent nothing for 0.3 s" in reply.body
    assert b"[DONE]" not in reply.body


def test_one_deadline_holds_over_all_attempts(start_router, model):
    async def silent(fake, request, writer):
        await asyncio.sleep(20)

    router = start_router(model("first", silent), model("second", silent), request_timeout_s=1.0)
    reply = chat(router)
    assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")


def test_a_provider_that_failed_often_is_not_asked_for_a_while(start_router, model):
    first = model("first", answering("500 Internal Server Error"))
    router = start_router(first, model("second"))
    for _ in range(5):
        assert chat(router).status == 200
    asked = len(first.requests)
    assert chat(router).headers["x-hone-attempts"] == "1"
    assert len(first.requests) == asked
    assert router.metric('hone_router_breaker_open{provider="p0"') == 1


def test_the_last_resort_is_tried_though_every_breaker_is_open(start_router, model):
    only = model("only", answering("500 Internal Server Error"))
    router = start_router(only)
    for _ in range(3):
        assert chat(router).status == 502
    only.behave = type(only).__dataclass_fields__["behave"].default
    assert said(chat(router)) == "only"


def test_a_providers_key_comes_from_its_file_and_shows_nowhere(start_router, model, tmp_path):
    key = tmp_path / "key"
    key.write_text("sk-very-secret\n")
    fake = model("first", answering("401 Unauthorized", {"message": "bad key sk-very-secret"}))
    router = start_router(fake, world={"keys": {"p0": str(key)}})
    reply = chat(router, CHAT, Authorization="Bearer of-the-client")
    assert fake.requests[0].headers["authorization"] == "Bearer sk-very-secret"
    assert reply.status == 502
    assert "sk-very-secret" not in reply.body.decode() + router.terminate()


def test_what_a_client_says_of_itself_stays_at_the_router(start_router, model):
    fake = model("first")
    router = start_router(fake)
    chat(router, CHAT, **{"X-Forwarded-For": "10.0.0.1", "Cookie": "a=b", "X-Api-Key": "k"})
    assert not {"x-forwarded-for", "cookie", "x-api-key"} & set(fake.requests[0].headers)


def test_the_cost_is_the_providers_own_count_times_its_price(start_router, model):
    async def counting(fake, request, writer):
        message = {"role": "assistant", "content": "ok"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        writer.write(fake.response({"id": "c", "choices": [choice], "usage": usage}))

    router = start_router(model("first", counting))
    assert float(chat(router).headers["x-hone-cost-usd"]) == pytest.approx(0.002)


def test_a_named_route_goes_through_its_providers(start_router, model):
    down = model("first")
    router = start_router(down, model("second"))
    down.stop()
    reply = chat(router, CHAT.replace(b"both", b"hone/planning"))
    assert (said(reply), reply.headers["x-hone-model"]) == ("second", "both")
