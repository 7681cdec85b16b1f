"""Kept connections to one origin, `scheme://host:port`. Opens, keeps and drops them; sends no retries of its own, save
where a kept connection turns out to be closed."""

import asyncio
import os
import ssl
from urllib.parse import urlsplit

from router.connection import Connection, UpstreamError

IDLE_S = 4.0  # below uvicorn's 5 s: an idle connection is left before the other end closes it
TLS_IDLE_S = 30.0  # clouds keep them longer, and a new one costs two round trips


class Origin:
    """The connections to one address. `url` may hold a path; it is ignored."""

    def __init__(self, url: str, tls: ssl.SSLContext, connect_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        secure = parts.scheme == "https"
        self._port = parts.port or (443 if secure else 80)
        self._tls = tls if secure else None
        self._connect_s = connect_s
        self._idle_s = TLS_IDLE_S if secure else IDLE_S
        self._idle: list[Connection] = []  # the last used one is at the end, and goes first
        self._loop = asyncio.get_running_loop()

    async def ask(self, request: bytes) -> Connection:
        """Sends a whole request, and returns its connection when the answer's head is here.

        Raises `UpstreamError`; nothing is left open then.
        """
        connection = self._kept()
        if connection is not None:
            connection.send(request)
            try:
                await connection.head()
            except UpstreamError as error:
                if not error.reset:
                    raise
            except asyncio.CancelledError:
                connection.abandon()
                raise
            else:
                return connection
        connection = await self._open()
        connection.send(request)
        try:
            await connection.head()
        except asyncio.CancelledError:
            connection.abandon()
            raise
        return connection

    def free(self, connection: Connection) -> None:
        """Keeps it for the next request."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forgets it."""
        if connection in self._idle:
            self._idle.remove(connection)

    def drop_idle(self) -> None:
        """Ends what was idle for too long."""
        oldest = self._loop.time() - self._idle_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).close()

    def close(self) -> None:
        """Ends every idle connection."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and self._loop.time() - connection.idle_since < self._idle_s:
                return connection
            connection.close()
        return None

    async def _open(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_s):
                name = self._host if self._tls else None
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self), self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except TimeoutError:
            raise UpstreamError(f"cannot be reached (no connection within {self._connect_s:g} s)") from None
        except (OSError, ssl.SSLError) as error:
            raise UpstreamError(f"cannot be reached ({_line(error)})") from None
        return connection


def _line(error: OSError) -> str:
    code = 0 if isinstance(error, ssl.SSLError) else error.errno or 0
    said = os.strerror(code) if code > 0 else error.strerror or str(error)
    return " ".join(said.split()).lower() or type(error).__name__
