"""Fill-in-the-middle: what is read, what is measured without running, and what the tests say."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.suites.fill_in_the_middle import (
    FillTask,
    edit_distance,
    edit_similarity,
    load,
    measure,
    score_fills,
    summarise,
    unfit,
)
from evaluation.suites.judging import Judge
from evaluation.suites.samples import Sample
from hone.errors import DataError
from hone.records import TestCase

TASK = FillTask("double", "def double(x):\n", "    return y\n", "    y = 2 * x\n")
TESTED = FillTask(
    "double",
    TASK.prefix,
    TASK.suffix,
    TASK.middle,
    "double",
    (TestCase((3,), 6), TestCase((0,), 0), TestCase((-1,), -2)),
)
INFILLING = {
    "task_id": "SingleLineInfilling/1",
    "entry_point": "double",
    "prompt": "def half(x):\n    return x // 2\n\n" + TASK.prefix,
    "suffix": TASK.suffix,
    "canonical_solution": TASK.middle,
    "test": "def check(candidate):\n    assert candidate(3) == half(12)\n    assert candidate(-1) == -2\n",
}


def test_the_middle_itself_matches_whatever_empty_lines_are_around_it():
    score = measure(TASK, "\n" + TASK.middle + "\n\n")
    assert (score.result, score.detail) == ("pass", "")
    assert score.measures == {"exact_match": 1.0, "edit_similarity": 1.0, "parses": 1.0}


def test_another_middle_fails_and_says_how_near_it_came():
    score = measure(TASK, "    y = 3 * x\n")
    assert score.result == "fail"
    assert score.detail == "not the middle; edit similarity 0.92"


@pytest.mark.parametrize("text", ["    y = (2 * x\n", "y = 2 * x\n", "\x00", "(" * 100_000])
def test_what_does_not_parse_when_joined_is_said_to(text):
    score = measure(TASK, text)
    assert score.measures["parses"] == 0.0
    assert score.detail.startswith("does not parse when joined: ")


def test_the_empty_generation_is_a_failure_with_no_similarity():
    assert measure(TASK, "").measures == {"exact_match": 0.0, "edit_similarity": 0.0, "parses": 1.0}


def test_a_generation_of_ten_megabytes_is_measured_by_its_beginning():
    score = measure(TASK, "a" * 10_000_000)
    assert score.result == "fail"
    assert len(score.generation) == 20_000


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ("kitten", "sitting", 3),
        ("saturday", "sunday", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("gumbo", "gambol", 2),
    ],
)
def test_the_edit_distance_of_known_pairs(left, right, distance):
    assert edit_distance(left, right) == distance


@given(st.text("abc", max_size=80), st.text("abc", max_size=80))
def test_the_edit_distance_is_that_of_the_plain_algorithm(left, right):
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    assert edit_distance(left, right) == row[-1]


def test_edit_similarity_lies_between_nothing_in_common_and_the_same():
    assert edit_similarity("abc", "xyz") == 0.0
    assert edit_similarity("abc", "abc") == 1.0
    assert edit_similarity("", "") == 1.0


@pytest.mark.parametrize("check", [False, True])
def test_a_task_with_tests_passes_by_them_and_not_by_its_letters(best_sandbox, tmp_path, check):
    task = TESTED
    if check:
        (tmp_path / "suite.jsonl").write_text(json.dumps(INFILLING))
        (task,) = load(tmp_path / "suite.jsonl").tasks
    texts = [task.middle, "    y = x + x\n", "    y = x\n", "    y = (\n"]
    taken = [(task, Sample(task.id, number, text, seconds=0.5)) for number, text in enumerate(texts)]
    scores = score_fills(taken, Judge(best_sandbox, lambda what, done, total: None))
    assert [score.result for score in scores] == ["pass", "pass", "fail", "error"]
    assert [score.measures["exact_match"] for score in scores] == [1.0, 0.0, 0.0, 0.0]
    assert [(score.sample, score.generate_s) for score in scores] == [(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5)]
    summary = summarise(scores)
    assert (summary.samples, summary.executed, summary.passed) == (4, 4, 2)
    assert (summary.exact_match.value, summary.parses.value, summary.pass_rate.value) == (0.25, 0.75, 0.5)


def test_without_a_sandbox_nothing_is_executed_and_the_letters_decide():
    scores = score_fills([(TESTED, Sample("double", 0, "    y = x + x\n"))], None)
    assert [score.result for score in scores] == ["fail"]
    assert (summarise(scores).executed, summarise(scores).pass_rate) == (0, None)


def test_a_sample_that_never_came_is_an_error_and_counts_as_nothing_right(best_sandbox):
    taken = [(task, Sample("double", 0, "", "too long")) for task in (TASK, TESTED)]
    scores = score_fills(taken, Judge(best_sandbox, lambda what, done, total: None))
    assert [(score.result, score.detail) for score in scores] == [("error", "too long")] * 2
    summary = summarise(scores)
    assert (summary.exact_match.value, summary.edit_similarity, summary.parses.value) == (0.0, 0.0, 0.0)
    assert (summary.executed, summary.passed) == (1, 0)


def test_rates_have_an_interval_over_tasks_and_not_over_their_samples():
    tasks = [FillTask(str(number), "x", "y", "z") for number in range(4)]
    texts = {"0": "z", "1": "z", "2": "q", "3": "q"}
    taken = [(task, Sample(task.id, number, texts[task.id])) for task in tasks for number in range(50)]
    rate = summarise(score_fills(taken, None)).exact_match
    assert rate.value == 0.5
    assert (rate.low, rate.high) == pytest.approx((0.150, 0.850), abs=0.001)  # Wilson's of 2 of 4


def test_a_task_that_its_own_middle_leaves_broken_is_unfit():
    assert unfit(TASK) == ""
    assert unfit(FillTask("js", "let x = ", ";", "{ a }")).startswith("its own middle does not parse when joined: ")


def test_no_score_has_no_mean():
    with pytest.raises(DataError, match="no sample"):
        summarise([])


def test_own_records_are_read_with_and_without_tests_gzipped_too(tmp_path):
    plain = {"prefix": "a", "suffix": "c", "middle": "b"}
    tested = plain | {"id": "t", "entry_point": "f", "tests": [{"arguments": [1], "expected": 2}]}
    asserted = plain | {"id": "u", "entry_point": "f", "test": "assert f(1) == 2"}
    path = tmp_path / "suite.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, [plain, tested, asserted])).encode()))
    assert [(task.id, task.executed) for task in load(path).tasks] == [("0", False), ("t", True), ("u", True)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ('{"prefix": "a", "suff', "line 1 is truncated or not JSON"),
        ('{"prefix": "a", "suffix": "b"}', "line 1 is no gap to fill, with prefix, suffix and middle"),
        ('{"prompt": "def f():"}', "line 1 is no gap to fill"),
        ('{"task_id": "HumanEval/0", "prompt": "def f():"}', "line 1 is no gap to fill"),
        (json.dumps(INFILLING) + "\n" + json.dumps(INFILLING), "line 2 repeats the task `SingleLineInfilling/1`"),
        ('{"prefix": "a", "suffix": "b", "middle": "c", "test": "assert f()"}', "`entry_point` does not name"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path, text, why):
    path = tmp_path / "suite.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        load(path)
    assert why in str(error.value)
    assert "suite.jsonl" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_damaged_gzip_file_and_a_missing_one_are_named(tmp_path):
    path = tmp_path / "suite.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(INFILLING).encode())[:-12])
    with pytest.raises(DataError, match="truncated or damaged gzip file"):
        load(path)
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        load(tmp_path / "nothing")
