"""What a worker does twice a second beside answering: looks after changed files, broken places, idle connections."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hone.errors import ConfigError
from router.choose import Tables, read_tables
from router.connection import UpstreamError
from router.counting import with_counters
from router.live import Live
from router.upstream import Upstreams

log = structlog.get_logger()

PERIOD_S = 0.5
FILES = ("providers.yaml", "catalog.yaml", "routes.yaml")
NO_TABLES = Tables(providers={}, models={}, aliases={}, retired={}, routes={})
PROBE_TIMEOUT_S = 2.0


def load_tables(configs: Path) -> Tables:
    """The tables of a project; empty ones where it has none of the files. Raises `ConfigError`."""
    if not any((configs / name).is_file() for name in FILES):
        return NO_TABLES
    return with_counters(read_tables(configs, os.environ, now=time.time()))


class Keeper:
    """The task of one worker."""

    def __init__(self, configs: Path, live: Live, upstreams: Upstreams, also: Callable[[], None]) -> None:
        """`also` is called once a period, for what others have to do as often."""
        self._configs = configs
        self._live = live
        self._upstreams = upstreams
        self._also = also
        self._seen = self._stamps()
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """Why the files in configs/ are not in force as they stand; empty where they are."""

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self._once()
            except Exception:  # the next round may do better; without it nothing would be reloaded any more
                log.exception("the router's keeper met a fault of its own")
            await asyncio.sleep(PERIOD_S)

    async def _once(self) -> None:
        self._upstreams.drop_idle()
        self._also()
        if (stamps := self._stamps()) != self._seen:
            self._seen, files = stamps, self._live.tables.files
            await self._reload()
            if self._live.tables.files != files:  # others are to be watched now
                self._seen = self._stamps()
        await asyncio.to_thread(self._live.own.refresh)
        await asyncio.gather(*(self._probe(own.hop.key, own.hop.url) for own in self._live.own.current()))

    async def _reload(self) -> None:
        """All files or none: a mistake keeps what was in force."""
        try:
            tables = await asyncio.to_thread(load_tables, self._configs)
        except ConfigError as error:
            self.problem = str(error)
            log.error("changed configuration refused; the old one stays in force", reason=str(error))
            return
        self.problem = ""
        self._live.use(tables)
        self._upstreams.origin_changed()
        log.info("configuration reloaded", providers=len(tables.providers), models=len(tables.models))

    async def _probe(self, key: tuple[str, str], url: str) -> None:
        """Asks a deployment that failed whether it is back; a healthy one is not bothered."""
        if key not in self._live.breakers.open:
            return
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                status = await self._upstreams.get(url.removesuffix("/v1"), "/health/ready")
        except (UpstreamError, TimeoutError) as error:
            status = 0
            reason = error.reason if isinstance(error, UpstreamError) else "does not answer"
        else:
            reason = f"says it is not ready ({status})"
        if status == 200:
            self._live.breakers.succeeded(key)
        else:
            self._live.breakers.failed(key, asyncio.get_running_loop().time(), reason)

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Of the files as they are now."""
        return tuple(_stamp(path) for path in (*(self._configs / name for name in FILES), *self._live.tables.files))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
