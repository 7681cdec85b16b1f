"""What people thought of an answer, joined to its request: later training data.

`read_feedback` is pure; `Feedback` writes in a thread, since it is no matter of microseconds.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from hone.errors import RouterError
from hone.records import Record
from router.money.database import Database
from router.money.keys import MASTER, Key
from router.money.ledger import INTERVAL_S, Ledger
from router.refusal import Refusal

Verdict = Literal["accepted", "rejected", "edited", "scored"]
WORDS = '`verdict` ("accepted" or "rejected"), `edited` (the text as it should have been) or `score` (0 to 1)'


class Given(Record, frozen=True):
    """One piece of feedback."""

    request_id: str
    verdict: Verdict
    text: str = ""  # of an edited answer
    score: float | None = None  # 0 to 1


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /v1/feedback`."""

    request_id: str
    verdict: Literal["accepted", "rejected"] | None = None
    edited: str | None = None
    score: float | None = None


def read_feedback(body: bytes) -> Given | Refusal:
    """A request's body as feedback, or what is wrong with it (400)."""
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Refusal(400, "invalid_feedback", f"feedback takes `request_id` and one of {WORDS}: {error}")
    if sum(part is not None for part in (read.verdict, read.edited, read.score)) != 1:
        return Refusal(400, "invalid_feedback", f"feedback takes `request_id` and exactly one of {WORDS}")
    if read.score is not None and not 0 <= read.score <= 1:
        return Refusal(400, "invalid_feedback", f"`score` must lie between 0 and 1, not {read.score:g}")
    kind: Verdict = read.verdict or ("edited" if read.edited is not None else "scored")
    return Given(request_id=read.request_id, verdict=kind, text=read.edited or "", score=read.score)


class Feedback:
    """The feedback of one router."""

    def __init__(self, database: Database, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._ledger, self._clock = database, ledger, clock

    async def add(self, key: Key, given: Given) -> Refusal | None:
        """Stores feedback of a key on one of its own requests; None: it is stored.

        404 where the key made no such request, 503 where the database cannot be used.
        """
        try:
            if await asyncio.to_thread(self._store, key, given):
                return None
            await asyncio.to_thread(self._ledger.flush)
            if await asyncio.to_thread(self._store, key, given):
                return None
            await asyncio.sleep(INTERVAL_S)  # another worker may have answered it just now
            if await asyncio.to_thread(self._store, key, given):
                return None
        except RouterError:
            return Refusal(503, "feedback_unavailable", "feedback cannot be stored now; try again in a minute", 60.0)
        said = f"there is no request `{given.request_id}` of this key; take the answer's `x-hone-request-id`"
        return Refusal(404, "unknown_request", said)

    def _store(self, key: Key, given: Given) -> bool:
        from sqlalchemy import select

        from router.money.tables import feedback, requests

        asked = select(requests.c.row, requests.c.key).where(requests.c.id == given.request_id)
        if key.id != MASTER.id:
            asked = asked.where(requests.c.key == key.id)
        with self._database.writing() as connection:
            row = connection.execute(asked.order_by(requests.c.at.desc()).limit(1)).first()
            if row is None:
                return False
            values: dict[str, Any] = {
                "at": self._clock(),
                "row": row.row,
                "request_id": given.request_id,
                "key": key.id,
                "verdict": given.verdict,
                "text": given.text.replace("\0", "\ufffd"),
                "score": given.score,
            }
            connection.execute(feedback.insert().values(**values))
        return True


def exported(database: Database, *, since: float = 0.0) -> Iterator[dict[str, Any]]:
    """Every piece of feedback with its request, oldest first, as JSON objects. Raises `RouterError`."""
    from sqlalchemy import select

    from router.money.tables import contents, feedback, requests

    columns = (
        feedback.c["at", "request_id", "key", "verdict", "text", "score"],
        requests.c["door", "asked_model", "route", "provider", "model", "model_version", "generation"],
        contents.c["request", "answer"],
    )
    asked = (
        select(*(column for part in columns for column in part))
        .select_from(feedback.outerjoin(requests, requests.c.row == feedback.c.row))
        .outerjoin(contents, contents.c.row == feedback.c.row)
        .where(feedback.c.at >= since)
        .order_by(feedback.c.number)
    )
    with database.reading() as connection:
        for row in connection.execute(asked):
            yield dict(row._mapping)
