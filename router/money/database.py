"""The router's database: SQLite in WAL where nothing else is said, PostgreSQL by URL. Opened at its first use.

SQLAlchemy is imported then, not before: a process that never asks the database never pays for it.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hone.errors import RouterError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

SQLITE_WAIT_S = 0.25  # for another process's lock; rows that wait longer go into the journal
PING_S, TRANSACTION_S = 2.0, 5.0  # how long a PostgreSQL may say nothing
POSTGRES = {
    "connect_timeout": 2,  # seconds
    "options": "-c statement_timeout=5000 -c lock_timeout=2000 -c timezone=UTC",
    "application_name": "hone-router",
}


class Database:
    """One database by its URL: `sqlite:////folder/router.db` or `postgresql://user@host/name`.

    `wait_s` is for SQLite's lock, while another process writes. Raises `RouterError` where the URL names neither.
    """

    def __init__(self, url: str, *, wait_s: float = SQLITE_WAIT_S) -> None:
        if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise RouterError(
                f"the router's database cannot be `{url.split('://', 1)[0]}`; take `sqlite:////FOLDER/router.db` or "
                "`postgresql://USER@HOST/NAME`"
            )
        self.url = url
        self._wait_s = wait_s
        self._opening = threading.Lock()
        self._engine: Engine | None = None

    @property
    def shown(self) -> str:
        """Its URL without the password; a file's path."""
        if self.url.startswith("sqlite:///"):
            return self.url.removeprefix("sqlite:///")
        parts = urlsplit(self.url)
        at = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{at}{parts.path}"

    @contextmanager
    def writing(self) -> Iterator["Connection"]:
        """A transaction that may write. Raises `RouterError` where the database cannot be used; nothing is written."""
        with self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator["Connection"]:
        """A transaction that only reads; SQLite's writers do not stand in its way."""
        with self._connected() as connection, connection.execution_options(hone_reads=True).begin():
            yield connection

    def close(self) -> None:
        """Lets go of its connections."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def _connected(self) -> Iterator["Connection"]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._opening:
                if self._engine is None:
                    self._engine = self._open()
            with _working(self._engine) as connection, _deadline(connection, TRANSACTION_S):
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise RouterError(f"the router's database `{self.shown}` cannot be used: {_reason(error)}") from error

    def _open(self) -> "Engine":
        """Connects, and makes the tables that are missing."""
        from sqlalchemy import URL, create_engine

        from router.money.tables import make_missing

        if self.url.startswith("sqlite"):
            Path(self.shown).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(URL.create("sqlite", database=self.shown), connect_args={"timeout": self._wait_s})
            _as_wal(engine)
        else:
            url = "postgresql+psycopg://" + self.url.split("://", 1)[1]
            engine = create_engine(url, connect_args=POSTGRES, pool_timeout=5)
        make_missing(engine)
        return engine


@contextmanager
def _working(engine: "Engine") -> Iterator["Connection"]:
    """A connection that answers: one that broke while it lay in the pool is replaced."""
    from sqlalchemy.exc import OperationalError

    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        try:
            with _deadline(connection, PING_S):
                connection.exec_driver_sql("SELECT 1")
            connection.rollback()
        except OperationalError:
            connection.close()
            connection = engine.connect()
    with connection:
        yield connection


@contextmanager
def _deadline(connection: "Connection", span_s: float) -> Iterator[None]:
    """Hangs up after so long. A server that hangs answers no timeout of its own, and the driver waits for ever."""
    if connection.dialect.name != "postgresql":
        yield
        return
    timer = threading.Timer(span_s, _hang_up, [connection.connection.driver_connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(driver: Any) -> None:
    if not driver.closed:
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def _as_wal(engine: "Engine") -> None:
    """Write-ahead log, a flush to disk with each commit, and transactions that take SQLite's lock when they begin."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # we begin ourselves, below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # twice a second, off the request path: it costs nothing there

    @event.listens_for(engine, "begin")
    def _(connection: "Connection") -> None:
        reads = connection.get_execution_options().get("hone_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _reason(error: Exception) -> str:
    """The driver's own words, in one line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0].strip()
