"""The ledger's rows in the database: written, forgotten, summed up for budgets. Imports SQLAlchemy."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select, text

from router.money.journal import Content, Row
from router.money.limits import DAY_S, Spent, first_day, month_of
from router.money.tables import contents, requests, spent

T = TypeVar("T")

LONGEST = 500  # characters of anything that a client or provider wrote
KNOWN_AT_ONCE = 500  # numbers in one query; SQLite takes 32,766 parameters at most
ADD_SPENT = text(
    "INSERT INTO spent (key, day, usd) VALUES (:key, :day, :usd) "
    "ON CONFLICT (key, day) DO UPDATE SET usd = spent.usd + excluded.usd"
)


_names = ", ".join(f'"{column.name}"' for column in requests.c)
INSERT = {
    style: f"INSERT INTO requests ({_names}) VALUES ({', '.join([mark] * len(requests.c))})"  # noqa: S608 - our own names
    for style, mark in (("qmark", "?"), ("pyformat", "%s"))
}


def write(connection: Connection, rows: Sequence[Row], *, again: bool) -> None:
    """Adds the rows and what they cost. `again`: some may stand there already, and are left out."""
    fresh = _unknown(connection, rows) if again else rows
    if not fresh:
        return
    # Past SQLAlchemy's handling of single parameters: a third of its time, for what runs with every request.
    connection.exec_driver_sql(INSERT[connection.dialect.paramstyle], [_values(row) for row in fresh])
    costs: dict[tuple[str, int], float] = {}
    for row in fresh:
        if row.entry.cost_usd:
            at = row.entry.key, int(row.entry.at // DAY_S)
            costs[at] = costs.get(at, 0.0) + row.entry.cost_usd
    if costs:  # sorted: two processes that add to the same sums take the rows' locks in the same order
        connection.execute(
            ADD_SPENT, [{"key": key, "day": day, "usd": usd} for (key, day), usd in sorted(costs.items())]
        )
    kept = [_content(row.number, row.content) for row in fresh if row.content is not None]
    if kept:
        connection.execute(contents.insert(), kept)


def this_month(connection: Connection, now: float, keys: Sequence[str] | None = None) -> list[Spent]:
    """What each key (or each of `keys`) has spent on each day of this month, UTC."""
    asked = select(spent.c.key, spent.c.day, spent.c.usd).where(spent.c.day >= first_day(month_of(int(now // DAY_S))))
    if keys is not None:
        asked = asked.where(spent.c.key.in_(keys))
    return [Spent(*row) for row in connection.execute(asked)]


def forget(connection: Connection, before_day: int, most: int) -> int:
    """Deletes up to `most` requests of earlier days, with their contents; returns how many it were."""
    asked = select(requests.c.row).where(requests.c.at < before_day * DAY_S).limit(most)
    old = connection.execute(asked).scalars().all()
    for part in _parts(old, KNOWN_AT_ONCE):
        connection.execute(delete(contents).where(contents.c.row.in_(part)))
        connection.execute(delete(requests).where(requests.c.row.in_(part)))
    return len(old)


def _unknown(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Those rows that the database does not hold."""
    known: set[int] = set()
    for part in _parts(rows, KNOWN_AT_ONCE):
        numbers = [row.number for row in part]
        known.update(connection.execute(select(requests.c.row).where(requests.c.row.in_(numbers))).scalars())
    return [row for row in rows if row.number not in known]


def _parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _content(number: int, told: Content) -> dict[str, Any]:
    whole = 2**31  # contents are never cut
    return {"row": number, "request": _clean(told.request, whole), "answer": _clean(told.answer, whole)}


def _values(row: Row) -> tuple[Any, ...]:
    """A row's values in the order of the table's columns."""
    entry, usage = row.entry, row.entry.usage
    return (
        row.number,
        _clean(entry.id),
        entry.at,
        int(entry.at // DAY_S),
        entry.key,
        entry.door,
        _clean(entry.asked_model),
        _clean(entry.route),
        entry.provider,
        entry.model,
        entry.model_version,
        entry.generation,
        entry.status,
        entry.outcome,
        entry.attempts,
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        entry.cost_usd,
        entry.first_token_s,
        entry.seconds,
        entry.cached,
        _clean(entry.reason),
    )


def _clean(written: str, longest: int = LONGEST) -> str:
    """Cut, and without what PostgreSQL does not store."""
    cut = written if len(written) <= longest else written[:longest]
    return cut.replace("\0", "\ufffd") if "\0" in cut else cut
