"""Assertions of several candidates run in one process: nothing of one reaches the next, whatever it did."""

import time
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from evaluation.sandbox import Candidate, Check, Limits, Outcome, Sandbox
from evaluation.sandbox.namespaces import Namespaces
from hone.errors import IsolationUnavailable
from hone.records import TestCase

MOST_CHECKS = 200  # that one process runs: evaluation/sandbox/program.py, which only the sandbox can import
IDENTITY = "def f(x):\n    return x\n"
HONEST = ("assert f(3) == 3\n", "")


@pytest.fixture(scope="module")
def slot() -> Iterator[Sandbox]:
    """One slot, so that all checks of a test go to the same process as long as it is kept."""
    try:
        sandbox = Namespaces(Limits(timeout_s=2, memory_mb=128), workers=1)
    except IsolationUnavailable as error:
        pytest.skip(str(error))
    with closing(sandbox):
        yield sandbox


def run(slot: Sandbox, *checks: tuple[str, str], source: str = IDENTITY) -> list[Outcome]:
    """Each check's assertions and setup, one after another."""
    candidates = [
        Candidate(id=str(number), source=source, entry_point="f", check=Check(setup=setup, assertions=assertions))
        for number, (assertions, setup) in enumerate(checks)
    ]
    return slot.run(candidates, on_done=lambda _: None)


@pytest.mark.parametrize(
    "spoiling",
    [
        "import math\nmath.floor = lambda x: 7",
        "import builtins\nbuiltins.sorted = lambda x: x",
        "import sys\nsys.modules['numpy'] = sys",
        "import sys\nsys.setrecursionlimit(77)",
        "import os\nif os.fork() == 0:\n    import time\n    time.sleep(60)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import json, math\nmath.floor = json",
    ],
)
def test_what_assertions_change_in_python_the_next_ones_do_not_see(slot, spoiling):
    looking = """
import builtins, math, os, sys, threading
assert math.floor(2.5) == 2 and sorted([2, 1]) == [1, 2]
assert 'numpy' not in sys.modules and sys.getrecursionlimit() > 500
assert threading.active_count() == 1
try:
    os.waitpid(-1, os.WNOHANG)
    assert False, 'a process is left'
except ChildProcessError:
    pass
"""
    assert [one.status for one in run(slot, HONEST, (f"{spoiling}\nassert f(1) == 1\n", ""), (looking, ""))] == [
        "pass"
    ] * 3


def test_names_of_one_check_are_unknown_to_the_next(slot):
    outcomes = run(
        slot, ("kept = f(1)\n", "helper = 1\n"), ("assert 'kept' not in globals() and 'helper' not in globals()", "")
    )
    assert [one.status for one in outcomes] == ["pass", "pass"]


def test_assertions_that_never_end_are_a_timeout_and_the_next_ones_run(slot):
    outcomes = run(slot, ("f(1)\nwhile True: pass\n", ""), HONEST)
    assert [one.status for one in outcomes] == ["timeout", "pass"]


def test_a_candidate_that_dies_in_the_middle_leaves_the_next_its_verdict(slot):
    source = "import os\ndef f(x):\n    if x == 1:\n        os._exit(0)\n    return x\n"
    outcomes = run(slot, ("assert f(1) == 1\n", ""), ("assert f(2) == 2\n", ""), source=source)
    assert [one.status for one in outcomes] == ["error", "pass"]


def test_checks_that_are_killed_between_two_candidates_leave_the_next_its_verdict():
    """By the kernel, say, which for want of memory ends all that runs in a slot."""
    with closing(Namespaces(Limits(timeout_s=2), workers=1)) as slot:
        assert [outcome.status for outcome in run(slot, HONEST)] == ["pass"]
        (only,) = slot._free
        *_, checks = psutil.Process(only._process.pid).children(recursive=True)
        checks.kill()
        while checks.status() != psutil.STATUS_ZOMBIE:  # its zygote has not asked for it yet
            time.sleep(0.001)
        assert [outcome.status for outcome in run(slot, HONEST, HONEST)] == ["pass", "pass"]
        assert not checks.is_running()


def test_an_answer_that_exhausts_memory_leaves_the_next_its_verdict(slot):
    source = "def f(x):\n    return [0] * x\n"
    outcomes = run(slot, ("assert f(60_000_000)\n", ""), ("assert f(2) == [0, 0]\n", ""), source=source)
    assert outcomes[0].status in {"error", "out-of-memory"}
    assert outcomes[1].status == "pass"


def test_values_longer_than_one_read_come_back_whole(slot):
    assertions = "value = [('é' * 1000, {'a': (1, 2.5)})] * 300\nassert f(value) == value\n"
    assert run(slot, (assertions, ""))[0].status == "pass"


@pytest.mark.parametrize(
    "sent",
    ["b'\\x05\\0\\0\\0[\"l\"]' * 2", "b'\\xff\\xff\\xff\\xff'", "b'\\x01\\0\\0\\0{'", "b'\\x02'"],
    ids=["two values", "too long", "no value", "a part of a length"],
)
def test_what_a_candidate_writes_to_the_line_itself_is_no_pass(slot, sent):
    source = f"import os\ndef f(x):\n    os.write(4, {sent})\n    os._exit(0)\n"
    outcomes = run(slot, ("assert f(1) == []\n", ""), source=source)
    assert outcomes[0].status in {"error", "fail"}
    assert run(slot, HONEST)[0].status == "pass"


def test_more_checks_than_one_process_takes_all_have_their_verdict(slot):
    wrong = ("assert f(1) == 2\n", "")
    outcomes = run(slot, *[HONEST, wrong] * (MOST_CHECKS // 2 + 5))
    assert [one.status for one in outcomes] == ["pass", "fail"] * (MOST_CHECKS // 2 + 5)


def test_calls_with_values_and_with_assertions_may_take_turns(slot):
    plain = Candidate(id="plain", source=IDENTITY, entry_point="f", tests=(TestCase(arguments=(1,), expected=1),))
    checked = Candidate(id="checked", source=IDENTITY, entry_point="f", check=Check(setup="", assertions=HONEST[0]))
    outcomes = slot.run([plain, checked] * 3, on_done=lambda _: None)
    assert [one.status for one in outcomes] == ["pass"] * 6


def test_a_long_failed_line_is_told_in_short(slot):
    outcome = run(slot, (f"assert f(1) == '{'x' * 100_000}'\n", ""))[0]
    assert outcome.status == "fail"
    assert len(outcome.detail) <= 300
