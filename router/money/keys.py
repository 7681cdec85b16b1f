"""Virtual keys: what a token is, what it may, and who holds one. Looked up in memory; only digests are stored.

`stored_keys` writes them. A change is seen within `REFRESH_S`, by a thread; where the database is gone, the keys that
were known stay.
"""

import hashlib
import ipaddress
import secrets
import threading
from typing import TYPE_CHECKING

import structlog

from hone.errors import RouterError
from hone.records import Record

if TYPE_CHECKING:
    from router.money.database import Database

log = structlog.get_logger()

PREFIX = "hone-"
TOKEN_BYTES = 32
REFRESH_S = 0.4


class Key(Record, frozen=True):
    """One virtual key. A limit that is None does not exist; a budget of 0 allows only what costs nothing."""

    id: str
    name: str
    routes: tuple[str, ...] = ()  # which may be asked; empty: every one
    models: tuple[str, ...] = ()  # `MODEL`, `PROVIDER/MODEL` or `PROVIDER/*`; empty: every one
    rpm: int | None = None  # requests in any 60 s
    tpm: int | None = None  # tokens in any 60 s, input and output
    concurrent: int | None = None  # requests under way at once
    day_usd: float | None = None  # from 00:00 UTC
    month_usd: float | None = None  # from the 1st, 00:00 UTC
    created_at: float = 0.0  # epoch seconds
    revoked_at: float = 0.0  # 0: it is valid

    @property
    def limited(self) -> bool:
        """Whether it has any limit that must be counted."""
        unlimited = self.rpm is None and self.tpm is None and self.concurrent is None
        return not (unlimited and self.day_usd is None and self.month_usd is None)


OPEN = Key(id="", name="")
"""Whoever asks a router that has no keys; it listens on loopback only."""
MASTER = Key(id="master", name="master")
"""The holder of the master key: everything, without limits."""


def new_token() -> str:
    """A token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256. It has 256 random bits, so neither salt nor slow hash adds anything."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Keyring:
    """The valid keys, in memory. `master` is a token that is always valid; empty: there is none."""

    def __init__(self, database: "Database", *, master: str = "") -> None:
        self._database = database
        self._master = {digest(master): MASTER} if master else {}
        self._stored: dict[bytes, Key] = {}  # revoked ones too
        self._valid: dict[bytes, Key] = dict(self._master)
        self._change = -1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._stale = False

    def find(self, token: str) -> Key | None:
        """The valid key of a token. The time that it takes tells nothing: what is looked up is a digest."""
        return self._valid.get(digest(token))

    @property
    def open(self) -> bool:
        """Whether no key was ever made and there is no master key: everybody is `OPEN` then."""
        return not self._stored and not self._master

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every stored key that is valid."""
        return tuple(key for key in self._stored.values() if not key.revoked_at)

    def load(self) -> None:
        """Reads what has changed. Raises `RouterError` where the database cannot be used."""
        from router.money import stored_keys

        change, found = stored_keys.changed_since(self._database, self._change)
        if found:
            self._stored = {**self._stored, **found}
            valid = {secret: key for secret, key in self._stored.items() if not key.revoked_at}
            self._valid = self._master | valid
        self._change = change

    def watch(self) -> None:
        """Reads changes from now on, in a thread of its own, until `close`."""
        self._thread = threading.Thread(target=self._watch, name="keyring", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(REFRESH_S):
            try:
                self.load()
            except RouterError as error:
                if not self._stale:
                    log.warning("keys are not refreshed; the known ones stay valid", error=str(error))
                self._stale = True
            else:
                self._stale = False


def refuse_open_beyond_loopback(host: str, keyring: Keyring) -> None:
    """Raises `RouterError` where a router without keys would listen on more than this machine."""
    if keyring.open and not _is_loopback(host):
        raise RouterError(
            f"the router would listen on `{host}` and let everybody in, since it has no keys; make one with "
            "`hone router key create NAME`, or set `router.host: 127.0.0.1` in `configs/hone.yaml`"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_unshared_limits(workers: int, redis: str | None, keyring: Keyring) -> None:
    """Raises `RouterError` where several workers would each grant what a key may have once."""
    limited = next((key.name for key in keyring.keys if key.limited), None)
    if workers > 1 and redis is None and limited is not None:
        raise RouterError(
            f"{workers} workers would each count the limits of key `{limited}` on their own; set `router.redis` in "
            "`configs/hone.yaml` so that they share them, or run one worker"
        )
