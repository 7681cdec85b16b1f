"""The one moment at which traffic moves, and the lock under which it may. Starts and stops no server by itself."""

import sqlite3
from contextlib import AbstractContextManager

from deployment.engines import open_engine
from deployment.history import History, Kind
from deployment.plan import State
from hone.errors import HoneError
from hone.files import locked
from hone.layout import Layout
from hone.records import Deployment, Endpoint, write_record


def exclusively(layout: Layout) -> AbstractContextManager[None]:
    """One command at a time. Raises `Busy` naming the process that is at work."""
    return locked(layout.deployments / ".lock", what="another deployment command")


def switch(layout: Layout, history: History, state: State, new: Deployment, kind: Kind, *, reason: str) -> None:
    """The one moment at which traffic moves: a row in the history, then the pointer that the router reads."""
    generation = state.generation + 1
    try:
        history.append(kind, new, from_version=state.serving, reason=reason, generation=generation)
    except (HoneError, sqlite3.Error):
        if new not in state.standing:
            open_engine(layout, new.engine).stop(new.handle, 0)
        raise
    write_record(layout.endpoint, Endpoint(generation, new))
