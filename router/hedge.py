"""A second request where the first is unusually slow: who has content first answers, the other is ended at once.

When the first counts as slow is learnt from its own latest answers. Source: Dean and Barroso, The Tail at Scale (2013).
"""

import asyncio
from collections import deque

from router.breaker import HopKey

REMEMBERED = 100  # latest times of one place
FEWEST = 20  # below which nothing is known of its tail
QUANTILE = 0.95


class Tails:
    """The latest times to content of each place, streams and whole answers apart."""

    def __init__(self) -> None:
        self._times: dict[tuple[HopKey, bool], deque[float]] = {}

    def add(self, key: HopKey, *, streams: bool, seconds: float) -> None:
        """One answer's."""
        times = self._times.get((key, streams))
        if times is None:  # `setdefault` would make a deque for every request
            times = self._times[key, streams] = deque(maxlen=REMEMBERED)
        times.append(seconds)

    def slow_after_s(self, key: HopKey, *, streams: bool) -> float | None:
        """How long 95 of 100 answers take at most; None where too little is known."""
        times = self._times.get((key, streams))
        if times is None or len(times) < FEWEST:
            return None
        return sorted(times)[int(QUANTILE * len(times))]


class Race:
    """Two attempts at one request. The first that has something to send wins, and ends the other."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[object]] = []
        self.winner: asyncio.Task[object] | None = None

    def enter(self, task: "asyncio.Task[object]") -> None:
        """A task that takes part."""
        self._tasks.append(task)

    def won(self) -> bool:
        """Whether the running task may answer; asked right before its first byte."""
        me = asyncio.current_task()
        if self.winner is None:
            self.winner = me
            for task in self._tasks:
                if task is not me:
                    task.cancel()
        return self.winner is me
