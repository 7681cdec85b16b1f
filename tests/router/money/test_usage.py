"""What the ledger says, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hone.errors import RouterError
from router.kinds import Usage
from router.money import stored_keys
from router.money.database import Database
from router.money.ledger import Ledger
from router.money.usage import Flow, Used, parse_since, recent, spent_by, used
from tests.router.money.making import entry, key

AT = entry().at


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(database, tmp_path / "journal", interval_s=60, clock=lambda: AT)
    made.start()
    yield made
    made.close()


def test_requests_are_summed_by_model_the_dearest_first(ledger: Ledger, database: Database) -> None:
    for number in range(100):
        ledger.add(
            entry(number, seconds=(number + 1) / 100, usage=Usage(input_tokens=10, output_tokens=5), cost_usd=0.01)
        )
    ledger.add(entry(model="claude", cost_usd=5.0, seconds=3.0))
    ledger.add(entry(model="claude", outcome="failed", status=502, cost_usd=0.0, seconds=90.0))
    ledger.add(entry(model="claude", outcome="cut", cost_usd=0.0))
    ledger.add(entry(model="claude", outcome="ok", cached=True, cost_usd=0.0, seconds=0.0))
    ledger.flush()
    groups, total = used(database, "model", 0.0)
    assert groups[0] == Used("claude", 4, 2, 0, 1, 400, 200, 5.0, 3.0, 3.0)
    assert groups[1] == Used("gpt", 100, 0, 0, 0, 1000, 500, pytest.approx(1.0), 0.5, 0.95)  # type: ignore[arg-type]
    assert (total.requests, total.errors, total.cached, total.cost_usd) == (104, 2, 1, pytest.approx(6.0))
    assert total.p50_s == 0.51


def test_requests_are_summed_by_key_with_the_names_that_people_know(ledger: Ledger, database: Database) -> None:
    made, _ = stored_keys.create(database, key("ci"))
    for who in (made.id, "", "master", "key_lost"):
        ledger.add(entry(key=who))
    ledger.flush()
    assert sorted(group.group for group in used(database, "key", 0.0)[0]) == [
        "(none)",
        "ci",
        "key_lost (unknown)",
        "master",
    ]


def test_days_stand_in_their_order(ledger: Ledger, database: Database) -> None:
    for days in (0, 2, 1):
        ledger.add(entry(at=AT - days * 86_400, cost_usd=float(days)))
    ledger.flush()
    assert [group.group for group in used(database, "day", 0.0)[0]] == ["2026-09-19", "2026-09-20", "2026-09-21"]


def test_only_what_came_since_is_summed_and_nothing_is_nothing(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(at=AT))
    ledger.add(entry(at=AT - 100))
    ledger.flush()
    assert used(database, "provider", AT - 50)[1].requests == 1
    groups, total = used(database, "provider", AT + 50)
    assert groups == []
    assert (total.requests, total.p50_s) == (0, None)


def test_what_a_key_has_spent_is_known_by_day_and_month(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(at=AT))
    ledger.add(entry(at=AT - 86_400))
    ledger.add(entry(at=AT - 40 * 86_400))
    ledger.flush()
    assert spent_by(database, "key_ci", AT) == (0.25, 0.5)
    assert spent_by(database, "key_other", AT) == (0, 0)


def test_the_last_seconds_show_what_ended_in_them(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(at=AT - 300, seconds=295.0, model_version="code:3", provider="hone"))  # a long stream
    ledger.add(entry(at=AT - 300, seconds=1.0))
    ledger.add(entry(at=AT - 2, seconds=1.0))
    ledger.add(entry(at=AT - 3, seconds=2.0, outcome="failed"))
    ledger.flush()
    flows, today = recent(database, AT, 10.0)
    assert flows == [
        Flow("code-generation", "openai", "gpt", "", 2, 1, 100, 0.5, 1.5),
        Flow("code-generation", "hone", "gpt", "code:3", 1, 0, 50, 0.25, 295.0),
    ]
    assert today == 1.0


@pytest.mark.parametrize(
    ("said", "since"), [("90m", AT - 5400), ("24h", AT - 86_400), ("7d", AT - 604_800), ("2026-09-01", 1_788_220_800.0)]
)
def test_a_span_or_a_date_is_read(said: str, since: float) -> None:
    assert parse_since(said, AT) == since


@pytest.mark.parametrize("said", ["", "7", "d", "7w", "-7d", "2026-13-01", "yesterday", "9999999d"])
def test_what_is_neither_is_refused(said: str) -> None:
    with pytest.raises(RouterError, match="is no span or date; take 90m, 24h, 7d or 2026-10-01"):
        parse_since(said, AT)
