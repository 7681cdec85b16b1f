"""The sandbox on a Ray cluster of two nodes on 127.0.0.1: the same verdicts, none lost with a node, nothing left."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from evaluation.sandbox import Candidate, Check, Limits, Outcome, Sandbox, open_sandbox
from evaluation.sandbox.cgroups import left_groups
from evaluation.sandbox.cluster import CHUNK, Work, agreed, open_cluster, words
from evaluation.sandbox.namespaces import PREFIX
from hone.errors import EvaluationError, IsolationUnavailable
from hone.records import Json, TestCase
from tests.evaluation.conftest import SANDBOX_LIMITS
from tests.ray_cluster import Ray, started_cluster, with_two_nodes

ROOT = Path(__file__).parents[2]
SLOTS = 2  # of each node


@pytest.fixture(scope="module")
def started(best_sandbox: Sandbox) -> Iterator[Ray]:
    """A head without CPUs."""
    with started_cluster() as ray:
        yield ray


@pytest.fixture
def cluster(started: Ray) -> Ray:
    """The same with two nodes, whatever the test before has done to them."""
    return with_two_nodes(started, SLOTS)


def actors(cluster: Ray) -> list[psutil.Process]:
    """The processes on the nodes in which a sandbox was opened."""
    raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes]
    found = [child for raylet in raylets for child in psutil.Process(raylet).children()]
    return [process for process in found if "".join(process.cmdline()[:1]).startswith("ray::Node")]  # or Node.run


def with_children(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for process in processes for one in (process, *process.children(recursive=True))]


def candidate(name: str, source: str, *calls: tuple[tuple[Json, ...], Json], check: Check | None = None) -> Candidate:
    tests = tuple(TestCase(arguments=arguments, expected=expected) for arguments, expected in calls)
    return Candidate(id=name, source=source, entry_point="f", tests=tests, check=check)


ECHO = "def f(x):\n    return x\n"
ADDS = Check(setup="import math", assertions="assert f(math.floor(1.5)) == 2\n")
EXACT: Json = [10**30, "\ud800", (1, (2,)), {"a": -1e300}, None, True]
MIXED = [
    candidate("pass", ECHO, ((1,), 1), (("é",), "é")),
    candidate("exact", f"def f(x):\n    return x == {EXACT!r} and type(x[2]) is tuple\n", ((EXACT,), True)),
    candidate("fail", ECHO, ((1,), 2)),
    candidate("error", "def f(x):\n    return x / 0\n", ((1,), 1)),
    candidate("no Python", "def f(x)\n", ((1,), 1)),
    candidate("printed", "print('out')\n" + ECHO, ((1,), 1)),
    candidate("timeout", "def f(x):\n    while True:\n        pass\n", ((1,), 1)),
    candidate("out of memory", "def f(x):\n    return len(bytearray(10**9))\n", ((1,), 1)),
    candidate("violation", "def f(x):\n    return 'x' * 10**6\n", ((1,), 1)),
    candidate("check passes", "def f(x):\n    return x + 1\n", check=ADDS),
    candidate("check fails", ECHO, check=ADDS),
    candidate("check raises", "def f(x):\n    return x / 0\n", check=ADDS),
]
MANY = [candidate(str(number), f"import time\ntime.sleep(0.05)\n{ECHO}", ((number,), number)) for number in range(60)]


def verdicts(outcomes: list[Outcome]) -> list[tuple[str, str, str, str]]:
    return [(one.id, one.status, one.detail, one.output) for one in outcomes]


def run_until(cluster: Ray, count: int, act: Callable[[], object]) -> tuple[list[Outcome], list[str]]:
    """Runs `MANY` on the cluster and acts once so many have ended; the outcomes, and what was announced."""
    announced: list[str] = []

    def announce(outcome: Outcome) -> None:
        announced.append(outcome.id)
        if len(announced) == count:
            act()

    with closing(open_cluster(SANDBOX_LIMITS, cluster.address)) as sandbox:
        return sandbox.run(MANY, on_done=announce), announced


@dataclass
class Whole:
    """What came of one sandbox on the cluster, from open to close."""

    isolation: str
    outcomes: list[Outcome]
    announced: list[str]
    shares: list[int]
    processes: list[psutil.Process]


@pytest.fixture(scope="module")
def whole(started: Ray, mixed: list[Candidate]) -> Whole:
    cluster = with_two_nodes(started, SLOTS)
    announced: list[str] = []
    with closing(open_cluster(SANDBOX_LIMITS, cluster.address)) as sandbox:
        outcomes = sandbox.run([*mixed, *MANY], on_done=lambda outcome: announced.append(outcome.id))
        shares = list(sandbox.shares.values())
        return Whole(sandbox.isolation, outcomes, announced, shares, with_children(actors(cluster)))


@pytest.fixture(scope="module")
def mixed(best_sandbox: Sandbox) -> list[Candidate]:
    return [one for one in MIXED if not one.check or best_sandbox.isolation.startswith("namespaces")]


def test_verdicts_are_those_of_this_machine_in_the_order_of_the_candidates(whole, mixed, best_sandbox):
    here = best_sandbox.run([*mixed, *MANY], on_done=lambda _: None)
    assert verdicts(whole.outcomes) == verdicts(here)
    assert {one.status for one in whole.outcomes} == {"pass", "fail", "error", "timeout", "out-of-memory", "violation"}
    assert all(one.wall_s > 0 for one in whole.outcomes)


def test_every_outcome_is_announced_once(whole):
    assert sorted(whole.announced) == sorted(one.id for one in whole.outcomes)


def test_the_evidence_names_the_nodes_and_what_isolates_on_them(whole, best_sandbox):
    assert whole.isolation == f"ray, 2 nodes: {best_sandbox.isolation}"


def test_both_nodes_take_part_with_all_of_their_slots(whole):
    assert len(whole.shares) == 2
    assert min(whole.shares) > CHUNK
    assert len(whole.processes) > 2 + 2 * SLOTS  # the actors, and a zygote for each slot at least


def test_nothing_is_alive_after_close(whole):
    assert still_there(whole.processes) == []


def test_a_node_that_goes_in_the_middle_takes_no_verdict_with_it(cluster):
    node = next(iter(cluster.worker_nodes))
    outcomes, announced = run_until(cluster, 20, lambda: cluster.remove_node(node))
    assert [(one.id, one.status) for one in outcomes] == [(one.id, "pass") for one in MANY]
    assert sorted(announced) == sorted(one.id for one in MANY)


def test_an_actor_that_is_killed_takes_no_verdict_with_it(cluster):
    def kill() -> None:
        actors(cluster)[0].kill()

    outcomes, announced = run_until(cluster, 20, kill)
    assert [(one.id, one.status) for one in outcomes] == [(one.id, "pass") for one in MANY]
    assert sorted(announced) == sorted(one.id for one in MANY)


def test_a_node_with_other_code_is_refused(cluster, tmp_path):
    for package in ("evaluation", "hone"):
        shutil.copytree(ROOT / package, tmp_path / "other" / package)
    with (tmp_path / "other" / "evaluation" / "sandbox" / "verdict.py").open("a") as file:
        file.write("# changed\n")
    other = subprocess.run(
        [sys.executable, "-c", USING, cluster.address],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert (
        "has another version of Hone; run `ray start` there in an environment that has this very version"
        in other.stderr
    )


def test_a_sandbox_that_fails_on_a_node_is_no_verdict_either(cluster):
    def kill_zygotes() -> None:
        for process in actors(cluster)[0].children():
            process.kill()

    outcomes, _ = run_until(cluster, 20, kill_zygotes)
    assert [(one.id, one.status) for one in outcomes] == [(one.id, "pass") for one in MANY]


USING = """
import sys
from evaluation.sandbox import Candidate, Limits
from evaluation.sandbox.cluster import open_cluster
from contextlib import closing
from dataclasses import dataclass
from hone.records import TestCase

case = TestCase(arguments=(1,), expected=1)
source = "import time\\ndef f(x):\\n    time.sleep(0.2)\\n    return x\\n"
candidates = [Candidate(id=str(n), source=source, entry_point="f", tests=(case,)) for n in range(1000)]
with closing(open_cluster(Limits(), sys.argv[1])) as sandbox:
    sandbox.run(candidates, on_done=lambda _: print("done", flush=True))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_caller_that_is_stopped_leaves_nothing_on_the_nodes(cluster, how):
    caller = subprocess.Popen(
        [sys.executable, "-c", USING, cluster.address], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert caller.stdout
    assert caller.stdout.readline() == b"done\n"
    seen = with_children(actors(cluster))
    caller.send_signal(how)
    caller.communicate(timeout=60)
    assert still_there(seen) == []


def still_there(processes: list[psutil.Process]) -> list[object]:
    """Which of them are alive after some seconds, and the control groups and folders of those that are not."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    open_sandbox(Limits(), workers=1).close()  # takes away what the killed have left empty
    names = [f"{PREFIX}{process.pid}-" for process in processes]
    folders = [path for name in names for path in (*left_groups(name), *Path(tempfile.gettempdir()).glob(f"{name}*"))]
    return [*alive, *folders]


def test_the_command_gives_the_numbers_of_this_machine(cluster, tmp_path):
    make_project(tmp_path)
    rows = [
        {
            "task_id": f"T/{number}",
            "prompt": f'def f(n):\n    """n and {number}."""\n',
            "entry_point": "f",
            "canonical_solution": f"    return n + {number}\n",
            "test": f"def check(candidate):\n    assert candidate(1) == {number + 1 + number // 5}\n",
        }
        for number in range(6)  # the last one's own solution is wrong
    ]
    data = tmp_path / "suite.jsonl.gz"
    data.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    asked = ["--suite", "humaneval", "--data", str(data), "--target", "canonical", "--json"]
    here = hone(tmp_path, "run", *asked, "--name", "here")
    there = hone(tmp_path, "run", *asked, "--name", "there", "--engine", "ray", "--ray-address", cluster.address)
    assert (there.returncode, there.stderr.count("Ray")) == (0, 0), there.stderr
    found, expected = json.loads(there.stdout), json.loads(here.stdout)
    assert found["isolation"] == f"ray, 2 nodes: {expected['isolation']}"
    for name in ("pass@1", "tasks", "samples", "excluded"):
        assert found[name] == expected[name]
    assert (found["tasks"], found["excluded"]) == (5, 1)


def test_when_every_node_is_lost_that_is_one_error_and_no_verdict(cluster):
    def remove_all() -> None:
        for node in list(cluster.worker_nodes):
            cluster.remove_node(node)

    with pytest.raises(EvaluationError, match="every node of the Ray cluster was lost, the last one for this: "):
        run_until(cluster, 4, remove_all)


HONE = "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()"


def hone(project: Path, *arguments: str, program: str = HONE) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = [sys.executable, "-c", program, "eval", *arguments]
    return subprocess.run(given, cwd=project, env=environment, capture_output=True, text=True, check=False)


def make_project(folder: Path) -> None:
    (folder / "dvc.yaml").write_text("stages: {}\n")
    (folder / "configs").mkdir()


SUITE = ["run", "--suite", "humaneval", "--data", "suite.jsonl", "--target", "canonical"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*SUITE, "--engine", "ray", "--ray-address", "127.0.0.1:1"], "no Ray cluster answers at `127.0.0.1:1`"),
        ([*SUITE, "--engine", "ray", "--ray-address", "ray://x:1"], "`ray://x:1` is no address of a Ray cluster"),
        ([*SUITE, "--engine", "ray", "--ray-address", "local"], "`local` is no address of a Ray cluster"),
        ([*SUITE, "--ray-address", "127.0.0.1:1"], "`--ray-address` needs `--engine ray`"),
        (["run", "--engine", "ray"], "`evaluation.engine` in its recipe"),
        (
            ["run", "--suite", "bfcl", "--data", ".", "--target", "ground-truth", "--engine", "ray"],
            "runs no code; leave `--engine ray` out",
        ),
    ],
)
def test_what_cannot_run_on_a_cluster_is_one_line_and_leaves_nothing(tmp_path, arguments, message):
    make_project(tmp_path)
    row = {"task_id": "T", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    pass\n", "test": ""}
    (tmp_path / "suite.jsonl").write_text(json.dumps(row))
    shown = hone(tmp_path, *arguments)
    assert (shown.returncode, len(shown.stderr.splitlines())) == (1, 1), shown.stderr
    assert message in shown.stderr
    assert not (tmp_path / "artifacts").exists()


def test_where_ray_is_not_installed_the_command_that_installs_it_is_named():
    without = "import sys; sys.modules['ray'] = None; from evaluation.sandbox.cluster import open_cluster as o; o(None)"
    shown = subprocess.run([sys.executable, "-c", without], cwd=ROOT, capture_output=True, text=True, check=False)
    assert r"Ray is not installed here; install it with `pip install -c constraints.txt -e '.[ray]'`" in shown.stderr


def test_chunks_get_smaller_towards_the_end_and_every_candidate_is_in_one():
    work = Work(MANY)
    chunks = []
    while work.waiting:
        chunks.append(work.take(slots=2))
    assert [len(chunk) for chunk in chunks] == sorted((len(chunk) for chunk in chunks), reverse=True)
    assert (len(chunks[0]), len(chunks[-1])) == (CHUNK, 1)
    assert [index for chunk in chunks for index in chunk] == list(range(len(MANY)))


def test_what_was_on_a_lost_node_goes_out_alone():
    work = Work(MANY)
    work.again(work.take(slots=2), "gone")
    assert [work.take(slots=2) for _ in range(CHUNK)] == [[index] for index in range(CHUNK)]
    assert len(work.take(slots=2)) > 1


def test_a_candidate_under_which_one_node_after_the_other_is_lost_is_named():
    work = Work(MANY)
    work.again([0], "gone")
    work.again([0], "gone")
    with pytest.raises(
        EvaluationError, match=r"3 nodes of the Ray cluster were lost with `0` on them, the last.*: gone"
    ):
        work.again([0], "gone")


def test_nodes_that_isolate_differently_are_refused_by_name():
    with pytest.raises(IsolationUnavailable, match="`namespaces` on `a`, `bubblewrap` on `b`"):
        agreed({"a": "namespaces", "b": "bubblewrap"})
    assert agreed({"a": "namespaces"}) == "ray, 1 node: namespaces"


def test_an_error_of_rays_is_told_by_its_last_line():
    assert words(RuntimeError("The actor died.\n\tpid: 7\nIts node has died. Some causes are")) == "Its node has died"
    assert words(RuntimeError()) == "RuntimeError"
