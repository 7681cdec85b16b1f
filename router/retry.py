"""When a failed attempt is worth another one, where, and after how long. Pure: no clock, no connection."""

import email.utils
import math
from typing import Literal

from router.connection import HeaderList
from router.refusal import Refusal
from router.wires import Problem

Next = Literal["give up", "next place", "again"]

TRIES = 2  # at a place that has others behind it
LAST_TRIES = 3  # at the last one, of an answer that says it failed
MAX_RESETS = 6  # a request that itself ends every connection (and perhaps its deployment) must not do so for ever
PATIENCE_S = 10.0  # how long the last place may be out of reach: a crashed deployment is up again within it
PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.2)  # after the first, second … failure at one place; then the last
LONGEST_WAIT_S = 2.0  # that is waited for on behalf of a Retry-After, where nothing else is left
LONGEST_RETRY_AFTER_S = 3600.0
PASSING = frozenset({"draining", "loading"})  # a served model's codes with its 503: another try is right


class Failure:
    """One failed attempt. `problem`: it answered, with that; else it did not answer. `cut`: its stream broke off after
    the client got content, which another place may go on with."""

    __slots__ = ("cut", "passing", "problem", "reason", "reset", "retry_after_s", "timed_out")

    def __init__(
        self,
        reason: str,
        *,
        problem: Problem | None = None,
        reset: bool = False,
        retry_after_s: float = 0.0,
        timed_out: bool = False,
        cut: Refusal | None = None,
    ) -> None:
        self.cut = cut
        self.reason = reason
        self.problem = problem
        self.reset = reset  # the other end took the request, and ended the connection instead of answering whole
        self.timed_out = timed_out
        self.retry_after_s = retry_after_s
        self.passing = problem is not None and problem.code in PASSING


def next_step(failure: Failure, *, tries: int, resets: int, failing_s: float, last: bool) -> Next:
    """What follows a failure. `tries`: at this place, with this one; `failing_s`: since the first failure there."""
    if failure.cut is not None:
        return "next place"
    trouble = failure.problem.trouble if failure.problem is not None else "transient"
    if trouble == "client":
        return "give up"
    if trouble in ("auth", "quota", "missing", "context"):
        return "next place"
    again = _worth_waiting(failure, tries, resets, failing_s) if last else tries < TRIES and trouble != "rate"
    return "again" if again and failure.retry_after_s <= LONGEST_WAIT_S else "next place"


def _worth_waiting(failure: Failure, tries: int, resets: int, failing_s: float) -> bool:
    """Whether the last place that is left is tried once more."""
    if failure.reset:
        return resets < MAX_RESETS
    if failure.timed_out:
        return False
    if failure.problem is None or failure.passing:
        return failing_s < PATIENCE_S
    return tries < LAST_TRIES


def pause_s(failure: Failure, tries: int, random: float) -> float:
    """How long to wait before the same place is tried again: what it says, else rising, the later half at random."""
    planned = PAUSES_S[min(tries - 1, len(PAUSES_S) - 1)]
    if failure.problem is not None and not failure.passing:
        planned = max(planned, PAUSES_S[2] * 2 ** (tries - 1))
    return max(failure.retry_after_s, planned * (0.5 + random / 2))


def retry_after_s(headers: HeaderList, now: float) -> float:
    """What a Retry-After header asks for, in seconds or as a date (RFC 9110, section 10.2.3); 0 where it is not there.

    `now` is epoch seconds.
    """
    for name, value in headers:
        if name == b"retry-after":
            return _seconds(value.decode("latin-1").strip(), now)
        if name == b"retry-after-ms" and value.isdigit():
            return min(int(value) / 1000, LONGEST_RETRY_AFTER_S)
    return 0.0


def _seconds(said: str, now: float) -> float:
    try:
        wait_s = float(said)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(said).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(wait_s) else min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)
