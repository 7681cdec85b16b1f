"""The list of attacks, tried for real: all are contained, and an attack that got through would be seen."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from evaluation.sandbox import Candidate, Check, Limits, Outcome, Sandbox, open_sandbox
from evaluation.sandbox.attacks import ATTACKS, FORGERIES
from evaluation.sandbox.cgroups import left_groups
from evaluation.sandbox.namespaces import PREFIX, Namespaces
from evaluation.sandbox.probe import Isolation
from evaluation.sandbox.trial import HONEST, Trial, try_all
from hone.errors import EvaluationError
from hone.records import TestCase

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trials(trial_sandbox: Sandbox) -> list[Trial]:
    return try_all(trial_sandbox, progress=lambda _done, _total: None)


def test_every_attack_and_every_forgery_is_contained(trials: list[Trial]) -> None:
    assert len(ATTACKS) >= 40
    assert len(FORGERIES) >= 10
    assert [trial for trial in trials if not trial.contained] == []
    assert len(trials) == len(ATTACKS) + len(FORGERIES)


def test_no_attack_fails_by_its_own_mistake(trials: list[Trial]) -> None:
    mistakes = ("SyntaxError", "NameError", "TypeError", "ImportError", "AttributeError", "IndentationError")
    assert [trial for trial in trials if any(name in trial.detail for name in mistakes)] == []


def test_an_attack_that_gets_something_is_not_contained(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.sandbox.trial.ATTACKS", {"reads": "return reads(os.__file__)"})
    monkeypatch.setattr("evaluation.sandbox.attacks.ATTACKS", {"reads": "return reads(os.__file__)"})
    monkeypatch.setattr("evaluation.sandbox.trial.FORGERIES", {"knows": "def NAME(a, b): return a + b"})
    trials = try_all(sandbox, progress=lambda _done, _total: None)
    assert [trial.contained for trial in trials] == [False, False]


def test_a_sandbox_in_which_nothing_passes_has_contained_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Candidate(id="honest", source="def solve(a, b): return a - b\n", entry_point="solve", check=HONEST.check)
    monkeypatch.setattr("evaluation.sandbox.trial.HONEST", wrong)
    with pytest.raises(EvaluationError, match="does not let a right answer pass: fail, assert solve"):
        try_all(sandbox, progress=lambda _done, _total: None)


def checked(sandbox: Sandbox, source: str, assertions: str, setup: str = "") -> Outcome:
    check = Check(setup=setup, assertions=assertions)
    return sandbox.run([Candidate(id="one", source=source, entry_point="f", check=check)], on_done=lambda _: None)[0]


@pytest.fixture(scope="module")
def own() -> Iterator[Namespaces]:
    try:
        sandbox = Namespaces(Limits(timeout_s=3, memory_mb=128), 2)
    except EvaluationError as error:
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()


def test_assertions_see_the_function_under_its_name_and_as_candidate(sandbox: Sandbox) -> None:
    outcome = checked(
        sandbox, "def f(x, *, y=1):\n    return x + y\n", "assert f(2) == 3\nassert candidate(2, y=2) == 4\n"
    )
    assert (outcome.status, outcome.detail) == ("pass", "")


def test_values_keep_their_types_on_the_way(sandbox: Sandbox) -> None:
    values = "(1, [2.5], {'a': (None,)}, {3}, frozenset({4}), b'5', True, float('inf'), 6j, 10**40, {(1, 2): 'x'})"
    assert checked(
        sandbox, "def f(x):\n    return x\n", f"v = {values}\nassert f(v) == v\nassert type(f(v)[1]) is list"
    ).status == ("pass")


def test_a_failed_assertion_is_quoted(sandbox: Sandbox) -> None:
    outcome = checked(sandbox, "def f(x):\n    return 2\n", "assert f(1) == 2\nassert f(2) == 3, 'two'\n")
    assert (outcome.status, outcome.detail) == ("fail", "assert f(2) == 3, 'two'  # AssertionError: two")


def test_what_the_function_raises_reaches_the_assertions_by_its_kind(sandbox: Sandbox) -> None:
    source = "def f(x):\n    raise ValueError('no')\n"
    asserting = "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False\n"
    assert checked(sandbox, source, asserting).status == "pass"
    outcome = checked(sandbox, source, "assert f(1) == 1")
    assert (outcome.status, outcome.detail) == ("error", "ValueError: no")


def test_a_function_that_hangs_in_the_middle_of_assertions_is_a_timeout(sandbox: Sandbox) -> None:
    assert checked(sandbox, "def f(x):\n    while x: pass\n", "assert f(0) is None\nf(1)").status == "timeout"


def test_helpers_of_the_setup_are_there_for_the_assertions(sandbox: Sandbox) -> None:
    outcome = checked(
        sandbox, "def f(x):\n    return x\n", "assert twice(f(2)) == 4", setup="def twice(x):\n    return 2 * x\n"
    )
    assert outcome.status == "pass"


def test_what_was_printed_is_kept_as_far_as_the_limit_goes(sandbox: Sandbox) -> None:
    source = "def f(x):\n    print('said', x)\n    return x\n"
    case = TestCase(arguments=(1,), expected=1)
    outcome = sandbox.run([Candidate(id="one", source=source, entry_point="f", tests=(case,))], on_done=lambda _: None)[
        0
    ]
    assert outcome.output == "said 1\n"


@pytest.mark.parametrize(
    "spoiled", ["os.chmod('/tmp', 0)", "open('/tmp/left', 'w').write('x')", "os.mkdir('/tmp/left')"]
)
def test_what_one_candidate_does_to_tmp_the_next_does_not_see(sandbox: Sandbox, spoiled: str) -> None:
    source = """
import os
def f(spoil):
    seen = os.listdir("/tmp")
    try:
        if spoil:
            SPOIL
    except PermissionError:  # it may not even be its own
        pass
    return seen
"""
    candidates = [
        Candidate(
            id=str(n),
            source=source.replace("SPOIL", spoiled),
            entry_point="f",
            tests=(TestCase(arguments=(n < 4,), expected=[]),),
        )
        for n in range(8)
    ]
    assert {outcome.status for outcome in sandbox.run(candidates, on_done=lambda _: None)} == {"pass"}


def test_memory_of_many_processes_counts_together(own: Sandbox) -> None:
    if "cgroup v" not in own.isolation:
        pytest.skip("no control group can be made here")
    source = """
import os, time
def f(x):
    full, filled = os.pipe()
    for _ in range(3):
        if os.fork() == 0:
            held = bytearray(60 << 20)
            held[::4096] = bytes(len(held) // 4096)
            os.write(filled, b".")
            time.sleep(60)
    for _ in range(3):
        os.read(full, 1)
    return x
"""
    case = TestCase(arguments=(1,), expected=1)
    outcome = own.run([Candidate(id="one", source=source, entry_point="f", tests=(case,))], on_done=lambda _: None)[0]
    assert outcome.status == "out-of-memory"
    assert outcome.peak_mb > 100


def test_a_slot_that_was_killed_is_replaced(own: Namespaces) -> None:
    slot = own._take()
    slot._process.kill()
    slot._process.wait()
    own._give(slot)
    candidate = Candidate(
        id="one", source="def f(): return 1", entry_point="f", tests=(TestCase(arguments=(), expected=1),)
    )
    with pytest.raises(EvaluationError, match="the sandbox's own process has ended"):
        own.run([candidate], on_done=lambda _: None)
    assert own.run([candidate], on_done=lambda _: None)[0].status == "pass"


USING = """
import os, sys
from evaluation.sandbox import Candidate, Limits, open_sandbox
from hone.records import TestCase

sandbox = open_sandbox(Limits(), workers=2)
case = TestCase(arguments=(), expected=1)
candidates = [Candidate(id=str(n), source="def f(): return 1", entry_point="f", tests=(case,)) for n in range(20)]
sandbox.run(candidates, on_done=lambda _: None)
print(os.getpid(), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
if sys.argv[1] == "closed":
    sandbox.close()
"""


@pytest.mark.parametrize("how", ["closed", "ended", "killed"])
def test_a_process_leaves_nothing_behind_however_it_ends(how: str, own: Sandbox) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USING, how], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    process = int(done.stdout)
    if how == "killed":
        deadline = time.monotonic() + 10
        while _left(process) and time.monotonic() < deadline:  # its zygotes notice, and then the next one sweeps
            open_sandbox(Limits(), workers=1).close()
    assert _left(process) == []


def _left(process: int) -> list[str]:
    """Control groups, folders and processes of the sandboxes of a process."""
    name = f"{PREFIX}{process}-"
    return [str(path) for path in (*left_groups(name), *Path(tempfile.gettempdir()).glob(f"{name}*"))]


@pytest.mark.parametrize("isolation", get_args(Isolation))
def test_an_ordinary_user_is_as_well_contained(isolation: str, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests here run as an ordinary user already")
    if not shutil.which("setpriv"):
        pytest.skip("setpriv, which becomes another user, is not installed")
    become = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "--bounding-set", "-all"]
    path = f"{REPOSITORY}:{sysconfig.get_path('purelib')}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": path,
    }

    def run(python: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*become, python, "-c", code, *arguments]
        return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)

    can = "import os, hone.cli; from evaluation.sandbox.host import base_python; exit(not os.access(base_python(), 1))"
    pythons = [python for python in (sys.executable, "/usr/bin/python3.11") if run(python, can).returncode == 0]
    if not pythons:
        pytest.skip("an ordinary user cannot read a Python or this checkout")
    code = "from hone.cli import main; main()"
    done = run(pythons[0], code, "eval", "sandbox-check", "--isolation", isolation)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"isolation: {isolation}" in done.stdout
    assert "user id 54321" in done.stdout
    assert "ESCAPED" not in done.stdout
