"""What `hone eval run --suite …` finds out beside the scores: training data, secrets, static checks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.sandbox import Limits, open_sandbox
from evaluation.suites.records import SuiteRun
from hone.errors import IsolationUnavailable
from hone.records import read_record
from tests.evaluation.model_server import Server, text

ROOT = Path(__file__).parents[2]
HONE = [sys.executable, "-c", "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()", "eval"]
SAID = "Add {number} to what is given, and give back what comes of it, as whole as it was when it came in"
BODY = "    return n + {number}\n"
SECRET = '    key = "AKIA' + 'Z7QWRTYUOSFODNN7"\n'


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
    """A project with a benchmark of four tasks, and training data that holds the question of the first."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "configs").mkdir()
    names = ("red", "green", "blue", "black")  # the words differ, so that no question is the suite's phrasing
    rows = [
        {
            "task_id": f"T/{number}",
            "prompt": f'def f(n: int) -> int:\n    """{" ".join([names[number]] * 13)}. {SAID}"""\n',
            "entry_point": "f",
            "canonical_solution": BODY.format(number=number),
            "test": f"def check(candidate):\n    assert candidate(1) == {number + 1}\n",
        }
        for number in range(4)
    ]
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    memory = " ".join(f"w{number}" for number in range(60))
    texts = [{"text": str(rows[0]["prompt"])}, {"text": memory}]
    (tmp_path / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    return tmp_path


def hone(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*HONE, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return hone(project, "run", "--suite", "humaneval", "--data", "suite.jsonl", *arguments)


def asked(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of a server whose answers give away training data, hold a secret, are wrong, and break off."""
    memory = " ".join(f"w{number}" for number in range(60))
    answers = [
        BODY.format(number=0) + f"    # {memory}\n",
        SECRET + BODY.format(number=1),
        "    return undefined\n",
        "    return (n\n",
    ]
    server = Server(lambda handler, number, body: text(handler, answers[number - 1]))
    try:
        return run(project, "--target", server.url, "--model", "m", "--at-once", "1", "--name", "mine", *arguments)
    finally:
        server.close()


def stored(project: Path, name: str) -> SuiteRun:
    return read_record(project / "artifacts" / "evaluation" / "runs" / name / "run.json", SuiteRun)


def test_what_the_target_was_trained_on_is_searched_and_told(project):
    found = json.loads(asked(project, "--training-data", "training.jsonl", "--json").stdout)
    assert found["contamination"]["contaminated"] == 1
    assert [(one["task"], one["document"], one["kind"]) for one in found["contamination"]["overlaps"]] == [
        ("T/0", "training.jsonl:1", "words")
    ]
    assert found["contamination"]["training_data"][0]["texts"] == 2
    assert (found["pass@1"], found["clean"]["tasks"], found["clean"]["pass@1"]) == (0.5, 3, pytest.approx(1 / 3))
    assert (found["leaks"]["answers"], found["leaks"]["repeating"], found["leaks"]["with_secrets"]) == (4, 1, 1)
    assert found["leaks"]["repetitions"][0]["document"] == "training.jsonl:2"
    assert SECRET[12:-3] not in json.dumps(found["leaks"])


def test_static_checks_are_told_by_share_and_rule_and_stay_with_each_score(project):
    found = json.loads(asked(project, "--json").stdout)["static"]
    assert (found["parses"]["held"], found["parses"]["samples"]) == (3, 4)
    assert (found["lint"]["clean"]["held"], found["lint"]["commonest"]) == (2, {"F821": 1})
    assert (found["types"]["clean"]["held"], found["types"]["commonest"]) == (2, {"unresolved-reference": 1})
    assert [score.measures for score in stored(project, "mine").scores] == [
        {"parses": 1.0, "lint_findings": 0.0, "type_errors": 0.0},
        {"parses": 1.0, "lint_findings": 0.0, "type_errors": 0.0},
        {"parses": 1.0, "lint_findings": 1.0, "type_errors": 1.0},
        {"parses": 0.0},
    ]


def test_where_no_training_data_is_known_nothing_is_said_to_be_clean(project):
    shown = asked(project, "--json")
    found = json.loads(shown.stdout)
    assert (found["contamination"], found["clean"], found["leaks"]["repeating"]) == (None, None, None)
    assert found["leaks"]["with_secrets"] == 1
    assert stored(project, "mine").contaminated is None


def test_people_are_told_what_was_not_looked_for(project):
    lines = asked(project).stdout.splitlines()
    assert "  contamination        not looked for: no training data is known; `--training-data PATH` names it" in lines
    assert "  leaks                of 4 answers 1 hold what looks like a secret" in lines


def test_people_read_it_in_a_few_lines(project):
    lines = asked(project, "--training-data", "training.jsonl").stdout.splitlines()
    assert "  contamination        1 of 4 tasks stand in the training data (1 by words, 0 as code)" in lines
    assert any("pass@1 of the other 3: 0.333" in line and "2 texts of training.jsonl" in line for line in lines)
    leaks = "of 4 answers 1 repeat 50 tokens of training data, 1 hold what looks like a secret"
    assert f"  leaks                {leaks}" in lines
    checks = "parses 0.750 [0.301, 0.954], no lint error 0.500"
    assert any(line.startswith(f"  static checks        {checks}") for line in lines)
    assert "                       F821 in 1, unresolved-reference in 1" in lines


def test_the_suites_own_solutions_are_not_searched_for_leaks(project):
    found = json.loads(run(project, "--target", "canonical", "--training-data", "training.jsonl", "--json").stdout)
    assert (found["contamination"]["contaminated"], found["leaks"]) == (1, None)
    assert found["static"]["types"]["clean"]["rate"] == 1.0


def test_two_runs_are_compared_on_the_clean_tasks_and_both_stand_on_the_page(project):
    asked(project, "--training-data", "training.jsonl")
    run(project, "--target", "canonical", "--name", "right")
    shown = hone(project, "compare", "mine", "right").stdout
    assert "on 3 tasks that do not overlap the training data:\n    0.333 → 1.000" in shown
    page = Path(hone(project, "report", "mine", "--champion", "right").stdout.strip()).read_text()
    for words in (
        "1 of the tasks overlap the training data",
        "T/0",
        "AWS Access Key",
        "no type error, ty",
        "F821 in 1",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "training data `bad.jsonl` cannot be read"), ('{"code": "x"}\n', "line 1 has no `text`")],
)
def test_training_data_that_cannot_be_read_stops_the_run_before_anything_is_asked(project, content, message):
    if content:
        (project / "bad.jsonl").write_text(content)
    shown = run(project, "--target", "canonical", "--training-data", "bad.jsonl")
    assert (shown.returncode, len(shown.stderr.splitlines())) == (1, 1)
    assert message in shown.stderr
    assert not (project / "artifacts").exists()


def test_training_data_alone_is_not_taken_for_the_stage(project):
    assert "needs both `--suite`" in hone(project, "run", "--training-data", "training.jsonl").stderr
