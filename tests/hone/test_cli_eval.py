"""`hone eval run --suite …` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from evaluation.sandbox import Limits, open_sandbox
from hone.errors import IsolationUnavailable
from tests.evaluation.model_server import Server, event, reply, stream, text

ROOT = Path(__file__).parents[2]
HONE = [sys.executable, "-c", "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()", "eval", "run"]
SUITE = ["--suite", "humaneval", "--data", "suite.jsonl"]
TASKS = 6


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> None:
    try:
        open_sandbox(Limits(), workers=1).close()
    except IsolationUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own, with a benchmark of a few tasks."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "configs").mkdir()
    rows = [
        {
            "task_id": f"T/{number}",
            "prompt": f'def f(n):\n    """n and {number}."""\n',
            "entry_point": "f",
            "canonical_solution": f"    return n + {number}\n",
            "test": f"def check(candidate):\n    assert candidate(1) == {number + 1}\n",
        }
        for number in range(TASKS)
    ]
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return hone(project, *SUITE, *arguments)


def hone(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = [*HONE, *arguments]
    return subprocess.run(given, cwd=project, env=environment(), capture_output=True, text=True, check=False)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_solutions_score_one_and_empty_bodies_nothing(project):
    for target, rate in (("canonical", 1.0), ("empty", 0.0)):
        shown = run(project, "--target", target, "--json")
        assert shown.returncode == 0, shown.stderr
        found = json.loads(shown.stdout)  # nothing else is printed there
        assert (found["pass@1"], found["tasks"], found["excluded"]) == (rate, TASKS, 0)
        assert found["isolation"]


def test_a_run_is_shown_to_people_with_its_interval_and_name(project):
    shown = run(project, "--target", "canonical", "--name", "mine")
    assert "pass@1               1.000 [0.610, 1.000]" in shown.stdout
    assert "flaky verdicts       none" in shown.stdout
    assert "hone eval report mine" in shown.stdout
    assert (project / "artifacts" / "evaluation" / "runs" / "mine" / "run.json").is_file()


def test_several_samples_give_pass_at_k(project):
    right, wrong = "    return n + 0\n", "    return 9\n"
    server = Server(lambda handler, number, body: text(handler, right if number <= 2 * TASKS else wrong))
    asked = ["--target", server.url, "--model", "m", "--k", "1,4", "--at-once", "1", "--json"]
    found = json.loads(run(project, *asked).stdout)
    server.close()
    assert server.seen[0][1]["temperature"] == 0.8
    assert found["samples"] == 4 * TASKS
    assert found["pass@1"] == pytest.approx((2 / 4) / TASKS)
    assert found["pass@4"] == pytest.approx(1 / TASKS)
    spread = found["samples_pass@1"]
    assert (spread["samples"], spread["lowest"]) == (4, 0.0)
    assert spread["highest"] == pytest.approx(1 / TASKS)
    assert len({body["seed"] for _, body, _ in server.seen}) == 4 * TASKS


def test_how_fast_and_how_dear_an_endpoint_was_is_shown(project):
    def behave(handler, number, body):
        if number == 1:
            reply(handler, 503, b"{}")
        else:
            usage = event(usage={"completion_tokens": 5})
            stream(handler, event("    return n\n"), usage, b"data: [DONE]", x_hone_cost_usd="0.001")

    server = Server(behave)
    asked = ["--target", server.url, "--model", "m", "--at-once", "2"]
    found = json.loads(run(project, *asked, "--json").stdout)
    shown = run(project, *asked).stdout  # scored again: as fast as it was
    server.close()
    assert found["cost_usd"] == pytest.approx(0.001 * TASKS)
    speed = found["speed"]
    assert (speed["answers"], speed["tokens"], speed["retried"]) == (TASKS, 5 * TASKS, 1)
    assert 0 < speed["first_token_s"]["p50"] <= speed["latency_s"]["p90"]
    assert speed["tokens_per_s"] > 0
    assert "at a time; 1 failed before" in shown
    assert "first text p50" in shown
    assert "tokens/s" in shown
    assert "0.0060 USD" in shown


def test_ctrl_c_keeps_what_was_answered_and_the_same_command_goes_on(project):
    held = threading.Event()

    def first_two_then_hang(handler, number, body):
        if number > 2 and not held.is_set():
            held.wait(30)
        else:
            text(handler, "    return n\n")

    server = Server(first_two_then_hang)
    asked = ["--target", server.url, "--model", "m", "--at-once", "1", "--json"]
    process = subprocess.Popen(
        [*HONE, *SUITE, *asked],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(server.seen) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = [line for line in said.splitlines() if not line.startswith("  ")]  # but for progress
    assert lines == ["hone: stopped; what was answered is kept, and the same command goes on from there"]
    held.set()
    server.seen.clear()
    found = json.loads(run(project, *asked).stdout)
    server.close()
    assert len(server.seen) == TASKS - 2
    assert (found["tasks"], found["pass@1"]) == (TASKS, pytest.approx(1 / TASKS))


def test_verdicts_that_change_between_runs_are_named_unless_nobody_looked(project):
    drawn = "    import os\n    return n if os.urandom(1)[0] % 2 else None  # {}\n"
    server = Server(lambda handler, number, body: text(handler, drawn.format(number)))
    asked = ["--target", server.url, "--model", "m", "--samples", "20"]
    found = json.loads(run(project, *asked, "--json").stdout)
    shown = run(project, *asked, "--once").stdout
    server.close()
    assert list(found["flaky"]) == ["T/0"]  # no other has a chance to pass
    assert {len(verdicts) for verdicts in found["flaky"]["T/0"]} == {3}
    assert "flaky verdicts       not looked for: each answer ran once" in shown


GAPS = ["--suite", "fim", "--data", "gaps.jsonl"]


@pytest.fixture
def gaps(project: Path) -> Path:
    """Two gaps, one of them with tests."""
    rows = [
        {"id": "plain", "prefix": "x = (", "suffix": ")\n", "middle": "1"},
        {
            "id": "tested",
            "prefix": "def f(n):\n",
            "suffix": "    return m\n",
            "middle": "    m = n\n",
            "entry_point": "f",
            "tests": [{"arguments": [3], "expected": 3}],
        },
    ]
    (project / "gaps.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project


@pytest.mark.parametrize(("named", "by"), [([], "the field `suffix`"), (["--fim-format", "starcoder2"], "starcoder2")])
def test_gaps_are_filled_by_an_endpoint_and_all_that_is_measured_is_shown(gaps, named, by):
    server = Server(lambda handler, number, body: text(handler, "    m = n + 0\n"))
    asked = [*GAPS, "--target", server.url, "--model", "m", *named]
    found = json.loads(hone(gaps, *asked, "--json").stdout)
    shown = hone(gaps, *asked).stdout
    server.close()
    assert len(server.seen) == 2  # the second time all was there
    assert ("suffix" in server.seen[0][1]) != bool(named)
    fim = found["fim"]
    assert (fim["exact_match"]["value"], fim["parses"]["value"], fim["asked_by"]) == (0.0, 0.5, by)
    assert (fim["executed"], fim["passed"], fim["pass_rate"]["value"]) == (1, 1, 1.0)
    assert "exact match          0.000 [0.000, " in shown
    assert "tests pass           1.000 [0.207, 1.000]  1 of 1 executed" in shown
    assert f"asked by             {by}" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*GAPS, "--target", "canonical", "--chat"], "leave out `--chat` for the suite fim"),
        ([*GAPS, "--target", "canonical", "--fim-format", "qwen"], "`--fim-format qwen` is none of codellama, "),
        ([*SUITE, "--target", "canonical", "--fim-format", "qwen"], "`--fim-format` is of the suite fim alone"),
        (["--suite", "fim", "--data", "suite.jsonl", "--target", "canonical"], "line 1 is no gap to fill"),
    ],
)
def test_gaps_that_cannot_be_asked_for_are_one_line(gaps, arguments, message):
    shown = hone(gaps, *arguments)
    assert (shown.returncode, len(shown.stderr.splitlines())) == (1, 1)
    assert message in shown.stderr
    assert not (gaps / "artifacts").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "canonicle"], "`--target canonicle` is none of `canonical`, `empty`, `adapter`, `base`"),
        (["--target", "http://127.0.0.1:1/v1"], "needs `--model NAME`"),
        (
            ["--target", "http://x/v1", "--model", "m", "--samples", "2", "--temperature", "0"],
            "greedy answers are all the",
        ),
        (["--target", "canonical", "--k", "1,x"], "`--k 1,x` must be numbers"),
        (["--target", "canonical", "--k", "5", "--samples", "2"], "pass@5 needs `--samples 5`"),
        (["--target", "http://x/v1", "--model", "m", "--api-key-env", "NO_SUCH_KEY"], "`--api-key-env NO_SUCH_KEY`"),
        (["--target", "canonical", "--name", "../up"], "`../up` is no name for a run"),
        (["--target", "canonical", "--data", "none.jsonl"], "`none.jsonl` cannot be read"),
        (["--target", "ground-truth"], "`--target ground-truth` is none of"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_leaves_nothing(project, arguments, message):
    shown = run(project, *arguments)
    assert shown.returncode == 1
    assert message in shown.stderr
    assert len(shown.stderr.splitlines()) == 1
    assert not (project / "artifacts").exists()


@pytest.mark.parametrize("arguments", [["--suite", "mbpp"], ["--target", "canonical"], ["--data", "suite.jsonl"]])
def test_a_benchmark_in_part_is_not_taken_for_the_stage(project, arguments):
    shown = hone(project, *arguments)
    assert (shown.returncode, len(shown.stderr.splitlines())) == (1, 1)
    assert "both `--suite` (humaneval, mbpp, bfcl, fim) and `--data PATH`" in shown.stderr
