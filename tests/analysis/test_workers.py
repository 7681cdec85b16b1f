"""Files in worker processes: what hangs, explodes or dies costs its own item; the batch goes on, in order."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from analysis.workers import Outcome, map_files
from hone.errors import AnalysisError

TASKS = """
    import os, signal, time
    from tree_sitter_language_pack import get_parser

    def do(item):
        match item:
            case "hang":
                get_parser("cobol").parse(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 9)
                while True:
                    pass
            case "wait":
                time.sleep(1000)
            case "explode":
                return [bytearray(10**8) for _ in range(1000)]
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "raise":
                raise ValueError("no\\nway")
            case "leave":
                os._exit(3)
            case "print":
                print("to nobody")
        return item

    def killed_once(path):
        try:
            open(path, "x").close()
        except FileExistsError:
            return "the second time"
        os.kill(os.getpid(), signal.SIGKILL)

    def process(item):
        time.sleep(item)
        return os.getpid()

    def hoard(item, kept=[]):
        kept.append(bytearray(30_000_000))
        return os.getpid()
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A module of functions that misbehave, where workers can import it."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "misbehaving.py").write_text(textwrap.dedent(TASKS))
    sys.path.insert(0, str(folder))
    import misbehaving

    yield misbehaving
    sys.path.remove(str(folder))


def test_what_hangs_explodes_or_crashes_costs_its_own_item_and_says_why(tasks):
    items = ["a", "hang", "b", "wait", "explode", "crash", "killed", "raise", "leave", *map(str, range(50))]
    outcomes = list(map_files(tasks.do, items, workers=2, time_s=0.3, memory_bytes=500_000_000))
    assert [outcome.item for outcome in outcomes] == items
    assert {outcome.item: outcome.reason for outcome in outcomes if outcome.reason} == {
        "hang": "took longer than 0.3 s of CPU time",
        "wait": "was not done within 3 s",
        "explode": "needs more than 500 MB of memory",
        "crash": "crashed its worker (SIGSEGV)",
        "killed": "its worker was killed twice; is the machine out of memory?",
        "raise": "ValueError: no way",
        "leave": "its worker ended with 3",
    }
    assert all(outcome.value == outcome.item for outcome in outcomes if not outcome.reason)


def test_what_a_function_prints_goes_nowhere(tasks, capfd):
    assert list(map_files(tasks.do, ["print"], workers=1)) == [Outcome("print", "print")]
    assert capfd.readouterr() == ("", "")


def test_an_item_whose_worker_is_killed_from_outside_is_tried_once_more(tasks, tmp_path):
    (outcome,) = map_files(tasks.killed_once, [str(tmp_path / "mark")], workers=1)
    assert outcome == Outcome(str(tmp_path / "mark"), "the second time")


def test_items_and_values_larger_than_a_pipe_pass_both_ways(tasks):
    items = [bytes([number]) * 5_000_000 for number in range(8)]
    assert [outcome.value for outcome in map_files(tasks.do, items, workers=2)] == items


def test_items_are_taken_only_a_little_ahead_of_what_is_yielded(tasks):
    taken = []

    def items():
        for number in range(10_000):
            taken.append(number)
            yield 0

    outcomes = map_files(tasks.process, items(), workers=1)
    next(outcomes)
    outcomes.close()
    assert len(taken) < 100


def test_a_worker_that_keeps_memory_of_earlier_items_is_replaced(tasks):
    outcomes = list(map_files(tasks.hoard, range(12), workers=1, memory_bytes=200_000_000))
    assert [outcome.reason for outcome in outcomes] == [""] * 12
    assert len({outcome.value for outcome in outcomes}) >= 3


def test_nothing_is_left_behind_where_the_caller_stops_early(tasks):
    outcomes = map_files(tasks.process, [0, 0, 0, 60, 60, 60], workers=2)
    workers = {next(outcomes).value for _ in range(3)}
    outcomes.close()
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_where_the_caller_is_interrupted_or_killed(tasks, tmp_path, how):
    folder = Path(tasks.__file__).parent
    script = tmp_path / "script.py"
    script.write_text(
        "import misbehaving\nfrom analysis.workers import map_files\n"
        "for outcome in map_files(misbehaving.process, [0, 0, 60], workers=1, time_s=0.1):\n"
        "    print(outcome.value, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        worker = Path("/proc", process.stdout.readline().strip())
        assert worker.exists()
        process.send_signal(how)
    deadline = time.monotonic() + 20
    while worker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not worker.exists()


def test_a_function_that_no_worker_could_import_is_refused():
    with pytest.raises(AnalysisError, match="must stand at the top of a module"):
        list(map_files(lambda item: item, [1]))


def test_workers_that_cannot_start_are_said_and_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "vanishing.py").write_text("def do(item):\n    return item\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import vanishing

    (tmp_path / "vanishing.py").write_text("raise RuntimeError('gone')\n")
    with pytest.raises(AnalysisError, match="a worker cannot start: RuntimeError: gone"):
        list(map_files(vanishing.do, [1]))
