"""Virtual keys in the database: made, listed, limited, revoked. Imports SQLAlchemy."""

import re
import secrets
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, func, select, text, update

from hone.errors import RouterError
from router.money.database import Database
from router.money.keys import Key, digest, new_token
from router.money.tables import keys

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


def create(database: Database, key: Key, *, clock: Callable[[], float] = time.time) -> tuple[Key, str]:
    """Stores a new key with the name and limits of `key`; returns it with its id, and its token, which is not stored.

    Raises `RouterError` where the name is taken or cannot be one.
    """
    if not NAME.fullmatch(key.name):
        raise RouterError(f"`{key.name}` cannot be a key's name; take up to 64 letters, digits and `.`, `_`, `@`, `-`")
    made = msgspec.structs.replace(key, id=f"key_{secrets.token_hex(6)}", created_at=clock())
    token = new_token()
    with database.writing() as connection:
        _alone(connection)
        if connection.execute(select(keys.c.id).where(keys.c.name == key.name)).first():
            raise RouterError(f"there is a key `{key.name}` already; take another name, or `hone router key limit` it")
        row = {"id": made.id, "name": made.name, "digest": digest(token), "settings": _json(made)}
        connection.execute(keys.insert().values(**row, change=_next_change(connection)))
    return made, token


def listed(database: Database) -> list[Key]:
    """Every key, in the order of their making; revoked ones too."""
    with database.reading() as connection:
        rows = connection.execute(select(keys.c.settings)).all()
    return sorted((_key(row.settings) for row in rows), key=lambda key: (key.created_at, key.name))


def named(database: Database, name: str) -> Key:
    """The key of that name. Raises `RouterError` where there is none."""
    with database.reading() as connection:
        return _named(connection, name)


def change(database: Database, name: str, changed: Callable[[Key], Key]) -> Key:
    """Stores what `changed` makes of the key. Raises `RouterError` where there is none of that name."""
    with database.writing() as connection:
        _alone(connection)
        key = changed(_named(connection, name))
        row = {"settings": _json(key), "change": _next_change(connection)}
        connection.execute(update(keys).where(keys.c.id == key.id).values(**row))
    return key


def revoke(database: Database, name: str, *, clock: Callable[[], float] = time.time) -> Key:
    """Makes the key invalid for good; its name stays taken, so that the ledger stays readable."""
    return change(
        database, name, lambda key: key if key.revoked_at else msgspec.structs.replace(key, revoked_at=clock())
    )


def changed_since(database: Database, seen: int) -> tuple[int, dict[bytes, Key]]:
    """The number of the last change, and the keys that changed after `seen`, by their tokens' digests."""
    with database.reading() as connection:
        rows = connection.execute(
            select(keys.c.digest, keys.c.settings, keys.c.change).where(keys.c.change > seen)
        ).all()
    return max((row.change for row in rows), default=seen), {bytes(row.digest): _key(row.settings) for row in rows}


def _named(connection: Connection, name: str) -> Key:
    row = connection.execute(select(keys.c.settings).where((keys.c.name == name) | (keys.c.id == name))).first()
    if row is None:
        raise RouterError(f"there is no key `{name}`; `hone router key list` shows them")
    return _key(row.settings)


def _alone(connection: Connection) -> None:
    """Keeps others from changing keys until the transaction ends: changes are seen in the order of their numbers."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE"))


def _next_change(connection: Connection) -> int:
    return 1 + int(connection.execute(select(func.coalesce(func.max(keys.c.change), 0))).scalar_one())


def _json(key: Key) -> str:
    return msgspec.json.encode(key).decode()


def _key(settings: str) -> Key:
    try:
        return msgspec.json.decode(settings, type=Key)
    except msgspec.DecodeError as error:
        raise RouterError(f"a stored key is not readable by this version of Hone: {error}") from error
