"""Virtual keys: shown once, stored as digests, found in memory, changed while the router runs."""

import time
from pathlib import Path

import msgspec
import pytest

from hone.errors import ConfigError, RouterError
from router.money import stored_keys
from router.money.database import Database
from router.money.keys import (
    MASTER,
    Keyring,
    digest,
    new_token,
    refuse_open_beyond_loopback,
    refuse_unshared_limits,
)
from router.money.master import read_master_key, weakness
from tests.router.money.making import key, wait_for
from tests.router.money.servers import PostgresServer


def test_a_token_has_256_random_bits() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("hone-") and len(token) == 5 + 43 for token in tokens)


def test_a_made_key_is_found_by_its_token_with_its_limits(database: Database) -> None:
    made, token = stored_keys.create(database, key("ci", rpm=60, day_usd=2.5, routes=("code-generation",)))
    ring = Keyring(database)
    ring.load()
    assert ring.find(token) == made
    assert (made.rpm, made.day_usd, made.routes) == (60, 2.5, ("code-generation",))
    assert ring.find("hone-wrong") is None
    assert ring.find("") is None
    assert ring.find("\udcff") is None  # a header's byte that is no UTF-8


def test_a_token_is_stored_nowhere(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/router.db")
    _, token = stored_keys.create(database, key())
    database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert digest(token) in stored
    assert token.encode() not in stored
    assert token.removeprefix("hone-").encode() not in stored


def test_changes_are_seen_while_the_router_runs(database: Database) -> None:
    ring = Keyring(database)
    ring.load()
    ring.watch()
    assert ring.open
    made, token = stored_keys.create(database, key("ci", rpm=60))
    wait_for(lambda: ring.find(token) == made)
    assert not ring.open
    stored_keys.change(database, "ci", lambda old: msgspec.structs.replace(old, rpm=None, tpm=100))
    wait_for(lambda: (found := ring.find(token)) is not None and (found.rpm, found.tpm) == (None, 100))
    stored_keys.revoke(database, "ci")
    wait_for(lambda: ring.find(token) is None)
    assert not ring.open  # a router whose every key is revoked lets nobody in
    ring.close()


def test_known_keys_stay_valid_while_the_database_is_gone(postgres: PostgresServer, postgres_url: str) -> None:
    database = Database(postgres_url)
    _, token = stored_keys.create(database, key("ci"))
    ring = Keyring(database)
    ring.load()
    ring.watch()
    postgres.stop()
    try:
        with pytest.raises(RouterError):
            ring.load()
        assert ring.find(token) is not None
    finally:
        postgres.start()
    stored_keys.revoke(database, "ci")
    wait_for(lambda: ring.find(token) is None)
    ring.close()
    database.close()


def test_a_revoked_key_keeps_its_name_and_the_time(database: Database) -> None:
    stored_keys.create(database, key("ci"))
    first = stored_keys.revoke(database, "ci", clock=lambda: 5.0)
    assert stored_keys.revoke(database, "ci", clock=lambda: 6.0).revoked_at == first.revoked_at == 5.0
    with pytest.raises(RouterError, match="there is a key `ci` already"):
        stored_keys.create(database, key("ci"))
    assert [one.name for one in stored_keys.listed(database)] == ["ci"]


@pytest.mark.parametrize("name", ["", " ci", "a b", "x" * 65, "../x", "ü"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RouterError, match="cannot be a key's name"):
        stored_keys.create(Database(f"sqlite:///{tmp_path}/router.db"), key(name))


def test_a_name_that_is_unknown_names_the_command_that_lists_them(database: Database) -> None:
    with pytest.raises(RouterError, match="there is no key `ci`; `hone router key list` shows them"):
        stored_keys.revoke(database, "ci")


def test_finding_a_key_takes_no_longer_among_many(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/router.db")
    tokens = [stored_keys.create(database, key(f"k{number}"))[1] for number in range(50)]
    ring = Keyring(database)
    ring.load()
    assert [ring.find(token).name for token in tokens] == [f"k{number}" for number in range(50)]  # type: ignore[union-attr]


def test_the_master_key_opens_everything_and_closes_the_router_for_others(tmp_path: Path) -> None:
    master = new_token()
    ring = Keyring(Database(f"sqlite:///{tmp_path}/router.db"), master=master)
    ring.load()
    assert ring.find(master) == MASTER
    assert not ring.open
    assert ring.find(new_token()) is None


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("sk-1234", "it has 7 characters, and 32 are the least"),
        ("MySuperSecretMasterPassword12345678", "known words"),
        ("a8f3" * 10, "repeats itself"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "in order"),
        ("azzaazazzzaazazaazzazaazazzzazaaza", "about 3. bits"),
        ("ümlaut" * 8, "no header can carry"),
    ],
)
def test_a_weak_master_key_is_refused_in_one_line_that_does_not_show_it(token: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        read_master_key({"HONE_ROUTER_MASTER_KEY": token})
    assert "make one with `openssl rand -hex 32`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert token not in str(caught.value)


def test_random_master_keys_are_strong() -> None:
    import secrets

    for make in (lambda: secrets.token_hex(16), lambda: secrets.token_hex(32), new_token):
        assert not any(weakness(make()) for _ in range(1000))


def test_the_master_key_may_stand_in_a_file(tmp_path: Path) -> None:
    token = new_token()
    (tmp_path / "key").write_text(token + "\n")
    assert read_master_key({"HONE_ROUTER_MASTER_KEY_FILE": str(tmp_path / "key")}) == token
    assert read_master_key({}) == ""
    for name, content, said in (("empty", b"\n", "is empty"), ("binary", b"\xff", "cannot be read")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            read_master_key({"HONE_ROUTER_MASTER_KEY_FILE": str(tmp_path / name)})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_master_key({"HONE_ROUTER_MASTER_KEY_FILE": str(tmp_path / "absent")})


def test_a_router_without_keys_listens_on_loopback_only(database: Database) -> None:
    ring = Keyring(database)
    ring.load()
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        refuse_open_beyond_loopback(host, ring)
    for host in ("0.0.0.0", "::", "192.168.1.4", "router.example", "localhost.example", "127.example"):
        with pytest.raises(RouterError, match="make one with `hone router key create NAME`"):
            refuse_open_beyond_loopback(host, ring)
    stored_keys.create(database, key("ci"))
    ring.load()
    refuse_open_beyond_loopback("0.0.0.0", ring)


def test_several_workers_without_redis_are_refused_where_a_key_has_limits(database: Database) -> None:
    ring = Keyring(database)
    stored_keys.create(database, key("free"))
    ring.load()
    refuse_unshared_limits(4, None, ring)
    stored_keys.create(database, key("ci", rpm=5))
    ring.load()
    refuse_unshared_limits(1, None, ring)
    refuse_unshared_limits(4, "redis://127.0.0.1", ring)
    with pytest.raises(RouterError, match="4 workers would each count the limits of key `ci`"):
        refuse_unshared_limits(4, None, ring)


def test_making_keys_at_once_loses_none(database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ring = Keyring(database)
    ring.load()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: _create_patiently(database, f"k{number}"), range(12)))
        for _ in range(3):
            ring.load()
    ring.load()
    assert all(ring.find(token) is not None for token in made)


def _create_patiently(database: Database, name: str) -> str:
    for _ in range(50):
        try:
            return stored_keys.create(database, key(name))[1]
        except RouterError:  # SQLite: another one is writing
            time.sleep(0.05)
    raise AssertionError(name)
