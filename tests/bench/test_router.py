"""What the router's bench concludes from what it measured, and that it leaves nothing running."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from bench import gateways
from bench.gateways import ANSWER, Cores, Service
from bench.router import Bench, Load, accounts_rows, memory_rows, throughput_rows
from hone.errors import HoneError
from router.money import stored_keys
from router.money.database import Database

REPOSITORY = Path(__file__).parents[2]
LITELLM, PORTKEY = f"LiteLLM {gateways.LITELLM}", f"Portkey {gateways.PORTKEY}"


def load(answered: int, *, failed: int = 0, cpu_s: float = 1.0, problem: str = "") -> Load:
    return Load(answered, failed, 1.0, problem, cpu_s, [])


def test_a_peer_is_judged_by_the_ratio_of_the_middle_turns() -> None:
    ours = [load(5000), load(5100), load(90)]
    rows = throughput_rows({"Hone": ours, LITELLM: [load(100)] * 3, PORTKEY: [load(1300)] * 3}, {})
    judged = {row.peer: row for row in rows if row.goal.endswith("×")}
    assert (judged[LITELLM].ratio, judged[LITELLM].met) == (50, True)
    assert not judged[PORTKEY].met


def test_a_peer_that_could_not_be_measured_keeps_its_row_with_the_reason() -> None:
    rows = list(throughput_rows({"Hone": [load(5000)]}, {"LiteLLM": "does not install", "Portkey": "left out"}))
    unmet = [row.name for row in rows if not row.met]
    assert [name for name in unmet if "LiteLLM (not measured: does not install)" in name]
    assert [name for name in unmet if "Portkey (not measured: left out)" in name]


def test_a_peer_that_answers_badly_is_said_to() -> None:
    rows = throughput_rows({"Hone": [load(5000)], LITELLM: [load(50, failed=7)]}, {"Portkey": "left out"})
    assert any("7 of its answers were not whole" in row.name for row in rows)


def test_growth_is_what_came_after_the_first_fifth() -> None:
    whole, growth = memory_rows([(0, 50.0), (119, 70.0), (120, 80.0), (600, 81.5)], minutes=10)
    assert (whole.value, growth.value) == (81.5, 1.5)
    assert growth.name == "its growth in the last 8 min"


def test_one_answer_that_was_not_whole_and_one_row_that_is_missing_are_not_met() -> None:
    failed, missing = accounts_rows([load(9, failed=1, problem="HTTP/1.1 502")], [load(5)], written=9)
    assert (failed.value, failed.unit, failed.met) == (1, "of 15", False)
    assert "502" in failed.name
    assert (missing.value, missing.unit, missing.met) == (1, "of 10", False)


def test_the_bench_s_project_is_the_shipped_one_with_a_limited_key_and_one_provider_s_address_changed(
    tmp_path: Path,
) -> None:
    gateways.write_project(tmp_path / "p", REPOSITORY / "configs", 4321)
    ours = yaml.safe_load((tmp_path / "p" / "configs" / "providers.yaml").read_text())["providers"]
    shipped = yaml.safe_load((REPOSITORY / "configs" / "providers.yaml").read_text())["providers"]
    assert ours.pop(gateways.PROVIDER)["url"] == "http://127.0.0.1:4321/v1"
    shipped.pop(gateways.PROVIDER)
    assert ours == shipped
    (key,) = stored_keys.listed(Database(f"sqlite:///{tmp_path / 'p' / 'artifacts' / 'router' / 'router.db'}"))
    assert None not in (key.rpm, key.tpm, key.concurrent, key.day_usd, key.month_usd)


@pytest.mark.parametrize(("expected", "right"), [(ANSWER, True), ("another answer", False)])
def test_the_load_client_counts_an_answer_only_where_it_says_what_it_should(
    tmp_path: Path, expected: str, right: bool
) -> None:
    gateways.build(tmp_path)
    cores = Cores.of_this_machine()
    bench = Bench(tmp_path, cores, 0.2, 0.1, None)
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
    with gateways.upstream(tmp_path, cores) as port, bench.asking(port, request, 4, 0.2, expected) as ended:
        seen = ended()
    assert (seen.answered > 0, seen.failed == 0) == (right, right)
    assert len(seen.latencies_us) == seen.answered


def test_a_process_that_does_not_come_up_is_shown_with_what_it_printed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with (
        Service(argv, Cores.of_this_machine().gateway, tmp_path / "log") as service,
        pytest.raises(HoneError, match="did not come up") as error,
    ):
        service.wait_for(1, "/")
    assert "no such option" in error.value.detail


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own, so that no report of the checkout is overwritten."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    return tmp_path


def start(project: Path) -> "subprocess.Popen[str]":
    short = ["--minutes", "0.01", "--seconds", "0.2", "--starts", "1", "--without-peers"]
    argv = [sys.executable, "-m", "bench.router", *short]
    env = os.environ | {"HONE_ROOT": str(project), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        argv, cwd=REPOSITORY, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1
    )


def running_in(project: Path) -> list[str]:
    """Processes that were started for that project."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"HONE_ROOT={project}".encode() in path.read_bytes() or str(project) in (
                path.with_name("cmdline").read_text()
            ):
                found.append(path.parent.name)
        except OSError:  # it has ended
            continue
    return found


def test_a_short_run_measures_every_row_but_the_peers_and_leaves_nothing_behind(project: Path) -> None:
    bench = start(project)
    printed, errors = bench.communicate(timeout=300)
    assert "goal" in printed, errors
    rows = json.loads((project / "artifacts" / "bench" / "router.json").read_text())
    assert [row["name"] for row in rows if row["value"] is None and "left out" not in row["name"]] == []
    kept = {row["name"]: row for row in rows if "ledger" in row["name"] or "not answer whole" in row["name"]}
    assert [row["value"] for row in kept.values()] == [0, 0]
    assert running_in(project) == []
    assert [path.name for path in (project / "artifacts" / "bench").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_what_it_started(project: Path, number: int, code: int) -> None:
    bench = start(project)
    assert bench.stdout is not None
    for line in bench.stdout:
        if "ready after" in line:
            break
    time.sleep(0.3)
    bench.send_signal(number)
    bench.communicate(timeout=60)
    assert bench.returncode == code
    assert running_in(project) == []
    assert not (project / "artifacts" / "bench" / "router.json").exists()
