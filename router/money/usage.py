"""What the ledger says: sums by key, route, provider, model or day, and the last minute. Imports SQLAlchemy."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, Select, case, false, func, select

from hone.errors import RouterError
from hone.records import Record
from router.money.database import Database
from router.money.keys import MASTER
from router.money.limits import DAY_S
from router.money.tables import keys, requests, spent

By = Literal["key", "route", "provider", "model", "day"]
SPANS_S = {"m": 60, "h": 3600, "d": DAY_S}
LONGEST_S = 600.0  # of a request that `recent` still finds
Row = Any  # SQLAlchemy's


class Used(Record, frozen=True):
    """The sums of one group. Latencies are of whole answers that a provider gave, from first to last byte."""

    group: str
    requests: int
    errors: int  # no provider answered, or an answer was cut
    refused: int  # by the router itself
    cached: int  # answered from the router's cache
    input_tokens: int
    output_tokens: int
    cost_usd: float
    p50_s: float | None  # None: there was no such answer
    p95_s: float | None


class Flow(Record, frozen=True):
    """What one place has answered in the last `span_s`."""

    route: str
    provider: str
    model: str
    model_version: str
    requests: int
    errors: int
    output_tokens: int
    cost_usd: float
    mean_s: float


def parse_since(said: str, now: float) -> float:
    """`90m`, `24h`, `7d` or a date (00:00 UTC) as epoch seconds. Raises `RouterError`."""
    if span := re.fullmatch(r"(\d{1,6})([mhd])", said):
        return now - int(span[1]) * SPANS_S[span[2]]
    try:
        return datetime.strptime(said, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise RouterError(f"`--since {said}` is no span or date; take 90m, 24h, 7d or 2026-10-01") from None


def parse_by(said: str) -> By:
    """What to group by. Raises `RouterError`."""
    for by in get_args(By):
        if said == by:
            return by  # type: ignore[no-any-return]
    raise RouterError(f"`--by {said}` is not possible; take {', '.join(get_args(By))}")


def used(database: Database, by: By, since: float) -> tuple[list[Used], Used]:
    """The groups since then, dearest first (days in their order), and all of them together. Raises `RouterError`."""
    with database.reading() as connection:
        names = {row.id: row.name for row in connection.execute(select(keys.c.id, keys.c.name))}
        groups = _sums(connection, requests.c[by], since)
        (total,) = _sums(connection, None, since) or [_nothing()]
    named = [_named(group, by, names) for group in groups]
    named.sort(
        key=lambda group: (0.0, 0, group.group) if by == "day" else (-group.cost_usd, -group.requests, group.group)
    )
    return named, total


def recent(database: Database, now: float, span_s: float) -> tuple[list[Flow], float]:
    """What was answered in the last `span_s`, busiest first, and what today has cost. Raises `RouterError`."""
    columns = requests.c["route", "provider", "model", "model_version"]
    asked = (
        select(*columns, func.count(), _errors(), func.sum(requests.c.output_tokens), func.sum(requests.c.cost_usd),
               func.avg(requests.c.seconds))
        .where(requests.c.at >= now - span_s - LONGEST_S, requests.c.at + requests.c.seconds >= now - span_s)
        .group_by(*columns)
    )  # fmt: skip
    today = select(func.coalesce(func.sum(spent.c.usd), 0.0)).where(spent.c.day == int(now // DAY_S))
    with database.reading() as connection:
        flows = [
            Flow(*row[:4], int(row[4]), int(row[5]), int(row[6]), row[7], row[8]) for row in connection.execute(asked)
        ]
        cost = float(connection.execute(today).scalar_one())
    return sorted(flows, key=lambda flow: (-flow.requests, flow.provider, flow.model)), cost


def spent_by(database: Database, key: str, now: float) -> tuple[float, float]:
    """What a key has spent today and this month, UTC. Raises `RouterError`."""
    from router.money.rows import this_month

    with database.reading() as connection:
        days = this_month(connection, now, [key])
    return sum(row.usd for row in days if row.day == int(now // DAY_S)), sum(row.usd for row in days)


def _sums(connection: Connection, column: Any, since: float) -> list[Used]:
    grouped = [] if column is None else [column]
    sums: Select[Any] = (
        select(
            *grouped, func.count(), _errors(), _count_of(requests.c.outcome == "refused"), _count_of(requests.c.cached),
            func.sum(requests.c.input_tokens), func.sum(requests.c.output_tokens), func.sum(requests.c.cost_usd),
        ).where(requests.c.at >= since).group_by(*grouped)
    )  # fmt: skip
    latencies = _percentiles(connection, column, since)
    found = []
    for row in connection.execute(sums):
        group, counts = (row[0], row[1:]) if grouped else (None, row)
        if counts[0]:
            p50_s, p95_s = latencies.get(group, (None, None))
            figures = [int(count) for count in counts[:6]]
            found.append(Used(str(group), *figures, float(counts[6]), p50_s, p95_s))  # type: ignore[call-arg]
    return found


def _percentiles(connection: Connection, column: Any, since: float) -> dict[Any, tuple[float, float]]:
    """Median and 95th percentile by group: the smallest latency that so many are not above (nearest rank)."""
    group = requests.c.day * 0 if column is None else column
    seconds = requests.c.seconds
    ranked = (
        select(
            group.label("of"),
            seconds,
            func.row_number().over(partition_by=group, order_by=seconds).label("rank"),
            func.count().over(partition_by=group).label("all"),
        )
        .where(requests.c.at >= since, requests.c.outcome == "ok", requests.c.cached == false())
        .subquery()
    )
    at = [func.max(case((ranked.c.rank == (ranked.c.all * share + 99) // 100, ranked.c.seconds))) for share in (50, 95)]
    rows = connection.execute(select(ranked.c.of, *at).group_by(ranked.c.of))
    return {None if column is None else row[0]: (row[1], row[2]) for row in rows}


def _errors() -> Any:
    return _count_of(requests.c.outcome.in_(("failed", "cut")))


def _count_of(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _named(group: Used, by: By, names: Mapping[str, str]) -> Used:
    """With the name that people know."""
    said = group.group
    if by == "key":
        said = names.get(said, said if said in ("", MASTER.id) else f"{said} (unknown)")
    elif by == "day":
        said = datetime.fromtimestamp(int(said) * DAY_S, UTC).strftime("%Y-%m-%d")
    return msgspec.structs.replace(group, group=said or "(none)")


def _nothing() -> Used:
    return Used("None", 0, 0, 0, 0, 0, 0, 0.0, None, None)
