"""Feedback: joined to the request that it is about, exported for later training data."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.money.database import Database
from router.money.feedback import Feedback, Given, exported, read_feedback
from router.money.journal import Content
from router.money.keys import MASTER
from router.money.ledger import Ledger
from router.refusal import Refusal
from tests.router.money.making import entry, key


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(database, tmp_path / "journal", interval_s=60)
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (b'{"request_id": "r", "verdict": "accepted"}', Given("r", "accepted")),
        (b'{"request_id": "r", "verdict": "rejected"}', Given("r", "rejected")),
        (b'{"request_id": "r", "edited": "def f(): ..."}', Given("r", "edited", "def f(): ...")),
        (b'{"request_id": "r", "edited": ""}', Given("r", "edited", "")),
        (b'{"request_id": "r", "score": 0.5}', Given("r", "scored", score=0.5)),
        (b'{"request_id": "r", "score": 0}', Given("r", "scored", score=0.0)),
    ],
)
def test_feedback_is_read(body: bytes, given: Given) -> None:
    assert read_feedback(body) == given


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "takes `request_id` and one of"),
        (b"[]", "takes `request_id` and one of"),
        (b'{"verdict": "accepted"}', "missing required field `request_id`"),
        (b'{"request_id": "r"}', "exactly one of"),
        (b'{"request_id": "r", "verdict": "accepted", "score": 1}', "exactly one of"),
        (b'{"request_id": "r", "verdict": "good"}', "Invalid enum value 'good'"),
        (b'{"request_id": "r", "score": 2}', "`score` must lie between 0 and 1, not 2"),
        (b'{"request_id": "r", "score": 1, "more": 1}', "unknown field `more`"),
        (b'{"request_id": "\xff", "score": 1}', "takes `request_id`"),
    ],
)
def test_what_is_no_feedback_is_refused_with_the_way_out(body: bytes, said: str) -> None:
    refusal = read_feedback(body)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, "invalid_feedback")
    assert said in refusal.message


def test_feedback_on_a_request_of_this_very_moment_is_stored_and_exported(ledger: Ledger, database: Database) -> None:
    feedback = Feedback(database, ledger, clock=lambda: 5.0)
    ledger.add(entry(1, model_version="code:3"), Content(request='{"prompt": "def f("}', answer="a): ..."))
    assert asyncio.run(feedback.add(key(), Given("request-1", "edited", "def f(): return 1\0"))) is None
    assert asyncio.run(feedback.add(key(), Given("request-1", "scored", score=0.25))) is None
    first, second = exported(database)
    expected: dict[str, Any] = {
        "at": 5.0, "request_id": "request-1", "key": "key_ci", "verdict": "edited", "score": None, "door": "chat",
        "text": "def f(): return 1\ufffd", "asked_model": "hone/auto", "route": "code-generation", "provider": "openai",
        "model": "gpt", "model_version": "code:3", "generation": 0, "request": '{"prompt": "def f("}',
        "answer": "a): ...",
    }  # fmt: skip
    assert first == expected
    assert (second["verdict"], second["score"]) == ("scored", 0.25)
    assert list(exported(database, since=6.0)) == []


def test_an_unknown_request_and_another_key_s_are_refused_alike(ledger: Ledger, database: Database) -> None:
    feedback = Feedback(database, ledger)
    ledger.add(entry(1))
    for who, request in ((key(), "request-2"), (key("other"), "request-1")):
        refusal = asyncio.run(feedback.add(who, Given(request, "accepted")))
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code) == (404, "unknown_request")
        assert f"there is no request `{request}` of this key; take the answer's `x-hone-request-id`" in refusal.message
    assert list(exported(database)) == []


def test_the_master_key_may_judge_any_request(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(1))
    assert asyncio.run(Feedback(database, ledger).add(MASTER, Given("request-1", "accepted"))) is None


def test_where_the_database_is_gone_feedback_says_to_come_again(tmp_path: Path) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    feedback = Feedback(database, Ledger(database, tmp_path / "journal"))
    refusal = asyncio.run(feedback.add(key(), Given("r", "accepted")))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.retry_after_s) == (503, "feedback_unavailable", 60.0)
