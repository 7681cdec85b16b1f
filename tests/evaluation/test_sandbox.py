"""What a sandbox says of honest candidates."""

import os
from contextlib import closing
from textwrap import dedent

import pytest

from evaluation.sandbox import Candidate, Limits, Outcome, Sandbox, open_sandbox
from evaluation.sandbox.verdict import judge, same
from hone.records import Json, TestCase


def run(sandbox: Sandbox, source: str, *tests: tuple[tuple[Json, ...], Json]) -> Outcome:
    cases = tuple(TestCase(arguments=arguments, expected=expected) for arguments, expected in tests)
    candidate = Candidate(id="one", source=dedent(source), entry_point="solve", tests=cases)
    return sandbox.run([candidate], on_done=lambda _: None)[0]


def test_a_function_that_returns_what_is_expected_passes(sandbox):
    outcome = run(sandbox, "def solve(xs):\n    return sorted(xs)\n", (([3, 1],), [1, 3]), (([],), []))
    assert (outcome.status, outcome.detail) == ("pass", "")


def test_a_wrong_value_fails_and_says_which_call(sandbox):
    outcome = run(sandbox, "def solve(x):\n    return 2 * x\n", ((0,), 0), ((3,), 9))
    assert (outcome.status, outcome.detail) == ("fail", "call 2 returned 6, expected 9")


def test_a_tuple_counts_as_the_list_that_json_makes_of_it(sandbox):
    assert run(sandbox, "def solve(x):\n    return x, (x,)\n", ((1,), [1, [1]])).status == "pass"


def test_strings_floats_and_dictionaries_come_back_exactly(sandbox):
    value = {'é\n"\\': [0.1, -1e300, 10**30, None, True, "\U0001f600"]}
    assert run(sandbox, "def solve(x):\n    return x\n", ((value,), value)).status == "pass"


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("def solve(x):\n    return 1 / 0\n", "call 1: ZeroDivisionError: division by zero"),
        ("def solve(x)\n", "SyntaxError: expected ':' (candidate.py, line 1)"),
        ("def other(x):\n    return x\n", "AttributeError: module 'candidate' has no attribute 'solve'"),
        ("def solve(x):\n    raise SystemExit\n", "call 1: SystemExit:"),
        ("def solve(x):\n    return float('nan')\n", "call 1: returned `float`, which JSON cannot carry"),
        ("def solve(x):\n    return {1: x}\n", "call 1: returned `dict`, which JSON cannot carry"),
        ("def solve(x):\n    return solve(x)\n", "call 1: RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_code_that_raises_or_returns_no_plain_value_is_an_error_with_its_reason(sandbox, source, detail):
    outcome = run(sandbox, source, ((1,), 1))
    assert outcome.status == "error"
    assert outcome.detail.startswith(detail)


def test_what_a_candidate_prints_is_thrown_away(sandbox):
    assert run(sandbox, "def solve(x):\n    print('x' * 10**7)\n    return x\n", ((1,), 1)).status == "pass"


def test_the_whole_standard_library_can_be_imported(sandbox):
    source = "import ctypes, hashlib, json, zlib\ndef solve(x):\n    return x\n"
    assert run(sandbox, source, ((1,), 1)).status == "pass"


def test_a_dataclass_can_be_defined(sandbox):
    source = """
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
        def solve(x):
            return Point(x).x
    """
    assert run(sandbox, source, ((1,), 1)).status == "pass"


def test_outcomes_come_in_the_order_of_the_candidates_and_each_is_announced_once(sandbox):
    source = "import time\ndef solve(x):\n    time.sleep(x)\n    return x\n"
    waits = [0.3, 0.0, 0.1, 0.0]
    candidates = [
        Candidate(
            id=str(index), source=source, entry_point="solve", tests=(TestCase(arguments=(wait,), expected=wait),)
        )
        for index, wait in enumerate(waits)
    ]
    announced: list[str] = []
    outcomes = sandbox.run(candidates, on_done=lambda outcome: announced.append(outcome.id))
    assert [outcome.id for outcome in outcomes] == ["0", "1", "2", "3"]
    assert sorted(announced) == ["0", "1", "2", "3"]
    assert {outcome.status for outcome in outcomes} == {"pass"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, 1),
        (1, True),
        (1, 1.0),
        (0, False),
        (None, False),
        ("1", 1),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_values_of_another_type_or_shape_are_not_the_same(value, expected):
    assert not same(value, expected)


@pytest.mark.parametrize(
    "report",
    [b"", b"[1]", b'{"returned":1}', b'{"returned":[]}', b'{"returned":[1]}{"returned":[1]}', b"[" * 10**5, b"\xff"],
)
def test_a_report_that_is_none_is_a_violation(report):
    assert judge(report, [TestCase(arguments=(), expected=1)])[0] == "violation"


def test_a_detail_is_one_printable_line_of_bounded_length():
    _, detail = judge(b'{"raised":"\\u001b[31mred\\n' + b"x" * 10_000 + b'"}', [])
    assert detail.isprintable()
    assert len(detail) <= 300


def test_with_a_slot_for_each_core_every_slot_keeps_to_its_own():
    cores = sorted(os.sched_getaffinity(0))
    source = "import os, time\n\ndef solve(s):\n    time.sleep(s)\n    return sorted(os.sched_getaffinity(0))\n"
    test = TestCase(arguments=(0.3,), expected=[])
    candidates = [Candidate(id=str(core), source=source, entry_point="solve", tests=(test,)) for core in cores]
    with closing(open_sandbox(Limits(), workers=len(cores), isolation="namespaces")) as sandbox:
        outcomes = sandbox.run(candidates, on_done=lambda _: None)
    assert sorted(outcome.detail for outcome in outcomes) == [
        f"call 1 returned [{core}], expected []" for core in cores
    ]
