"""`hone router key`, `usage`, `top` and `feedback`, as a user types them."""

import asyncio
import http.server
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hone.cli import main
from router.money.database import Database
from router.money.feedback import Feedback, Given
from router.money.keys import Keyring
from router.money.ledger import Ledger
from tests.router.money.making import entry, key

ROOT = Path(__file__).parents[3]
CALL = [sys.executable, "-c", "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()", "router"]


class Metrics(http.server.BaseHTTPRequestHandler):
    """A router's metrics."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"# HELP hone_router_in_flight Requests under way\nhone_router_in_flight 7.0\n")

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def metrics() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def project(tmp_path: Path, metrics: int) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "dvc.yaml").touch()
    settings = (ROOT / "configs" / "hone.yaml").read_text()
    assert "port: 8100" in settings
    (tmp_path / "configs" / "hone.yaml").write_text(settings.replace("port: 8100", f"port: {metrics}"))
    return tmp_path


@pytest.fixture
def database(project: Path) -> Database:
    return Database(f"sqlite:///{project}/artifacts/router/router.db")


@pytest.fixture
def ledger(project: Path, database: Database) -> Iterator[Ledger]:
    made = Ledger(database, project / "artifacts" / "router" / "journal", interval_s=60)
    made.start()
    yield made
    made.close()


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


Hone = Callable[..., Done]


@pytest.fixture
def hone(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hone:
    """Runs one command in the project, as the entry point does."""
    monkeypatch.setenv("HONE_ROOT", str(project))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["hone", "router", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def said(hone: Hone) -> Callable[..., str]:
    """What a command that succeeds prints."""

    def run(*arguments: str) -> str:
        done = hone(*arguments)
        assert done.code == 0, done.stderr
        return done.stdout

    return run


def test_a_key_is_made_shown_once_limited_and_revoked(hone: Hone, said: Callable[..., str], database: Database) -> None:
    made = hone("key", "create", "ci", "--route", "hone/code-generation", "--rpm", "60", "--day-usd", "2.5")
    token = made.stdout.strip()
    assert "key `ci`: routes code-generation, 60 requests/min, $2.5 a day" in made.stderr
    assert "shown once" in made.stderr
    ring = Keyring(database)
    ring.load()
    found = ring.find(token)
    assert found is not None
    assert (found.name, found.routes, found.rpm, found.day_usd) == ("ci", ("code-generation",), 60, 2.5)
    assert token not in said("key", "show", "ci") + said("key", "list", "--json")
    assert "5,000 tokens/min" in said("key", "limit", "ci", "--rpm", "none", "--tpm", "5000")
    shown = json.loads(said("key", "show", "ci", "--json"))
    assert (shown["rpm"], shown["tpm"], shown["day_usd"], shown["spent_day_usd"]) == (None, 5000, 2.5, 0)
    assert "is revoked since" in said("key", "revoke", "ci")
    assert said("key", "list").split() == ["ci", "revoked"]
    ring.load()
    assert ring.find(token) is None


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (("key", "create", "ci", "--route", "code-genration"), "did you mean `code-generation`?"),
        (("key", "create", "a b"), "`a b` cannot be a key's name"),
        (("key", "create", "ci", "--rpm", "0"), "take a number from 1, or `none`"),
        (("key", "create", "ci", "--day-usd", "nan"), "take a number from 0, or `none`"),
        (("key", "show", "ci"), "there is no key `ci`; `hone router key list` shows them"),
        (("key", "limit", "ci"), "nothing to change; give a limit, as `--rpm 60`"),
        (("usage", "--by", "colour"), "take key, route, provider, model, day"),
        (("usage", "--since", "soon"), "take 90m, 24h, 7d or 2026-10-01"),
        (("feedback", "export", "--out", "/proc/none/x"), "`/proc/none/x` cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(hone: Hone, arguments: tuple[str, ...], way_out: str) -> None:
    done = hone(*arguments)
    assert done.code != 0
    assert way_out in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_a_password_is_never_shown(hone: Hone, project: Path) -> None:
    settings = project / "configs" / "hone.yaml"
    url = "postgresql://hone:geheim@127.0.0.1:1/hone"
    settings.write_text(settings.read_text().replace("database: null", f"database: {url}"))
    done = hone("key", "list")
    assert done.code == 1
    assert "`postgresql://127.0.0.1:1/hone` cannot be used" in done.stderr
    assert "geheim" not in done.stderr + done.stdout


def test_usage_is_a_table_or_json(said: Callable[..., str], ledger: Ledger) -> None:
    assert "no request has come through the router since" in said("usage")
    for number in range(3):
        ledger.add(entry(number, at=time.time() - 60))
    ledger.flush()
    table = said("usage").splitlines()
    assert table[0].split() == [
        "model",
        "requests",
        "errors",
        "refused",
        "cached",
        "input",
        "output",
        "cost",
        "p50",
        "p95",
    ]
    assert table[1].split() == ["gpt", "3", "0", "0", "0", "300", "150", "$0.7500", "1.00", "s", "1.00", "s"]
    told = json.loads(said("usage", "--by", "provider", "--since", "1h", "--json"))
    assert (told["by"], told["rows"][0]["provider"], told["total"]["requests"]) == ("provider", "openai", 3)


def test_top_shows_one_picture_where_nobody_watches(said: Callable[..., str], ledger: Ledger) -> None:
    for number in range(50):
        ledger.add(entry(number, at=time.time() - 2, model_version="code:3"))
    ledger.flush()
    picture = said("top", "--once")
    assert "5.0 requests/s   7 under way   0 errors   $12.5000 today (UTC)" in " ".join(picture.split("\n")).replace(
        "  \n", ""
    )
    assert "code:3" in picture


def test_top_ends_on_q_and_leaves_the_terminal_as_it_was(project: Path, ledger: Ledger) -> None:
    terminal, inside = pty.openpty()
    environment = {**os.environ, "HONE_ROOT": str(project), "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    live = subprocess.Popen([*CALL, "top"], cwd=ROOT, env=environment, stdin=inside, stdout=inside, stderr=inside)
    shown = b""
    while b"q ends" not in shown:
        assert select.select([terminal], [], [], 60)[0]
        shown += os.read(terminal, 65536)
    os.write(terminal, b"q")
    try:
        assert live.wait(timeout=60) == 0
    finally:
        live.kill()
        os.close(inside)
        os.close(terminal)


def test_feedback_is_exported_as_one_object_a_line(
    said: Callable[..., str], project: Path, database: Database, ledger: Ledger
) -> None:
    ledger.add(entry(1))
    assert asyncio.run(Feedback(database, ledger).add(key(), Given("request-1", "accepted"))) is None
    (line,) = said("feedback", "export").splitlines()
    assert (json.loads(line)["request_id"], json.loads(line)["verdict"]) == ("request-1", "accepted")
    assert "1 pieces of feedback" in said("feedback", "export", "--out", str(project / "out.jsonl"))
    assert (project / "out.jsonl").read_text().splitlines() == [line]
