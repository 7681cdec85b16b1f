"""Keeps every request: `add` appends to a list, a thread writes what has come every half second.

Nothing is lost at `close`; a `kill -9` loses at most `INTERVAL_S`, and up to 5 s where a PostgreSQL server has just
begun to hang, neither answering nor refusing. Rows that the database does not take go into the journal, and from there
into the database as soon as it takes them, at the latest when a router starts again. No request waits for any of this.
"""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hone.errors import RouterError
from router.kinds import Entry
from router.money.database import Database
from router.money.journal import Content, Journal, Row, orphan, orphans, read_rows
from router.money.limits import DAY_S, Spent

log = structlog.get_logger()

INTERVAL_S = 0.5
BATCH = 1000  # rows that are written before the interval is over
MEMORY_ROWS = 100_000  # kept where neither database nor journal takes them; about 100 MB
OPENING_S = 5.0  # how long a locked SQLite is waited for at the start
RETRY_S = 1.0  # between two tries of a database that failed
FORGOTTEN_AT_ONCE = 5_000
HOUSEKEEPING_S = 60.0  # orphaned journals, and rows that are too old


class Ledger:
    """The rows of one process. `keep_days` 0: for ever; budgets do not need the rows, their sums are kept apart."""

    def __init__(
        self,
        database: Database,
        journal: Path,
        *,
        interval_s: float = INTERVAL_S,
        batch: int = BATCH,
        memory_rows: int = MEMORY_ROWS,
        keep_days: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._journal = Journal(journal)
        self._interval_s, self._batch, self._memory_rows = interval_s, batch, memory_rows
        self._keep_days = keep_days
        self._clock = clock
        self._fresh: list[tuple[Entry, Content | None]] = []
        self._in_hand = 0  # rows on their way from one place to the next
        self._kept: list[Row] = []  # neither the database nor the journal took these
        self._number = secrets.randbits(63)
        self._wake = threading.Event()
        self._ticking = threading.Lock()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._failing = False
        self._retry_at = self._housekeeping_at = 0.0  # monotonic
        self.lost = 0
        """Rows that could be kept nowhere, or that no database takes."""

    def add(self, entry: Entry, content: Content | None = None) -> None:
        """Keeps one request."""
        fresh = self._fresh
        fresh.append((entry, content))
        if len(fresh) == self._batch:
            self._wake.set()

    @property
    def waiting(self) -> int:
        """Rows that are not in the database yet."""
        return len(self._fresh) + self._in_hand + len(self._kept) + self._journal.rows

    def start(self) -> None:
        """Opens the database, takes over what former processes left in journals, and starts to write.

        Raises `RouterError` where the database cannot be used.
        """
        self._open()
        self._adopt_orphans()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def spent(self, keys: list[str] | None = None) -> list[Spent]:
        """What keys (None: all) have spent this month, by the database, this process's rows included.

        Raises `RouterError`.
        """
        from router.money.rows import this_month

        self.flush()
        with self._database.reading() as connection:
            return this_month(connection, self._clock(), keys)

    def flush(self) -> None:
        """Writes what was added so far, in the caller's thread."""
        self._tick()

    def close(self) -> None:
        """Writes what is left, into the database or else the journal, and ends the thread."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._tick()
        if self._kept:
            log.error("requests are lost: neither the database nor the journal took them", rows=len(self._kept))

    def _open(self) -> None:
        """Makes what is missing; waits a while for another process that does the same."""
        until = time.monotonic() + OPENING_S
        while True:
            try:
                with self._database.reading():
                    return
            except RouterError as error:
                if "locked" not in str(error) or time.monotonic() >= until:
                    raise

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._interval_s)
            self._wake.clear()
            try:
                self._tick()
            except Exception:  # the rows to come may still be written
                log.exception("the ledger's thread met a fault of its own")

    def _tick(self) -> None:
        with self._ticking:
            rows = self._take()
            if self._failing or self._kept:
                self._put_aside(rows)
                if time.monotonic() >= self._retry_at or self._closing:
                    self._recover()
            elif rows and not self._write(rows, again=False):
                self._put_aside(rows)
            self._in_hand = 0
            if not self._failing and time.monotonic() >= self._housekeeping_at:
                self._keep_house()

    def _take(self) -> list[Row]:
        """What has come. The list stays the same one: the event loop may append to it in this very moment."""
        fresh = self._fresh
        count = len(fresh)
        rows = [Row(self._next_number(), entry, content) for entry, content in fresh[:count]]
        self._in_hand = count
        del fresh[:count]
        return rows

    def _next_number(self) -> int:
        self._number = (self._number + 1) & (2**63 - 1)
        return self._number

    def _write(self, rows: list[Row], *, again: bool) -> bool:
        """Writes rows into the database; False where it takes none now."""
        from sqlalchemy.exc import DataError, IntegrityError

        from router.money.rows import write

        try:
            with self._database.writing() as connection:
                write(connection, rows, again=again)
        except Exception as error:  # whatever a row holds, the others are written
            unfit = not isinstance(error, RouterError) or isinstance(error.__cause__, DataError | IntegrityError)
            if not unfit:
                return self._failed(error)
            if len(rows) > 1:
                return all(self._write([row], again=True) for row in rows)
            self.lost += 1
            log.error("a request cannot be written into the ledger", request_id=rows[0].entry.id, error=str(error))
        return True

    def _failed(self, error: Exception) -> bool:
        if not self._failing:
            log.warning("the ledger is not written; rows go into the journal", error=str(error))
        self._failing = True
        self._retry_at = time.monotonic() + RETRY_S
        return False

    def _put_aside(self, rows: list[Row]) -> None:
        """Into the journal; where that fails too, into memory, where the oldest make room for the newest."""
        rows = self._kept + rows
        self._in_hand, self._kept = len(rows), []
        if not rows:
            return
        try:
            self._journal.append(rows)
            self._in_hand = 0
        except OSError as error:
            over = max(0, len(rows) - self._memory_rows)
            self.lost += over
            self._kept, self._in_hand = rows[over:], 0
            log.warning(
                "the ledger's journal cannot be written", error=str(error), in_memory=len(self._kept), lost=over
            )

    def _recover(self) -> None:
        """Tries the database again, with what was put aside."""
        for rows in self._journal.chunks():
            if not self._write(rows, again=True):
                return
        self._journal.clear()
        if self._kept and not self._write(self._kept, again=True):
            return
        self._kept = []
        if self._failing:
            log.warning("the ledger is written again")
        self._failing = False

    def _keep_house(self) -> None:
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_S
        self._adopt_orphans()
        if self._keep_days:
            from router.money.rows import forget

            try:
                with self._database.writing() as connection:
                    gone = forget(connection, int(self._clock() // DAY_S) - self._keep_days, FORGOTTEN_AT_ONCE)
                if gone == FORGOTTEN_AT_ONCE:  # there are more: not now, others want to write too
                    self._housekeeping_at = time.monotonic() + self._interval_s
            except RouterError as error:
                self._failed(error)

    def _adopt_orphans(self) -> None:
        """Writes the rows of processes that have ended."""
        for path in orphans(self._journal.folder):
            with orphan(path) as adopted:
                if adopted and all(self._write(rows, again=True) for rows in read_rows(path)):
                    path.unlink(missing_ok=True)
