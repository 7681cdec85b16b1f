"""The clock over one attempt: no first content in time, a stream that stalls, a deadline that is over.

It cancels the running task, as `asyncio.timeout` does, and says why; one timer for each attempt.
"""

import asyncio

from router.choose import Provider
from router.connection import Connection

FIRST_TOKEN_TIMEOUT_S = 60.0
STALL_TIMEOUT_S = 30.0


class Watch:
    """Over one request. `fired` says why it cancelled, until that was caught."""

    __slots__ = (
        "_connection",
        "_deadline",
        "_limit",
        "_loop",
        "_stall_s",
        "_task",
        "_timer",
        "_why",
        "fired",
        "total_s",
    )

    def __init__(self, deadline: float, total_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._deadline = deadline
        self.total_s = total_s
        self._timer: asyncio.TimerHandle | None = None
        self._connection: Connection | None = None
        self._stall_s = STALL_TIMEOUT_S
        self._limit = deadline
        self._why = ""
        self.fired = ""

    @property
    def over(self) -> bool:
        """Whether the deadline of the whole request has passed."""
        return self._loop.time() >= self._deadline

    def start(self, now: float, provider: Provider | None, *, streams: bool, last: bool) -> None:
        """An attempt begins."""
        first_s = provider.first_token_timeout_s if provider is not None else FIRST_TOKEN_TIMEOUT_S
        if provider is not None:
            self._stall_s = provider.stall_timeout_s
        self._connection = None
        left_s = self._deadline - now
        if not streams:  # nothing can be said before its end; another place gets half of the time
            first_s = left_s if last else max(left_s / 2, min(first_s, left_s / 2))
        if first_s < left_s:
            self._limit, self._why = now + first_s, f"gave no answer within {first_s:g} s"
        else:
            self._limit, self._why = self._deadline, f"gave no whole answer within {self.total_s:g} s"
        self._timer = self._loop.call_at(self._limit, self._check)

    def begun(self, connection: Connection) -> None:
        """The first content is here: from now on it must not stall."""
        self._connection = connection
        self.disarm()
        self._limit, self._why = self._deadline, f"gave no whole answer within {self.total_s:g} s"
        self._timer = self._loop.call_at(min(self._deadline, self._loop.time() + self._stall_s), self._check)

    def disarm(self) -> None:
        """The attempt is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def caught(self) -> str:
        """After a CancelledError: why this clock cancelled, which is done with then; empty where it did not."""
        fired, self.fired = self.fired, ""
        if fired and self._task is not None:
            self._task.uncancel()
        return fired

    def _check(self) -> None:
        now = self._loop.time()
        self._timer = None
        if now < self._limit:
            connection = self._connection
            if connection is None or connection.held_back:
                quiet_at = now + self._stall_s
            else:
                quiet_at = connection.heard_at + self._stall_s
            if now < quiet_at:
                self._timer = self._loop.call_at(min(self._limit, quiet_at), self._check)
                return
            self._why = f"sent nothing for {self._stall_s:g} s"
        self.fired = self._why
        if self._task is not None:
            self._task.cancel()
