"""Comparisons of runs, and how runs are found by name."""

import msgspec
import pytest

from evaluation.compare import compare
from evaluation.results import FileResult, TaskResult
from evaluation.statistics import mcnemar_exact, wilson
from evaluation.stored import find_run, find_runs
from evaluation.suites.records import Excluded
from hone.errors import DataError, EvaluationError
from hone.records import Evidence, to_json, write_record
from tests.evaluation.making import run_of

DIGESTS = {"adapter_digest": "sha256:" + "a" * 64, "base_digest": "sha256:" + "b" * 64}


def test_two_runs_are_compared_task_by_task():
    (found,) = compare([run_of("a", "ppffff")], [run_of("b", "pfpppp")]).suites
    assert (found.tasks, found.won, found.lost) == (6, 4, 1)
    assert (found.a.passed, found.b.passed) == (2, 5)
    assert found.a.rate.low == wilson(2, 6).low
    assert found.difference.value == pytest.approx(0.5)
    assert found.p_value == pytest.approx(mcnemar_exact([1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 1, 1]).p_value)
    assert found.test == "exact McNemar"


def test_flips_name_the_task_its_direction_and_what_went_wrong():
    (found,) = compare([run_of("a", "ppt")], [run_of("b", "pfp")]).suites
    lost, won = found.flips
    assert (lost.id, lost.won, lost.a_result, lost.b_result, lost.b_detail) == (
        "t/1",
        False,
        "pass",
        "fail",
        "wrong in b",
    )
    assert (won.id, won.won, won.a_result, won.b_result, won.a_detail) == ("t/2", True, "timeout", "pass", "wrong in a")


def test_several_samples_are_compared_as_rates_of_their_tasks():
    (found,) = compare([run_of("a", ["pf", "ff"])], [run_of("b", ["pp", "fp"])]).suites
    assert (found.a.rate.value, found.b.rate.value) == (0.25, 0.75)
    assert found.p_value == pytest.approx(0.5)  # of four ways to give signs, two reach the sum
    assert found.test == "exact randomisation"
    assert [(flip.a_sample, flip.b_sample) for flip in found.flips] == [(1, 0), (0, 1)]


def test_tasks_whose_samples_agree_count_as_one_each():
    (found,) = compare([run_of("a", ["ff", "pp", "ff"])], [run_of("b", ["p", "p", "f"])]).suites
    assert (found.test, found.a.rate.low) == ("exact McNemar", wilson(1, 3).low)


@pytest.mark.parametrize(("of_a", "of_b", "overlapping"), [(None, None, None), ((), None, 0), (("t/0",), ("t/2",), 2)])
def test_how_many_tasks_overlap_is_known_where_somebody_looked(of_a, of_b, overlapping):
    (found,) = compare([run_of("a", "pff", contaminated=of_a)], [run_of("b", "ppf", contaminated=of_b)]).suites
    assert found.overlapping == overlapping
    assert (found.clean is None) == (overlapping is None)


def test_p_values_of_several_suites_are_corrected_by_holm():
    a = [run_of("a1", "f" * 8), run_of("a2", "f" * 8, suite="mbpp")]
    b = [run_of("b2", "p" * 7 + "f", suite="mbpp"), run_of("b1", "p" * 8)]
    first, second = compare(a, b).suites
    assert (first.p_value, second.p_value) == pytest.approx((2**-7, 2**-6))
    assert (first.adjusted_p_value, second.adjusted_p_value) == pytest.approx((2**-6, 2**-6))


def test_clean_tasks_are_scored_beside_all_where_overlap_is_known():
    a, b = run_of("a", "ffff", contaminated=("t/0",)), run_of("b", "ppff")
    (found,) = compare([a], [b], contaminated={"t/2"}).suites
    assert (found.clean.tasks, found.clean.a.value, found.clean.b.value) == (2, 0.0, 0.5)
    assert found.difference.value == 0.5


def test_where_nobody_looked_for_overlap_there_is_no_clean_score():
    assert compare([run_of("a", "f")], [run_of("b", "p")]).suites[0].clean is None


def test_tasks_that_one_run_excludes_are_left_out_and_counted():
    a = run_of("a", "ppp")
    b = run_of("b", "pp", excluded=(Excluded("t/2", "flaky"),))
    (found,) = compare([a], [b]).suites
    assert (found.tasks, found.left_out) == (2, 1)


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([run_of("a", "ppp")], [run_of("b", "pp")], "`a` has 1 tasks that `b` has not, the first `t/2`"),
        ([run_of("a", "pp")], [run_of("b", "ppp")], "`b` has 1 tasks that `a` has not, the first `t/2`"),
        ([run_of("a", "p")], [run_of("b", "p", suite="mbpp")], "different suites were measured: `humaneval` against"),
        ([run_of("a", "p")], [run_of("b", "p", data="sha256:other")], "different data"),
        ([run_of("a", "p")], [run_of("b", "")], "share no task of `humaneval`"),
        ([run_of("a", "p")], [], "name at least one run on either side"),
        ([run_of("a", "p"), run_of("c", "p")], [run_of("b", "p")], "two runs of suite `humaneval`"),
    ],
)
def test_runs_that_do_not_match_are_refused_in_one_line(a, b, says):
    with pytest.raises(EvaluationError, match=says) as caught:
        compare(a, b)
    assert "\n" not in str(caught.value)


def write_stage(folder, *, suite="execution", results):
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder / "evidence.json", Evidence(suite=suite, dataset_digest="sha256:d", isolation="n", **DIGESTS))
    lines = b"".join(msgspec.json.encode(result) + b"\n" for result in results)
    (folder / "results.jsonl").write_bytes(lines)
    return folder


EXECUTED = [
    TaskResult("t/0", "return 1", "return 2", "fail", "call 1 returned 1, expected 2", "pass", ""),
    TaskResult("t/1", "", "", "error", "no such name", "error", "no such name"),
]


def test_base_and_tuned_are_the_last_evaluations_models(tmp_path):
    write_stage(tmp_path, results=EXECUTED)
    (found,) = compare(find_runs("base", tmp_path), find_runs("tuned", tmp_path)).suites
    assert (found.suite, found.tasks, found.won, found.lost) == ("execution", 2, 1, 0)
    assert found.b.target.startswith("adapter sha256:aaa")


def test_two_evaluated_folders_compare_their_adapters(tmp_path):
    worse = [msgspec.structs.replace(EXECUTED[0], tuned_status="fail"), EXECUTED[1]]
    before, after = write_stage(tmp_path / "1", results=worse), write_stage(tmp_path / "2", results=EXECUTED)
    (found,) = compare(find_runs(str(before), tmp_path), find_runs(str(after), tmp_path)).suites
    assert (found.a.passed, found.b.passed, found.won) == (0, 1, 1)
    assert find_run(f"{after}:base", tmp_path).scores[0].generation == "return 1"


def test_held_out_losses_are_compared_over_the_same_files(tmp_path):
    write_stage(
        tmp_path, suite="loss", results=[FileResult("x.py", 10, 20.0, 10.0), FileResult("y.py", 10, 30.0, 20.0)]
    )
    loss = compare(find_runs("base", tmp_path), find_runs("tuned", tmp_path)).loss
    assert (loss.base, loss.tuned, loss.difference, loss.files) == (2.5, 1.5, -1.0, 2)


def test_a_loss_is_not_compared_with_an_executed_suite(tmp_path):
    write_stage(tmp_path, suite="loss", results=[FileResult("x.py", 10, 20.0, 10.0)])
    with pytest.raises(EvaluationError, match="with no executed suite"):
        compare(find_runs("base", tmp_path), [run_of("b", "p")])


def test_losses_of_other_files_are_refused(tmp_path):
    one = write_stage(tmp_path / "1", suite="loss", results=[FileResult("x.py", 10, 20.0, 10.0)])
    two = write_stage(tmp_path / "2", suite="loss", results=[FileResult("y.py", 10, 20.0, 10.0)])
    with pytest.raises(EvaluationError, match="different files or tokens"):
        compare(find_runs(str(one), tmp_path), find_runs(str(two), tmp_path))


def test_a_stored_run_is_found_by_name_by_folder_and_by_file(tmp_path):
    run, folder = run_of("mine", "pf"), tmp_path / "runs" / "mine"
    write_record(folder / "run.json", run)
    for name in ("mine", str(folder), str(folder / "run.json")):
        assert find_run(name, tmp_path) == run


def test_an_unknown_run_lists_those_that_exist(tmp_path):
    write_record(tmp_path / "runs" / "mine" / "run.json", run_of("mine", "p"))
    with pytest.raises(EvaluationError, match="there is no run `yours`; runs: mine;"):
        find_run("yours", tmp_path)


def test_a_list_of_no_names_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="names no run"):
        find_runs(" ,", tmp_path)


def test_a_file_that_is_no_run_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match=r"run\.json` is not a readable SuiteRun"):
        find_run(str(tmp_path), tmp_path)


def test_a_broken_line_of_results_is_named(tmp_path):
    write_stage(tmp_path, results=EXECUTED)
    with (tmp_path / "results.jsonl").open("ab") as file:
        file.write(b'{"id":\n')
    with pytest.raises(DataError, match=r"results\.jsonl` line 3 is not a TaskResult"):
        find_run("tuned", tmp_path)


def test_a_comparison_goes_through_json():
    found = compare([run_of("a", "pf")], [run_of("b", "fp")])
    assert msgspec.json.decode(to_json(found), type=type(found)) == found
