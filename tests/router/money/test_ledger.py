"""What the ledger promises: every request, soon, whatever becomes of its database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hone.errors import RouterError
from router.money.database import Database
from router.money.journal import Content
from router.money.ledger import INTERVAL_S, Ledger
from router.money.limits import DAY_S, Spent
from router.money.tables import contents, requests, spent
from tests.router.money.making import entry, wait_for
from tests.router.money.servers import PostgresServer

WRITER = Path(__file__).parent / "writer.py"
AT = entry().at
TODAY = int(AT // DAY_S)
SLACK_S = 1.5  # what a busy machine may add to an interval


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(database, tmp_path / "journal", interval_s=0.05, clock=lambda: AT)
    made.start()
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/router.db")


def rows(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(requests)).scalar_one())


def ids(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(select(requests.c.id)).scalars())


def usd(database: Database) -> float:
    with database.reading() as connection:
        return float(connection.execute(select(func.coalesce(func.sum(spent.c.usd), 0.0))).scalar_one())


def start_writer(database: Database, journal: Path, *options: str) -> "subprocess.Popen[str]":
    """A process that adds requests, one every few milliseconds, and prints the number of each."""
    command = [sys.executable, str(WRITER), database.url, str(journal), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def test_what_is_added_is_in_the_database_by_itself(ledger: Ledger, database: Database) -> None:
    for number in range(100):
        ledger.add(entry(number))
    wait_for(lambda: rows(database) == 100)
    assert ledger.waiting == 0


def test_a_request_is_read_as_it_was_added(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(7, model_version="code:3", generation=4, reason="it was so"))
    ledger.flush()
    with database.reading() as connection:
        row = connection.execute(select(requests)).one()
    assert (row.id, row.at, row.day, row.key, row.door) == ("request-7", AT + 7, TODAY, "key_ci", "chat")
    assert (row.model_version, row.generation, row.reason) == ("code:3", 4, "it was so")
    assert (row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens) == (100, 20, 50, 10)
    assert (row.cost_usd, row.first_token_s, row.seconds, row.cached) == (0.25, 0.2, 1.0, False)


def test_closing_writes_what_is_left(database: Database, tmp_path: Path) -> None:
    ledger = Ledger(database, tmp_path / "journal", interval_s=60)
    ledger.start()
    for number in range(50):
        ledger.add(entry(number))
    ledger.close()
    assert rows(database) == 50


def test_a_client_may_use_a_request_id_twice(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(1))
    ledger.add(entry(1))
    ledger.flush()
    assert rows(database) == 2
    assert usd(database) == 0.5


def test_what_keys_have_spent_this_month_is_summed_by_day(ledger: Ledger) -> None:
    for at in (AT, AT, AT - DAY_S, AT - 31 * DAY_S):
        ledger.add(entry(at=at))
    ledger.add(entry(key="key_other"))
    assert sorted(ledger.spent(["key_ci"]), key=lambda row: row.day) == [
        Spent("key_ci", TODAY - 1, 0.25),
        Spent("key_ci", TODAY, 0.5),
    ]
    assert {row.key for row in ledger.spent()} == {"key_ci", "key_other"}


def test_strange_text_is_stored_and_a_request_that_no_database_takes_stops_no_other(
    ledger: Ledger, database: Database
) -> None:
    ledger.add(entry(1, asked_model="a\0b" + "x" * 10_000))
    ledger.add(entry(2, cost_usd=float("nan"), generation=2**70))
    ledger.add(entry(3))
    ledger.flush()
    assert ids(database) == {"request-1", "request-3"}
    assert ledger.lost == 1
    assert ledger.waiting == 0


def test_contents_are_kept_whole_and_only_where_they_are_given(ledger: Ledger, database: Database) -> None:
    ledger.add(entry(1))
    asked, answered = '{"messages": []}' + " " * 10_000, "def f(): ..." * 10_000
    ledger.add(entry(2), Content(request=asked, answer=answered))
    ledger.flush()
    with database.reading() as connection:
        assert [(row.request, row.answer) for row in connection.execute(select(contents))] == [(asked, answered)]


def test_requests_older_than_they_are_kept_are_forgotten_and_their_cost_is_not(
    database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(database, tmp_path / "journal", keep_days=30, clock=lambda: AT)
    ledger.add(entry(1, at=AT - 40 * DAY_S), Content(request="{}", answer=""))
    ledger.add(entry(2, at=AT - 20 * DAY_S))
    ledger.flush()
    assert ids(database) == {"request-2"}
    assert usd(database) == 0.5
    ledger.close()


def test_several_processes_write_at_once(database: Database, tmp_path: Path) -> None:
    writers = [start_writer(database, tmp_path / "journal", "--name", f"w{n}", "--rows", "150") for n in range(4)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    successor = Ledger(database, tmp_path / "journal")  # what a writer could not wait for is in its journal
    successor.start()
    successor.close()
    assert rows(database) == 600
    assert usd(database) == pytest.approx(150.0)


def test_a_killed_process_loses_at_most_its_last_interval(database: Database, tmp_path: Path) -> None:
    writer = start_writer(database, tmp_path / "journal")
    assert writer.stdout is not None
    times = [float(writer.stdout.readline().split()[1]) for _ in range(400)]
    writer.kill()
    times += [float(line.split()[1]) for line in writer.stdout.read().splitlines() if len(line.split()) == 2]
    writer.wait()
    kept = len(ids(database))
    assert kept < len(times) or times[-1] - times[kept - 1] < SLACK_S
    assert times[-1] - times[min(kept, len(times) - 1)] <= INTERVAL_S + SLACK_S
    assert kept > 0


def test_a_process_told_to_end_loses_nothing(database: Database, tmp_path: Path) -> None:
    writer = start_writer(database, tmp_path / "journal")
    assert writer.stdout is not None
    for _ in range(200):
        writer.stdout.readline()
    writer.send_signal(signal.SIGTERM)
    rest, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert rows(database) == 200 + len(rest.splitlines())


def test_rows_of_a_locked_database_go_into_the_journal_and_come_back(sqlite: Database, tmp_path: Path) -> None:
    ledger = Ledger(sqlite, tmp_path / "journal", interval_s=0.05, clock=lambda: AT)
    ledger.start()
    with closing(sqlite3.connect(sqlite.shown, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(20):
            ledger.add(entry(number))
        wait_for(lambda: bool(list((tmp_path / "journal").glob("*.jsonl"))))
        ledger.flush()
        assert ledger.waiting == 20
        assert rows(sqlite) == 0
        other.execute("ROLLBACK")
    wait_for(lambda: rows(sqlite) == 20)
    wait_for(lambda: ledger.waiting == 0)
    assert usd(sqlite) == 5.0
    assert list((tmp_path / "journal").iterdir()) == []
    ledger.close()


def test_a_process_killed_beside_a_locked_database_leaves_its_rows_to_the_next(
    sqlite: Database, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with sqlite.reading():
        pass
    writer = start_writer(sqlite, journal, "--rows", "30", "--then-wait")
    assert writer.stdout is not None
    with closing(sqlite3.connect(sqlite.shown, isolation_level=None)) as other:
        assert writer.stdout.readline().startswith("started")
        other.execute("BEGIN IMMEDIATE")
        written = [writer.stdout.readline() for _ in range(30)]
        wait_for(lambda: sum(path.read_bytes().count(b"\n") for path in journal.glob("*.jsonl")) + rows(sqlite) == 30)
        writer.kill()
        writer.wait()
        other.execute("ROLLBACK")
    successor = Ledger(sqlite, journal)
    successor.start()
    assert rows(sqlite) == len(written) == 30
    assert list(journal.iterdir()) == []
    successor.close()


def test_nobody_takes_the_journal_of_a_living_process(sqlite: Database, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    ledger = Ledger(sqlite, journal, interval_s=60)
    ledger.start()
    with closing(sqlite3.connect(sqlite.shown, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ledger.add(entry(1))
        ledger.flush()
        other.execute("ROLLBACK")
    successor = Ledger(sqlite, journal)
    successor.start()
    assert rows(sqlite) == 0
    successor.close()
    ledger.close()
    assert rows(sqlite) == 1


def test_a_torn_line_is_left_out_and_an_unreadable_one_is_kept(sqlite: Database, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    first = Ledger(sqlite, tmp_path / "first", interval_s=60)
    with sqlite.reading(), closing(sqlite3.connect(sqlite.shown, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first.add(entry(1))
        first.flush()
    (left,) = (tmp_path / "first").iterdir()
    whole = left.read_bytes()
    (journal / "rows-1-dead.jsonl").write_bytes(whole + b'{"what": 1}\n' + whole[: len(whole) // 2])
    successor = Ledger(sqlite, journal)
    successor.start()
    assert ids(sqlite) == {"request-1"}
    assert [json.loads(line) for line in (journal / "unreadable.jsonl").read_text().splitlines()] == [{"what": 1}]
    successor.close()


def test_a_journal_that_was_written_already_changes_nothing(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.reading():
        pass
    first = Ledger(sqlite, tmp_path / "first", interval_s=60)
    with closing(sqlite3.connect(sqlite.shown, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first.add(entry(1))
        first.flush()
    (left,) = (tmp_path / "first").iterdir()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows-1-dead.jsonl").write_bytes(left.read_bytes())
        successor = Ledger(sqlite, tmp_path / name)
        successor.start()
        successor.close()
        assert successor.lost == 0
    assert rows(sqlite) == 1
    assert usd(sqlite) == 0.25


def test_a_full_disk_keeps_rows_in_memory_and_loses_only_what_is_too_much(tmp_path: Path) -> None:
    sqlite = Database(f"sqlite:///{tmp_path}/router.db")
    writer = start_writer(sqlite, tmp_path / "journal", "--rows", "40", "--full-disk", "--memory-rows", "30")
    out, _ = writer.communicate(timeout=60)
    said = json.loads(out.splitlines()[-1])
    assert said == {"waiting_when_full": 30, "lost": 10, "waiting_at_the_end": 0}
    assert ids(sqlite) == {f"w-{number}" for number in range(10, 40)}


def test_rows_survive_a_postgres_that_is_gone(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url)
    ledger = Ledger(database, tmp_path / "journal", interval_s=0.05)
    ledger.start()
    ledger.add(entry(1))
    wait_for(lambda: rows(database) == 1)
    postgres.stop()
    try:
        for number in range(2, 12):
            ledger.add(entry(number))
        wait_for(lambda: bool(list((tmp_path / "journal").glob("*.jsonl"))))
        with pytest.raises(RouterError, match=r"`postgresql://127\.0\.0\.1:\d+/postgres` cannot be used"):
            ledger.spent()
    finally:
        postgres.start()
    wait_for(lambda: ledger.waiting == 0)
    assert rows(database) == 11
    ledger.close()
    database.close()


def test_a_postgres_that_hangs_holds_up_nobody(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url)
    ledger = Ledger(database, tmp_path / "journal", interval_s=0.05)
    ledger.start()
    postgres.signal(signal.SIGSTOP)
    try:
        started = time.thread_time()
        for number in range(1000):
            ledger.add(entry(number))
        assert time.thread_time() - started < 1.0
        wait_for(lambda: bool(list((tmp_path / "journal").glob("*.jsonl"))))
    finally:
        postgres.signal(signal.SIGCONT)
    wait_for(lambda: ledger.waiting == 0)
    assert rows(database) == 1000
    ledger.close()
    database.close()


def test_a_database_that_cannot_be_used_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "router.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(RouterError, match=r"router\.db` cannot be used: file is not a database"):
        Ledger(Database(f"sqlite:///{tmp_path}/router.db"), tmp_path / "journal").start()
    if os.geteuid() != 0:
        with pytest.raises(RouterError, match="cannot be used"):
            Ledger(Database("sqlite:////proc/router.db"), tmp_path / "journal").start()


def test_a_folder_s_name_may_hold_anything(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/what? 100 %41 #1/router.db")
    ledger = Ledger(database, tmp_path / "journal")
    ledger.start()
    ledger.add(entry(1))
    ledger.close()
    assert (tmp_path / "what? 100 %41 #1" / "router.db").is_file()
    assert rows(database) == 1


@pytest.mark.parametrize("url", ["mysql://a:geheim@b/c", "router.db", ""])
def test_a_database_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(RouterError, match="take `sqlite:////FOLDER/router") as caught:
        Database(url)
    assert "geheim" not in str(caught.value)


def test_the_request_path_imports_neither_sqlalchemy_nor_redis() -> None:
    code = (
        "import sys, router.money.keys, router.money.local, router.money.shared, router.money.breakers\n"
        "import router.money.ledger, router.money.feedback, router.money.cache, router.money.master\n"
        "heavy = {'sqlalchemy', 'redis', 'psycopg'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=WRITER.parents[3]
    )
    assert done.returncode == 0, done.stderr
