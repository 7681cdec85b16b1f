"""The fallback: what is its own beside what every isolation does, and when it refuses to be opened."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.sandbox import Candidate, Check, Limits, Outcome, Sandbox, open_sandbox
from evaluation.sandbox.bubblewrap import OWN, open_bubblewrap
from evaluation.sandbox.host import base_python
from evaluation.sandbox.probe import proved
from hone.errors import EvaluationError, IsolationUnavailable
from hone.records import Json, TestCase

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fallback() -> Sandbox:
    try:
        return open_sandbox(Limits(timeout_s=5, memory_mb=128), 1, isolation="bubblewrap")
    except IsolationUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def run(sandbox: Sandbox, source: str, expected: Json) -> Outcome:
    case = TestCase(arguments=(), expected=expected)
    return sandbox.run([Candidate(id="f", source=source, entry_point="f", tests=(case,))], on_done=lambda _: None)[0]


def checked(sandbox: Sandbox, source: str, assertions: str) -> Outcome:
    check = Check(setup="", assertions=assertions)
    return sandbox.run([Candidate(id="f", source=source, entry_point="f", check=check)], on_done=lambda _: None)[0]


def test_its_name_tells_what_holds_a_candidate(fallback: Sandbox) -> None:
    user = "unprivileged uid per run" if os.geteuid() == 0 else "user namespace"
    assert fallback.isolation.startswith("bubblewrap 0.")
    assert fallback.isolation.endswith(f", {user}, seccomp, memory limited per process")


def test_without_libseccomp_it_runs_and_says_that_it_filters_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[bytes, bytes]:
        raise IsolationUnavailable("libseccomp was not found")

    monkeypatch.setattr("evaluation.sandbox.bubblewrap.filters_with_bubblewrap", missing)
    unfiltered = open_bubblewrap(Limits(timeout_s=5), 1)
    assert ", no seccomp, " in unfiltered.isolation
    assert run(unfiltered, "def f():\n    return 1\n", 1).status == "pass"
    assert checked(unfiltered, "def f():\n    return 1\n", "assert f() == 1").status == "pass"


def test_what_only_its_start_needed_is_refused_to_the_candidate(fallback: Sandbox) -> None:
    source = """
import ctypes, os
def f():
    libc = ctypes.CDLL(None)
    done = [name for name, worked in (
        ("prctl", libc.prctl(1, 0, 0, 0, 0) == 0),
        ("setresuid", libc.setresuid(os.getuid(), os.getuid(), os.getuid()) == 0),
    ) if worked]
    try:
        os.execv("/python/bin/" + os.listdir("/python/bin")[0], ["python"])
    except PermissionError:
        return done
"""
    assert run(fallback, source, []).detail == ""


def test_it_sees_its_own_descriptors_and_no_other(fallback: Sandbox) -> None:
    source = """
import os
def f():
    seen = []
    for number in range(4096):
        try:
            os.fstat(number)
            seen.append(number)
        except OSError:
            pass
    return seen
"""
    assert run(fallback, source, [0, 1, 2, 3, 4]).detail == ""


def test_candidate_and_assertions_are_each_alone_in_a_tree(fallback: Sandbox) -> None:
    source = "import os\ndef f():\n    return os.getpid(), os.getppid(), os.path.exists('/proc/self')\n"
    asserting = "import os\nassert f() == (2, 1, False)\nassert (os.getpid(), os.getppid()) == (2, 1)\n"
    assert checked(fallback, source, asserting).detail == ""


def test_a_candidate_that_cannot_be_read_says_why_to_the_assertions(fallback: Sandbox) -> None:
    outcome = checked(fallback, "raise KeyError('early')\n", "assert f() == 1")
    assert (outcome.status, outcome.detail) == ("error", "KeyError: 'early'")


def test_a_candidate_without_memory_for_an_answer_is_out_of_memory(fallback: Sandbox) -> None:
    assert checked(fallback, "def f():\n    return [0] * 10**9\n", "assert f() == 1").status == "out-of-memory"


def test_assertions_that_do_not_end_are_a_timeout(fallback: Sandbox) -> None:
    assert checked(fallback, "def f():\n    return 1\n", "while f(): pass").status == "timeout"


def test_more_files_than_allowed_are_a_violation(fallback: Sandbox) -> None:
    source = "def f():\n    for n in range(10**9): open(f'/tmp/{n}', 'w').close()\n"
    outcome = run(fallback, source, None)
    assert (outcome.status, outcome.detail) == ("violation", "it made more than 4,096 files")


def test_its_time_and_memory_are_told(fallback: Sandbox) -> None:
    outcome = run(fallback, "def f():\n    return len(b'x' * (60 << 20)) + 0 * sum(range(10**7))\n", 60 << 20)
    assert outcome.status == "pass"
    assert outcome.cpu_s > 0.05
    assert 60 < outcome.peak_mb < 128


def test_a_folder_that_is_shown_can_be_read_inside_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)  # an ordinary user's files are shown to that user, root's to nobody
    (tmp_path / "shown" / "text").write_text("here")
    sandbox = open_bubblewrap(Limits(timeout_s=5), 1, readable=[(tmp_path / "shown", "/repository/tree")])
    source = """
def f():
    try:
        open("/repository/tree/text", "a")
    except OSError:
        return open("/repository/tree/text").read()
"""
    assert run(sandbox, source, "here").detail == ""


USING = """
import sys
from evaluation.sandbox import Candidate, Check, Limits, open_sandbox

sandbox = open_sandbox(Limits(timeout_s=60), workers=1, isolation="bubblewrap")
print("open", flush=True)
source = "import time\\ndef f():\\n    time.sleep(1000)\\n"
check = Check(setup="", assertions="assert f()")
sandbox.run([Candidate(id="f", source=source, entry_point="f", check=check)], on_done=lambda _: None)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_of_it_outlives_the_process_that_started_it(how: signal.Signals, fallback: Sandbox) -> None:
    with subprocess.Popen([sys.executable, "-c", USING], cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        wait_for(lambda: len(below(process.pid)) == 6)  # bubblewrap, the first inside and the program, twice
        started = below(process.pid)
        process.send_signal(how)
    wait_for(lambda: not any(running(one) for one in started))


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def below(process: int) -> list[int]:
    """The children of a process, their children, and so on."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def script(folder: Path, text: str) -> str:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(folder)


def test_without_bubblewrap_it_refuses_and_names_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(IsolationUnavailable, match="sudo apt-get install --yes bubblewrap"):
        proved(open_bubblewrap(Limits(), 1, search_path=str(tmp_path)))


def test_a_bubblewrap_too_old_for_its_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsolationUnavailable, match=r"version 0\.4\.1, older than 0\.8"):
        proved(open_bubblewrap(Limits(), 1, search_path=script(tmp_path, "echo bubblewrap 0.4.1")))


def test_a_bubblewrap_that_the_kernel_forbids_is_refused_with_its_words(tmp_path: Path) -> None:
    text = '[ "$1" = --version ] && exec echo bubblewrap 0.8.0\necho "bwrap: setting up uid map: denied"\nexit 1'
    with pytest.raises(IsolationUnavailable, match="setting up uid map: denied"):
        proved(open_bubblewrap(Limits(), 1, search_path=script(tmp_path, text)))


def test_a_bubblewrap_that_does_not_isolate_is_refused(tmp_path: Path) -> None:
    # It runs what it is asked to, but right here.
    program = tmp_path / "bwrap"
    program.write_text(f"""#!{base_python()}
import ctypes, os, sys
if sys.argv[1] == "--version":
    sys.exit(print("bubblewrap 0.8.0"))
with open(int(sys.argv[sys.argv.index("--info-fd") + 1]), "w") as info:
    info.write('{{"child-pid": %d}}' % os.getpid())
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no new privileges, without which no filter can be had
os.execv({str(base_python())!r}, ["python", "-I", "-S", "-B", {str(OWN / "enclosed.py")!r}, *sys.argv[-4:]])
""")
    program.chmod(0o755)
    with pytest.raises(IsolationUnavailable, match="does not isolate on this machine"):
        proved(open_bubblewrap(Limits(), 1, search_path=str(tmp_path)))


def test_a_bubblewrap_that_is_gone_in_the_middle_is_the_sandbox_s_fault(tmp_path: Path) -> None:
    sandbox = open_bubblewrap(Limits(), 1, search_path=script(tmp_path, "echo bubblewrap 0.8.0"))
    (tmp_path / "bwrap").unlink()
    with pytest.raises(EvaluationError, match=r"bwrap` could not be started: .*No such file"):
        run(sandbox, "def f():\n    return 1\n", 1)
