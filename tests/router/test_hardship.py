"""What happens to the router itself: its database, disk, Redis, clock, connections and workers, and money under load.

The parts are tested one by one in `money/`; here a real router process goes through it.
"""

import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from router.client import read_health
from router.money.database import Database
from router.money.keys import Key
from router.money.ledger import INTERVAL_S
from router.money.stored_keys import create
from tests.router.conftest import RunningRouter, write_world
from tests.router.faulty import start, whole_answer
from tests.router.money.servers import RedisServer

POLL_S = 0.02
DEADLINE_S = 60.0  # of a wait, on a loaded machine
CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "write f"}], "max_tokens": 100}'
CENT = 0.01


def chat(router, body=CHAT, **headers):
    return router.ask("/v1/chat/completions", body=body, headers=headers)


def database_of(router):
    return router.layout.router / "router.db"


def rows(router, what="count(*)", where="1"):
    with closing(sqlite3.connect(database_of(router), timeout=20)) as database:
        return database.execute(f"SELECT {what} FROM requests WHERE {where}").fetchone()[0]


def wait_for(condition):
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(POLL_S)


def make_key(router, **limits):
    """A key in the router's database, in force."""
    database = Database(f"sqlite:///{database_of(router)}")
    _, token = create(database, Key(id="", name="ci", **limits))
    database.close()
    wait_for(lambda: router.ask("/v1/models", body=None).status == 401)
    return {"Authorization": f"Bearer {token}"}


def test_a_locked_database_stops_no_request_and_loses_no_row(start_router, model):
    router = start_router(model("first"))
    with closing(sqlite3.connect(database_of(router), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert [chat(router).status for _ in range(20)] == [200] * 20
        time.sleep(2 * INTERVAL_S)
        assert [chat(router).status for _ in range(20)] == [200] * 20
        other.execute("ROLLBACK")
    wait_for(lambda: rows(router) == 40)


def test_a_redis_that_goes_and_comes_back_empty_stops_no_request_and_gives_no_budget_twice(
    start_router, model, tmp_path
):
    if shutil.which("redis-server") is None:
        pytest.skip("needs Redis: apt-get install redis-server")
    redis = RedisServer(tmp_path)
    try:
        router = start_router(model("first", charging(100)), redis=redis.url)
        key = make_key(router, day_usd=CENT)
        assert [chat(router, **key).status for _ in range(10)] == [200] * 10
        redis.kill()
        assert [chat(router, **key).status for _ in range(10)] == [200] * 10
        redis.start()
        statuses = [chat(router, **key).status for _ in range(60)]
        assert set(statuses) == {200, 429}
        assert (20 + statuses.count(200)) * (10 * 1 + 100 * 2) / 1e6 <= CENT
    finally:
        redis.kill()


@pytest.fixture
def small_disk(tmp_path):
    """A project whose router keeps everything on a file system of its own, of 1 MiB."""
    root = tmp_path / "project"
    folder = root / "artifacts" / "router"
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "hone", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to mount a tmpfs: run as root")
    yield root
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_no_request_and_loses_no_row(model, small_disk):
    """The ledger stands in memory until there is room again."""
    write_world(small_disk, model("first"))
    router = RunningRouter(small_disk)
    try:
        assert chat(router).status == 200
        with (router.layout.router / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        assert [chat(router).status for _ in range(100)] == [200] * 100
        wait_for(lambda: b"the ledger's journal cannot be written" in router.log.read_bytes())
        (router.layout.router / "filler").unlink()
        wait_for(lambda: rows(router) == 101)
    finally:
        router.terminate()


@pytest.fixture
def jump(tmp_path, monkeypatch):
    """Sets the wall clock of routers that are started from now on, to `+1d` say, while they run."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime: apt-get install libfaketime")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    for name, value in {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return clock.write_text


def test_a_clock_that_jumps_stops_no_request_and_gives_no_days_budget_twice(start_router, model, jump, monkeypatch):
    router = start_router(model("first", charging(100)))
    monkeypatch.delenv("LD_PRELOAD")
    key = make_key(router, day_usd=2.5 * (10 * 1 + 100 * 2) / 1e6)
    assert [chat(router, **key).status for _ in range(4)] == [200, 200, 429, 429]
    jump("+1d")
    assert [chat(router, **key).status for _ in range(4)] == [200, 200, 429, 429]
    jump("-1d")
    assert [chat(router, **key).status for _ in range(4)] == [200, 200, 429, 429]
    jump("+0")
    assert chat(router, **key).status == 429
    wait_for(lambda: rows(router) == 13)
    assert rows(router, "count(DISTINCT day)") == 3


@pytest.fixture
def many_files():
    """This process may hold thousands of connections."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 6000:
        pytest.skip("needs 6,000 open files: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def test_five_thousand_idle_connections_stand_in_nobodys_way(start_router, model, many_files):
    router = start_router(model("first"))
    with ExitStack() as idle:
        for _ in range(5000):
            idle.enter_context(socket.create_connection(("127.0.0.1", router.port), timeout=30))
        assert chat(router).status == 200
        assert memory_mb(router.process.pid) < 250
    assert chat(router).status == 200


def memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


# Money.


def priced(url, *prices):
    """A catalog of two models, the second one dearer, both on the route of `both`."""
    providers = {f"p{number}": {"wire": "openai", "url": url[number]} for number in range(len(prices))}
    shared = {
        "does": ["code-generation"], "quality": {"source": "ours"}, "context_tokens": 200_000,
        "max_output_tokens": 500, "tokenizer": "unknown",
    }  # fmt: skip
    at = {
        f"p{number}": {"name": "up", "prices": [{"input": price, "output": price, "dated": "2026-11-26"}]}
        for number, price in enumerate(prices)
    }
    return providers, {"both": {**shared, "at": at}}


def charging(tokens):
    """What an upstream does that counts so many tokens."""

    async def behave(fake, request, writer):
        usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
        writer.write(fake.response(whole_answer("openai", usage=usage)))

    return behave


async def overloaded(fake, request, writer):
    writer.write(fake.response({"error": {"message": "no"}}, "503 Service Unavailable"))


def spend(router, key, each=12):
    """64 clients at once, until each has asked so often. Returns the statuses."""

    def client(_):
        return [chat(router, **key).status for _ in range(each)]

    with ThreadPoolExecutor(64) as pool:
        return [status for statuses in pool.map(client, range(64)) for status in statuses]


@pytest.mark.parametrize("falls_back", [False, True], ids=["one provider", "falling back to a dearer one"])
def test_a_budget_of_a_cent_holds_under_64_clients(tmp_path, model, falls_back):
    first = model("first", overloaded if falls_back else charging(100))
    second = model("second", charging(100))
    router = start(tmp_path, *priced([f"{first.url}/v1", f"{second.url}/v1"], 1.0 if falls_back else 2.0, 2.0))
    try:
        key = make_key(router, day_usd=CENT)
        statuses = spend(router, key)
        # What is left at the end may last for the first one alone: then its own error is what the client sees.
        assert set(statuses) - ({503} if falls_back else set()) == {200, 429}
        served = statuses.count(200)
        cost = 110 * 2.0 / 1e6
        wait_for(lambda: rows(router) == len(statuses))
        assert rows(router, "sum(cost_usd)") == pytest.approx(served * cost)
        assert served * cost <= CENT
        assert (served + 4) * cost >= CENT * 0.9  # and it is used up
    finally:
        router.terminate()


# Workers.


def test_a_killed_worker_loses_no_more_than_the_ledgers_interval(start_router, model):
    router = start_router(model("first"), workers=2)
    answered = []  # request id, when its answer was here
    ending = threading.Event()

    def client():
        while not ending.is_set():
            with suppress(OSError, ConnectionError):
                reply = chat(router)
                answered.append((reply.headers["x-hone-request-id"], reply.status, time.time()))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(client)
        wait_for(lambda: len(answered) > 50)
        killed_at = time.time()
        os.kill(read_health(router.url).pid, signal.SIGKILL)
        before = len(answered)
        wait_for(lambda: len(answered) > before + 50)
        ending.set()
    assert {status for _, status, _ in answered} == {200}
    router.terminate()
    with closing(sqlite3.connect(database_of(router))) as database:
        kept = {row[0] for row in database.execute("SELECT id FROM requests")}
    lost = [at for request_id, _, at in answered if request_id not in kept]
    # The interval is the ledger's own; writing takes a moment more where many share the machine.
    assert all(killed_at - INTERVAL_S - 1.0 <= at <= killed_at + 0.5 for at in lost), (killed_at, lost)
