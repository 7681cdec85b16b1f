"""What workers tell each other of broken providers, through Redis. Decides nothing: the router's breakers do.

The router calls `opened` and `closed` when its own breaker changes, and reads `open_for` when it makes a snapshot.
Where Redis is gone nobody hears anything, and each worker's own breakers decide. Times are spans: hosts' clocks differ.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from router.money.redis_line import REPLY_S, connect
from router.money.shared import RETRY_S

log = structlog.get_logger()

HopKey = tuple[str, str]  # `Hop.key`

OPEN = "hone:breakers"
POLL_S = 0.5  # how late another worker's breaker is seen

_TIME = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
"""
_OPENED = _TIME + "return redis.call('ZADD', KEYS[1], 'GT', now + ARGV[2], ARGV[1])"  # the later of old and new
_READ = (
    _TIME
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for at = 2, #found, 2 do found[at] = tostring(found[at] - now) end
return found
"""
)


class SharedBreakers:
    """The open breakers of all workers. `monotonic` is a clock in seconds that never jumps."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = connect(url)
        self._monotonic = monotonic
        self._until: dict[HopKey, float] = {}
        self._news: dict[HopKey, float] = {}  # when it ends; 0: closed
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._gone = False

    def opened(self, hop: HopKey, span_s: float) -> None:
        """Tells the others that a breaker is open for `span_s` from now. The later of two ends holds."""
        self._tell(hop, span_s)

    def closed(self, hop: HopKey) -> None:
        """Tells the others that it is closed."""
        self._tell(hop, 0.0)

    def open_for(self) -> Mapping[HopKey, float]:
        """Each open breaker's remaining seconds, as known here: its own news at once, others' within `POLL_S`."""
        now = self._monotonic()
        return {hop: until - now for hop, until in self._until.items() if until > now}

    async def may_probe(self, hop: HopKey, span_s: float) -> bool:
        """Whether this worker may send the one request that tries a half-open hop; for `span_s` no other may then.

        True where Redis is gone.
        """
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(REPLY_S):
                name = f"hone:probe:{_member(hop)}"
                return bool(await self._redis.set(name, 1, nx=True, px=max(1, int(span_s * 1000))))
        except (RedisError, OSError):  # a timeout is an OSError
            return True

    async def start(self) -> None:
        """Reads what is open, and goes on reading until `close`."""
        await self._exchange()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends, after the last news."""
        self._closing = True
        self._hurry.set()
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    def _tell(self, hop: HopKey, span_s: float) -> None:
        until = self._monotonic() + span_s
        self._until[hop] = max(until, self._until.get(hop, 0.0)) if span_s else 0.0
        self._news[hop] = self._until[hop]
        self._hurry.set()

    async def _run(self) -> None:
        while not self._closing:
            try:
                async with asyncio.timeout(RETRY_S if self._gone else POLL_S):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            await self._exchange()

    async def _exchange(self) -> None:
        """Sends the news and reads what is open, in one round trip."""
        from redis.exceptions import RedisError

        news, self._news = self._news, {}
        now = self._monotonic()
        pipe = self._redis.pipeline(transaction=False)
        for hop, until in news.items():
            if until > now:
                pipe.eval(_OPENED, 1, OPEN, _member(hop), until - now)
            else:
                pipe.zrem(OPEN, _member(hop))
        pipe.eval(_READ, 1, OPEN)
        try:
            async with asyncio.timeout(REPLY_S):
                found = (await pipe.execute())[-1]
        except (RedisError, OSError, TimeoutError) as error:
            if not self._gone:
                log.warning("Redis is gone: workers do not share their breakers", error=str(error))
            self._gone = True
            self._news = {**news, **self._news}
            return
        self._gone = False
        now = self._monotonic()
        self._until = {_hop(member): now + float(span) for member, span in zip(found[::2], found[1::2], strict=True)}
        self._until.update(self._news)  # told while we read


def _member(hop: HopKey) -> str:
    return "\n".join(hop)


def _hop(member: bytes) -> HopKey:
    provider, _, model = member.decode().partition("\n")
    return provider, model
