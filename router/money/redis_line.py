"""One connection to Redis that runs the limiter's scripts, many in one round trip. Decides nothing.

By hand on a connection of the client's: its own pipelines take half as much time again, and that at every request.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hone.errors import RouterError
from router.money.scripts import MOVE, RESERVE, SEED, SETTLE

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

REPLY_S = 1.0  # Redis that has not answered by then is gone
SHA = {script: hashlib.sha1(script.encode()).hexdigest() for script in (RESERVE, MOVE, SETTLE, SEED)}  # noqa: S324 - Redis's


class Gone(Exception):
    """Redis did not answer."""


class Step(msgspec.Struct, eq=False):
    """One script to run, and who waits for its reply."""

    script: str
    key: str
    arguments: list[Any]
    reply: asyncio.Future[list[Any]] | None = None  # None: nobody waits


class Line:
    """The connection; made at its first use, and anew after it broke. Raises `RouterError` where the URL is none."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._connection: AbstractConnection | None = None
        self._exchanging = asyncio.Lock()

    async def close(self) -> None:
        """Lets go of it."""
        await self._hang_up()
        await self._redis.aclose()

    async def run_twice(self, steps: list[Step]) -> list[list[Any]]:
        """As `run`, and once more where the connection was broken: Redis may have been restarted since."""
        from redis.exceptions import ConnectionError as Broken

        try:
            return await self.run(steps)
        except Gone as error:
            if not isinstance(error.__cause__, Broken):
                raise
        for step in steps:
            if step.script == SETTLE:
                step.arguments[6] = 1  # again; the other scripts do nothing twice
        return await self.run(steps)

    async def run(self, steps: Sequence[Step], *, loads: bool = False) -> list[list[Any]]:
        """The steps' replies, in one round trip. Raises `Gone` where Redis does not answer, or cannot do it."""
        from redis.exceptions import NoScriptError

        if not steps and not loads:
            return []
        commands: list[tuple[Any, ...]] = [("SCRIPT LOAD", script) for script in SHA] if loads else []
        for step in steps:
            told = " ".join(map(str, step.arguments))
            commands.append(("EVALSHA", SHA[step.script], 1, f"hone:{{{step.key}}}", told))
        replies = await self._exchange(commands)
        replies = replies[len(SHA) :] if loads else replies
        strange = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if strange and not loads:  # it has been restarted or told to forget
            for at, reply in zip(strange, await self.run([steps[at] for at in strange], loads=True), strict=True):
                replies[at] = reply
        if failed := [reply for reply in replies if isinstance(reply, Exception)]:
            raise Gone(str(failed[0]))
        return replies

    async def _exchange(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Sends commands in one go and reads their replies, errors among them. Raises `Gone`."""
        from redis.exceptions import ConnectionError as Broken
        from redis.exceptions import RedisError, ResponseError

        replies: list[Any] = []
        async with self._exchanging:
            try:
                async with asyncio.timeout(REPLY_S):
                    if self._connection is None:
                        self._connection = await self._redis.connection_pool.get_connection()  # type: ignore[no-untyped-call]
                    line = self._connection
                    await line.send_packed_command(line.pack_commands(commands), check_health=False)
                    for _ in commands:
                        try:
                            replies.append(await line.read_response(disconnect_on_error=False))
                        except ResponseError as error:
                            replies.append(error)
            except (RedisError, OSError, TimeoutError, asyncio.CancelledError) as error:
                await self._hang_up()  # half an exchange may be left on it
                if isinstance(error, asyncio.CancelledError):
                    raise
                broken = isinstance(error, OSError) and not isinstance(error, TimeoutError)
                cause = Broken(str(error)) if broken else error
                raise Gone(str(error) or f"no answer in {REPLY_S} s") from cause
        return replies

    async def _hang_up(self) -> None:
        if self._connection is not None:
            line, self._connection = self._connection, None
            await line.disconnect(nowait=True)
            await self._redis.connection_pool.release(line)


def connect(url: str) -> "Redis":
    """A client of that address; connects at its first use. Raises `RouterError` where it is none."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        retry = Retry(NoBackoff(), 0)
        # No timeout of its own: callers have theirs, and `asyncio.wait_for`, which it uses, may swallow a cancellation.
        client: Redis = Redis.from_url(url, socket_timeout=None, socket_connect_timeout=REPLY_S, retry=retry)
    except ValueError as error:
        raise RouterError(f"`router.redis` is no address of a Redis: {error}; take `redis://HOST:6379/0`") from None
    return client
