"""What happened to deployments, append-only in one SQLite file, and where traffic goes by that history.

The last row with a `generation` decides the endpoint; a row of a lost race is never written (compare-and-swap).
Decides nothing: `deployment.plan` reads the rows, `deployment.rollout` writes them.
"""

import getpass
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from hone.errors import Busy, DeploymentError
from hone.layout import Layout
from hone.records import Deployment, Record

Kind = Literal["started", "ready", "switched", "rolled back", "failed", "stopped"]

LOCK_WAIT_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,            -- seconds since the epoch, UTC
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,         -- user@host
    from_version TEXT NOT NULL,  -- what served before; empty for nothing
    to_version TEXT NOT NULL,    -- what the event is about
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,        -- a log, on failures
    generation INTEGER UNIQUE,   -- set where the event changes where traffic goes
    deployment TEXT NOT NULL     -- the record as JSON
);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_replace BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id OR generation = NEW.generation)
    BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
"""
INSERT = """
INSERT INTO events (at, kind, actor, from_version, to_version, reason, detail, generation, deployment)
SELECT :at, :kind, :actor, :from_version, :to_version, :reason, :detail, :generation, :deployment
WHERE :generation IS NULL OR :generation = 1 + (SELECT coalesce(max(generation), 0) FROM events)
"""


class Event(Record, frozen=True):
    """One row. `generation` is 0 where the event left traffic as it was."""

    id: int
    at: float  # seconds since the epoch, UTC
    kind: Kind
    actor: str  # user@host
    from_version: str  # what served before; empty for nothing
    to_version: str  # the version that the event is about
    reason: str
    detail: str  # a log, on failures
    generation: int
    deployment: Deployment


class History:
    """The rows of one project. Use `open_history`."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    def append(
        self,
        kind: Kind,
        deployment: Deployment,
        *,
        from_version: str = "",
        reason: str = "",
        detail: str = "",
        generation: int | None = None,
    ) -> None:
        """Adds a row. With `generation` it changes the endpoint, and must be exactly one above the highest so far.

        Raises `Busy` where somebody else took that generation first; nothing is written then.
        """
        row = {
            "at": self._clock(),
            "kind": kind,
            "actor": actor(),
            "from_version": from_version,
            "to_version": deployment.model_version,
            "reason": reason,
            "detail": detail,
            "generation": generation,
            "deployment": msgspec.json.encode(deployment).decode(),
        }
        if self._connection.execute(INSERT, row).rowcount != 1:
            raise Busy("somebody else switched traffic in the meantime; look at `hone deploy status` and try again")

    def events(self) -> list[Event]:
        """Every row, oldest first."""
        rows = self._connection.execute(
            "SELECT id, at, kind, actor, from_version, to_version, reason, detail, coalesce(generation, 0), deployment"
            " FROM events ORDER BY id"
        )
        return [Event(*(*row[:-1], msgspec.json.decode(row[-1], type=Deployment))) for row in rows]


def history_path(layout: Layout) -> Path:
    """The SQLite file."""
    return layout.deployments / "history.db"


@contextmanager
def open_history(layout: Layout, *, clock: Callable[[], float] = time.time) -> Iterator[History]:
    """Opens the history, made if missing. Raises `DeploymentError` naming the file where it cannot be used."""
    path = history_path(layout)
    with suppress(OSError):  # sqlite says below what is wrong with the folder
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a switch survives a power cut
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'no_replace'").fetchone():
                connection.executescript(SCHEMA)
            yield History(connection, clock)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise DeploymentError(
            f"the deployment history `{path}` cannot be used: {error}; if it is damaged, move it away and deploy again"
        ) from error


def actor() -> str:
    """`user@host` of whoever runs this process; the user's number where it has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
