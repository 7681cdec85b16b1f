"""The tables of the router's database. Imports SQLAlchemy: only threads and commands import this."""

from contextlib import suppress

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.exc import DBAPIError

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("digest", LargeBinary, unique=True, nullable=False),  # SHA-256 of the token
    Column("settings", Text, nullable=False),  # `router.money.keys.Key` as JSON
    Column("change", BigInteger, nullable=False, index=True),  # rises by one with each change of any key
)

requests = Table(
    "requests",
    metadata,
    Column("row", BigInteger, primary_key=True, autoincrement=False),  # ours: a row that is written again is known
    Column("id", String, nullable=False),  # the request id, which a client may choose: not unique
    Column("at", Float(53), nullable=False),  # epoch seconds
    Column("day", Integer, nullable=False),  # days since 1970-01-01, UTC
    Column("key", String, nullable=False),
    Column("door", String, nullable=False),
    Column("asked_model", String, nullable=False),
    Column("route", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost_usd", Float(53), nullable=False),
    Column("first_token_s", Float(53), nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Index("requests_at", "at"),
    Index("requests_id", "id"),
)

spent = Table(  # what budgets are rebuilt from: written with the requests, kept when they are forgotten
    "spent",
    metadata,
    Column("key", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("usd", Float(53), nullable=False),
)

contents = Table(  # only where somebody has asked for it: what was asked and answered
    "contents",
    metadata,
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("request", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("row", BigInteger, nullable=False),  # of the request
    Column("request_id", String, nullable=False),
    Column("key", String, nullable=False),
    Column("verdict", String, nullable=False),  # "accepted", "rejected", "edited" or "scored"
    Column("text", Text, nullable=False),  # what an edited answer was made to
    Column("score", Float(53)),
)


def make_missing(engine: Engine) -> None:
    """Makes the tables that are missing; several processes may do so at once."""
    if set(metadata.tables) <= set(inspect(engine).get_table_names()):
        return
    with suppress(DBAPIError):  # another process made one between our look and our word; the second time, we see it
        metadata.create_all(engine)
        return
    metadata.create_all(engine)
