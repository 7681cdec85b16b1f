"""One PostgreSQL for all tests, one Redis for each, and both databases for what must be the same on them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.money.database import Database
from tests.router.money.servers import PostgresServer, RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs Redis: apt-get install redis-server")
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """A database without tables."""
    import psycopg

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres.url()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The same test on both."""
    sqlite = request.param == "sqlite"
    opened = Database(f"sqlite:///{tmp_path}/router.db" if sqlite else request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()
