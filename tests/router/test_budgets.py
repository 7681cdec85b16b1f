"""Budgets at the door: set while the router runs, held over fallbacks, and refused so that clients do not insist."""

import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import openai
import pytest

from router.money import stored_keys
from router.money.database import Database
from router.money.keys import REFRESH_S, Key

POLL_S = 0.02
CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "write f"}], "max_tokens": 100}'
SPENT_USD = 0.00022  # by each answer of `counting`: 20 tokens at $1 a million, 100 at $2


async def counting(fake, request, writer):
    """An answer that says what it took."""
    usage = {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120}
    choice = {"index": 0, "message": {"role": "assistant", "content": fake.name}, "finish_reason": "stop"}
    writer.write(fake.response({"id": "c", "choices": [choice], "usage": usage}))


async def failing(fake, request, writer):
    writer.write(fake.response({"error": {"message": "down"}}, "500 Internal Server Error"))


@pytest.fixture
def keyed(start_router):
    """Starts a router, and makes a key of it with the limits given; returns both, and the token as headers."""

    def start(*places, **limits):
        router = start_router(*places)
        database = Database(f"sqlite:///{router.options.folder / 'router.db'}")
        _, token = stored_keys.create(database, Key("", "ci", **limits))
        headers = {"authorization": f"Bearer {token}"}
        while router.ask("/v1/models", body=None).status != 401:
            time.sleep(POLL_S)
        return router, database, headers

    return start


def chat(router, headers, body=CHAT):
    return router.ask("/v1/chat/completions", body=body, headers=headers)


def test_a_budget_that_is_set_later_counts_what_was_spent_before(keyed, model):
    router, database, headers = keyed(model("first", counting))
    assert [chat(router, headers).status for _ in range(5)] == [200] * 5
    stored_keys.change(database, "ci", lambda key: msgspec.structs.replace(key, day_usd=5 * SPENT_USD))
    time.sleep(2 * REFRESH_S)
    refused = chat(router, headers)
    assert (refused.status, refused.json["error"]["code"]) == (429, "insufficient_quota")


def test_a_client_is_told_not_to_insist_on_a_budget_that_is_spent(keyed, model):
    router, _, headers = keyed(model("first", counting), day_usd=1.5 * SPENT_USD)
    assert chat(router, headers).status == 200
    refused = chat(router, headers)
    assert (refused.status, refused.headers["x-should-retry"]) == (429, "false")
    before = router.metric("hone_router_requests_total")
    token = headers["authorization"].removeprefix("Bearer ")
    client = openai.OpenAI(base_url=f"{router.url}/v1", api_key=token, max_retries=5)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="both", max_tokens=100, messages=[{"role": "user", "content": "write f"}])
    asked = router.metric("hone_router_requests_total") - before
    assert asked == 2  # this one, and the look at the metrics before


def test_a_budget_holds_over_fallbacks_under_many_clients(keyed, model):
    second = model("second", counting)
    router, _, headers = keyed(model("first", failing), second, day_usd=5.5 * SPENT_USD)
    body = CHAT.replace(b"write f", b"write f " * 12)  # surely more tokens than the answer counts
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: chat(router, headers, body).status, range(48)))
    assert set(statuses) <= {200, 429, 502}  # 502: the first place failed, and the budget left nothing for the second
    assert 1 <= statuses.count(200) <= 5
    assert len(second.requests) == statuses.count(200)
