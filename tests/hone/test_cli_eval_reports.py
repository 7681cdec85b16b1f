"""`hone eval compare` and `hone eval report` as a user meets them."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hone.cli import app
from hone.errors import DataError, EvaluationError
from hone.records import write_record
from tests.evaluation.making import run_of


@pytest.fixture
def hone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs one command in a project with two runs."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("HONE_ROOT", str(tmp_path))
    for run in (run_of("old", "ppffffff"), run_of("new", "pfpppppp"), run_of("tools", "p", suite="bfcl")):
        write_record(tmp_path / "artifacts" / "evaluation" / "runs" / run.name / "run.json", run)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["eval", *arguments], prog_name="hone")

    return invoke


def test_compare_prints_rates_difference_p_and_flips(hone):
    lines = hone("compare", "old", "new").output.splitlines()
    assert lines == [
        "humaneval: 8 tasks",
        "  old  0.250 [0.071, 0.591]  2 of 8",
        "  new  0.875 [0.529, 0.978]  7 of 8",
        "  new wins 6 and loses 1 tasks, p = 0.12 (exact McNemar)",
        "  difference +0.625 [+0.125, +1.000]",
        "  8 tasks like these could not have shown a difference of any size",
        "  lost  t/1  pass → fail  wrong in new",
        *(f"  won   t/{task}  fail → pass  wrong in old" for task in range(2, 8)),
    ]


def test_compare_prints_the_record_for_programs(hone):
    (suite,) = json.loads(hone("compare", "old", "new", "--json").output)["suites"]
    assert (suite["won"], suite["lost"], suite["b"]["passed"]) == (6, 1, 7)


def test_compare_scores_the_clean_tasks_where_overlap_is_given(hone, tmp_path):
    (tmp_path / "ids").write_text("t/0\nt/1\n")
    output = hone("compare", "old", "new", "--contaminated", str(tmp_path / "ids")).output
    assert "on 6 tasks that do not overlap the training data:\n    0.000 → 1.000" in output


@pytest.mark.parametrize(
    ("contaminated", "line"),
    [((), "  no task overlaps the training data"), (("t/0", "t/1"), "  every task overlaps the training data")],
)
def test_compare_says_where_no_task_or_every_one_overlaps(hone, tmp_path, contaminated, line):
    for name in ("one", "two"):
        run = run_of(name, "pf", contaminated=contaminated)
        write_record(tmp_path / "artifacts" / "evaluation" / "runs" / name / "run.json", run)
    assert line in hone("compare", "one", "two").output.splitlines()


def test_compare_refuses_other_suites(hone):
    assert isinstance(hone("compare", "old", "tools").exception, EvaluationError)


def test_a_list_of_ids_that_cannot_be_read_is_named(hone):
    error = hone("compare", "old", "new", "--contaminated", "nowhere").exception
    assert isinstance(error, DataError)
    assert "`nowhere`" in str(error)


def test_report_says_where_it_wrote_and_leaves_the_stages_page_alone(hone, tmp_path):
    reports = tmp_path / "artifacts" / "evaluation" / "reports"
    assert hone("report", "new", "--champion", "old").output.strip() == str(reports / "new-against-old.html")
    assert hone("report", "new,tools").output.strip() == str(reports / "new-tools.html")
    assert "new <em>against</em> old" in (reports / "new-against-old.html").read_text()
    assert not (tmp_path / "artifacts" / "evaluation" / "report.html").exists()


def test_report_writes_where_it_is_told(hone, tmp_path):
    assert hone("report", "new", "--out", str(tmp_path / "page.html")).exit_code == 0
    assert "<!doctype html>" in (tmp_path / "page.html").read_text()
