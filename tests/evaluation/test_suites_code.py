"""Benchmark files: which format they are, what a task becomes, and what is wrong with a bad one."""

import gzip
import json
import os
from pathlib import Path

import pytest

from evaluation.suites.code import called, read_code_suite
from evaluation.suites.plus import shaped
from hone.errors import DataError

HUMANEVAL = Path(__file__).parents[3] / "shared" / "benchmarks" / "HumanEval.jsonl.gz"
ADD = {
    "task_id": "T/0",
    "prompt": 'def add(a, b):\n    """The sum."""\n',
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
SQUARE = {
    "task_id": 2,
    "text": "Write a function to square a number.",
    "code": "def square(n):\n    return n * n",
    "test_list": ["assert square(3) == 9", "assert square(0) == 0"],
    "test_setup_code": "",
    "challenge_test_list": ["assert square(-2) == 4"],
}
ADD_PLUS = {**ADD, "contract": "", "base_input": [[1, 2]], "plus_input": [[0.1, 0.2]], "atol": 0}
SHARED_PLUS = {
    "task_id": "Mbpp/2",
    "prompt": '"""\nWrite a function to find the shared elements.\n"""\n',
    "entry_point": "shared",
    "canonical_solution": "def shared(a, b):\n    assert type(a) is tuple\n    return tuple(set(a) & set(b))\n",
    "base_input": [[[3, 4, 5], [5, 4]]],
    "plus_input": [[[], []]],
    "atol": 0,
    "contract": "",
    "assertion": "assert set(shared((3, 4, 5), (5, 4))) == set((4, 5))",
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "name"), [(ADD, "humaneval"), (SQUARE, "mbpp"), (ADD_PLUS, "humaneval+"), (SHARED_PLUS, "mbpp+")]
)
def test_the_keys_tell_the_format(tmp_path, row, name):
    assert read_code_suite(write(tmp_path / "suite.jsonl", row)).name == name


@pytest.mark.parametrize("row", [ADD, SQUARE, ADD_PLUS, SHARED_PLUS])
def test_a_solution_passes_and_an_empty_body_does_not(tmp_path, row, best_sandbox):
    (task,) = read_code_suite(write(tmp_path / "suite.jsonl", row)).tasks
    both = [task.candidate(task.solution), task.candidate(task.empty)]
    assert [outcome.status for outcome in best_sandbox.run(both, on_done=lambda _: None)] == ["pass", "fail"]


def test_what_passes_the_base_inputs_alone_fails_a_plus_suite(tmp_path, best_sandbox):
    (task,) = read_code_suite(write(tmp_path / "suite.jsonl", ADD_PLUS)).tasks
    (outcome,) = best_sandbox.run([task.candidate("    return 3\n")], on_done=lambda _: None)
    assert outcome.status == "fail"
    assert "add(0.1, 0.2) returned 3, expected 0.3" in outcome.detail


def test_a_candidate_that_recurs_cannot_change_what_a_plus_suite_expects(tmp_path, best_sandbox):
    row = {
        **ADD_PLUS,
        "prompt": "def add(a, b):\n",
        "canonical_solution": "    return a if b == 0 else add(a, b - 1) + 1\n",
        "base_input": [[1, 2]],
        "plus_input": [],
    }
    (task,) = read_code_suite(write(tmp_path / "suite.jsonl", row)).tasks
    outcomes = best_sandbox.run(
        [task.candidate("    return 0\n"), task.candidate(task.solution)], on_done=lambda _: None
    )
    assert [outcome.status for outcome in outcomes] == ["fail", "pass"]


def test_floats_of_a_plus_suite_may_differ_by_rounding(tmp_path, best_sandbox):
    (task,) = read_code_suite(write(tmp_path / "suite.jsonl", ADD_PLUS)).tasks
    (outcome,) = best_sandbox.run([task.candidate("    return a + b + 1e-9 * (a < 1)\n")], on_done=lambda _: None)
    assert outcome.status == "pass"


def test_tests_that_import_numpy_to_compare_run_without_it(tmp_path, best_sandbox):
    test = (
        "import numpy as np\n"
        "for given, wanted in [(1, 1), (0.5, 0.25)]:\n"
        "    assert np.allclose(square(given), wanted, rtol=1e-07, atol=1e-06)\n"
    )
    (task,) = read_code_suite(write(tmp_path / "suite.jsonl", {**SQUARE, "test": test, "test_imports": []})).tasks
    both = [task.candidate(task.solution), task.candidate("def square(n):\n    return n\n")]
    assert [outcome.status for outcome in best_sandbox.run(both, on_done=lambda _: None)] == ["pass", "fail"]


@pytest.mark.skipif(not HUMANEVAL.exists() and os.environ.get("CI") != "true", reason=f"{HUMANEVAL} is not here")
def test_humaneval_passes_by_its_own_solutions_and_not_by_empty_bodies(sandbox):
    suite = read_code_suite(HUMANEVAL)
    right = sandbox.run([task.candidate(task.solution) for task in suite.tasks], on_done=lambda _: None)
    empty = sandbox.run([task.candidate(task.empty) for task in suite.tasks], on_done=lambda _: None)
    assert [(outcome.id, outcome.detail) for outcome in right if outcome.status != "pass"] == []
    assert [outcome.id for outcome in empty if outcome.status == "pass"] == []
    assert len(right) == 164


def test_a_plain_and_a_zipped_file_hold_the_same_tasks(tmp_path):
    plain = write(tmp_path / "suite.jsonl", ADD)
    zipped = tmp_path / "suite.jsonl.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_code_suite(zipped).tasks == read_code_suite(plain).tasks


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: it holds no task"),
        (gzip.compress(json.dumps(ADD).encode() * 50)[:-20], "truncated or damaged gzip"),
        (json.dumps(ADD).encode() + b'\n{"task_id": "T/1", "pro', "line 2 is truncated or not JSON"),
        (b"[1]\n", "line 1 holds no JSON object but list"),
        (b'{"question": 1, "answer": 2}\n', "another format, with keys answer, question. Wanted: .*canonical_solution"),
        ((json.dumps(ADD).encode() + b"\n") * 2, "line 2 repeats the task `T/0`"),
        (json.dumps(ADD).encode() + b"\n" + json.dumps(SQUARE).encode(), "mixes humaneval and mbpp"),
        (json.dumps({**ADD, "prompt": 5}).encode(), "line 1 is no humaneval task: `prompt` must be text, not int"),
        (json.dumps({**ADD, "entry_point": "a b"}).encode(), "`entry_point` `a b` is no name"),
        (json.dumps({**SQUARE, "test_list": ["assert 1"]}).encode(), "call no function that its `code` defines"),
        (json.dumps({**SQUARE, "code": "def ("}).encode(), "line 1 is no mbpp task"),
        (json.dumps({**ADD_PLUS, "plus_input": 3}).encode(), "line 1 is no humaneval\\+ task"),
    ],
)
def test_a_bad_file_gets_one_line_that_says_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "suite.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        read_code_suite(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl` cannot be read: No such file"):
        read_code_suite(tmp_path / "none.jsonl")


def test_another_suite_than_the_wanted_one_is_refused(tmp_path):
    with pytest.raises(DataError, match="Wanted: mbpp"):
        read_code_suite(write(tmp_path / "suite.jsonl", ADD), "mbpp")


def test_the_function_under_test_is_found_below_what_its_result_is_passed_to():
    assert called(["assert set(f(len('ab'))) == {1}", "assert f(2) == g(1)"], "def f(n): ...") == "f"


def test_inputs_get_the_types_that_the_examples_show():
    assert shaped([[1, [2]], [3]], [[(1, (2,))]]) == [(1, (2,)), (3,)]
    assert shaped("1j", [2j]) == 1j
    assert shaped([[1], []], [[{}]]) == [{1}, {}]
    assert shaped([1, [2, [3, [4]]]], [(1, (2,))]) == (1, (2, (3, (4,))))
    assert shaped({"a": [1]}, []) == {"a": [1]}
