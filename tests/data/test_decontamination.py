"""Suites stay out of training data: what is of a task is found, whatever it was renamed to, and nothing else."""

import gzip
import json
import pickle
from pathlib import Path

import pytest

from data.decontamination import Sieve, without
from data.suites import Suite, SuiteFile, SuiteTask, read_suite
from hone.errors import DataError

HUMANEVAL = Path(__file__).parents[3] / "shared" / "benchmarks" / "HumanEval.jsonl.gz"
QUESTION = "Return the sum of the squares of all even numbers in the given list, counting each one twice"
SOLUTION = f'''def squares(numbers: list[int]) -> int:
    """{QUESTION}."""
    total = 0
    for number in numbers:
        if number % 2 == 0:
            total += 2 * number**2  # twice
    return total
'''
ADD = "def add(x, y):\n    return x + y\n"
RENAMED = """
class Other:
    @staticmethod
    def zzz(xs):
        acc = 5
        for x in xs:
            # another remark
            if (x % 7) == 1: acc += 9 * x ** 3
        return acc
"""
SUITE = Suite("tasks", (SuiteTask("squares", "", SOLUTION), SuiteTask("add", "", ADD)))


def found(text: str, *suites: Suite, python: bool = True) -> list[tuple[str, str, int, int]]:
    """Task, kind and lines of each finding."""
    findings = Sieve(suites or (SUITE,)).findings(text, python=python)
    return [(one.task, one.kind, one.first_line, one.last_line) for one in findings]


def test_thirteen_words_are_found_with_their_lines_in_any_text():
    words = QUESTION.upper().split()[:13]
    quoted = f"intro\n\n{' '.join(words[:6])} --\n{' '.join(words[6:])}\n"
    assert found(quoted, python=False) == [("squares", "words", 3, 4)]
    assert found(" ".join(QUESTION.split()[:12])) == []


def test_a_solution_with_other_names_literals_and_layout_is_found_as_a_tree():
    assert found(RENAMED) == [("squares", "tree", 3, 9)]
    assert found(RENAMED, python=False) == []


def test_the_smallest_solution_is_found_too():
    assert found("x = 1\ndef f(a, b):\n    'Adds.'\n    return (a + b)") == [("add", "tree", 2, 4)]
    assert found("def f(a, b):\n    return a - b\ndef g(a, b):\n    return a + a\n") == []


def test_of_a_text_with_a_small_solution_the_function_alone_goes():
    code = (
        "class A:\n    @cache\n    def plus(self_, b):\n        return self_ + b\n\n    x = 1\r\n\ndef f():\n    pass\n"
    )
    findings = Sieve([SUITE]).findings(code, python=True)
    assert [one.small for one in findings] == [True]
    assert without(code, findings) == "class A:\n    pass\n    \n        \n\n    x = 1\r\n\ndef f():\n    pass\n"
    assert Sieve([SUITE]).findings(without(code, findings), python=True) == ()
    assert not any(one.small for one in Sieve([SUITE]).findings(RENAMED, python=True))


def test_a_finding_names_its_suite_and_what_is_shared():
    (one,) = Sieve([SUITE]).findings(RENAMED, python=True)
    assert (one.suite, one.text) == ("tasks", "zzz")


def test_words_that_many_tasks_of_a_suite_begin_with_are_no_overlap():
    tasks = tuple(SuiteTask(str(number), QUESTION, "") for number in range(3))
    assert found(QUESTION, Suite("same", tasks)) == []
    assert {task for task, *_ in found(QUESTION, Suite("a", tasks[:2]), Suite("b", tasks[:2]))} == {"0", "1"}


def test_a_gate_works_the_same_in_a_worker():
    sieve = Sieve([SUITE])
    assert pickle.loads(pickle.dumps(sieve)).findings(RENAMED, python=True) == sieve.findings(RENAMED, python=True)


def test_without_suites_nothing_is_found():
    assert Sieve([]).findings(SOLUTION, python=True) == ()


@pytest.mark.skipif(not HUMANEVAL.exists(), reason="the benchmark is not on this machine")
def test_every_solution_of_humaneval_is_found_by_its_code_alone():
    suite = read_suite(SuiteFile(format="humaneval", path=HUMANEVAL.name), HUMANEVAL.parent)
    sieve = Sieve([suite])
    for task in suite.tasks:
        kinds = {
            one.kind for one in sieve.findings(f"import os\n\n{task.solution}", python=True) if one.task == task.id
        }
        assert "tree" in kinds, task.id


def write(path: Path, *rows: object) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))


@pytest.mark.parametrize(
    ("format", "row"),
    [
        ("humaneval", {"task_id": "t", "prompt": "def add(x, y):\n", "canonical_solution": "    return x + y\n"}),
        ("mbpp", {"task_id": "t", "text": "Add.", "code": ADD, "test_list": ["assert add(1, 1) == 2"]}),
        ("mbpp", {"task_id": "t", "prompt": "Add.", "canonical_solution": ADD}),
        ("jsonl", {"id": "t", "question": "Add.", "solution": ADD}),
    ],
)
def test_each_format_is_read(format, row, tmp_path):
    write(tmp_path / "suite.jsonl.gz", row)
    suite = read_suite(SuiteFile(format=format, path="suite.jsonl.gz"), tmp_path)
    assert (suite.name, suite.tasks[0].id, suite.tasks[0].solution) == ("suite", "t", ADD)


@pytest.mark.parametrize(
    ("format", "row", "said"),
    [
        ("humaneval", {"task_id": "t", "prompt": "p"}, "canonical_solution is missing"),
        ("mbpp", {"task_id": "t", "text": 3, "code": ""}, "`text` must be text, not int"),
        ("jsonl", {"a": 1}, "`prompt` or"),
        ("jsonl", [1], "no JSON object"),
    ],
)
def test_a_row_that_is_no_task_is_named_with_its_line(format, row, said, tmp_path):
    write(tmp_path / "suite.jsonl", row)
    with pytest.raises(DataError, match=said) as raised:
        read_suite(SuiteFile(format=format, path="suite.jsonl"), tmp_path)
    assert "line 1" in str(raised.value)


def test_a_missing_a_damaged_and_an_empty_file_are_named(tmp_path):
    suite = SuiteFile(format="jsonl", path="suite.jsonl")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_suite(suite, tmp_path)
    write(tmp_path / "suite.jsonl", {"text": "x" * 1000})
    (tmp_path / "suite.jsonl").write_bytes((tmp_path / "suite.jsonl").read_bytes()[:-12])
    with pytest.raises(DataError, match="truncated"):
        read_suite(suite, tmp_path)
    (tmp_path / "suite.jsonl").write_bytes(b"\n")
    with pytest.raises(DataError, match="holds no task"):
        read_suite(suite, tmp_path)
