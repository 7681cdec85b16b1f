"""The sandbox on a Ray cluster: an actor on each node opens the ordinary one there and runs what it is handed.

Work goes out in small chunks, to whichever node has a slot free. What a lost node had not finished goes to another, and
never counts against a candidate.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from evaluation.sandbox.interface import Candidate, Limits, OnDone, Outcome
from evaluation.sandbox.namespaces import GRACE_S
from evaluation.sandbox.node import Node, Opened, Ran, code_digest
from evaluation.sandbox.verdict import one_line
from hone.cluster import answers, connect
from hone.errors import EvaluationError, IsolationUnavailable

CHUNK = 8  # candidates in one call at most: some 50 ms of work, against 1 ms that a call costs
TRIES = 3  # nodes that may be lost under a candidate before it is taken for the reason
START_S = 60.0  # how long a node may take to free its CPUs and to open its sandbox
CLOSE_S = 10.0  # beyond the candidates that still run, before a node is left to end by itself
LOOK_S = 5.0  # between two looks for the head
HEAD_S = 30.0  # without it, before giving up; Ray would end this whole process after 60
WAY_OUT = "run `ray start` there in an environment that has this very version"

Actor = Any  # Ray's handle of a `Node`
Call = Any  # Ray's name for what a call will return
R = TypeVar("R")
log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class Member:
    """One node that takes part."""

    id: str
    name: str
    slots: int
    actor: Actor


class Cluster:
    """Runs candidates on every node. See the module; make it with `open_cluster`."""

    def __init__(self, members: Sequence[Member], isolation: str, head: str, limits: Limits) -> None:
        self.isolation = isolation
        self.shares: Counter[str] = Counter()  # how many outcomes came from each node, by its name
        self._members = list(members)
        self._head = head
        self._candidate_s = limits.timeout_s + GRACE_S  # at most
        self._looked = self._seen = 0.0  # when the head was looked for, and was there
        self._closed = False

    def run(self, candidates: Sequence[Candidate], *, on_done: OnDone) -> list[Outcome]:
        """See `Sandbox.run`."""
        work = Work(candidates)
        calls: dict[Call, tuple[Member, list[int]]] = {}
        self._looked = self._seen = time.monotonic()
        while work.waiting or calls:
            self._hand_out(work, calls)
            for call in self._ended(list(calls)):
                member, indices = calls.pop(call)
                found, lost = result(call, Ran)
                outcomes = found.outcomes if found else []
                for index, outcome in zip(indices, outcomes, strict=False):
                    work.outcomes[index] = outcome
                    self.shares[member.name] += 1
                    on_done(outcome)
                if problem := found.problem if found else lost:
                    self._lose(member, problem)
                    work.again(indices[len(outcomes) :], problem)
        return [outcome for outcome in work.outcomes if outcome]

    def close(self) -> None:
        """Ends the actors and what they started. Raises `EvaluationError` where something on a node is alive."""
        import ray

        if self._closed:
            return
        self._closed = True
        left: list[str] = []
        try:
            if calls := {member.actor.close.remote(): member for member in self._members}:
                within_s = self._candidate_s + CLOSE_S
                ended, _ = ray.wait(list(calls), num_returns=len(calls), timeout=within_s)
                left = [f"on node `{calls[call].name}`: {said}" for call in ended if (said := result(call, str)[0])]
            for member in self._members:
                ray.kill(member.actor)
        finally:
            ray.shutdown()
        if left:
            raise EvaluationError(left[0])

    def _hand_out(self, work: "Work", calls: dict[Call, tuple[Member, list[int]]]) -> None:
        """Gives every free slot a chunk, on the freest node first. Raises `EvaluationError` where no node is left."""
        if not self._members:
            raise EvaluationError(f"every node of the Ray cluster was lost, the last one for this: {work.problem}")
        free = {member: member.slots for member in self._members}
        for member, _ in calls.values():
            if member in free:
                free[member] -= 1
        while work.waiting:
            freest = max(free, key=lambda member: free[member])
            if free[freest] <= 0:
                return
            free[freest] -= 1
            indices = work.take(sum(member.slots for member in self._members))
            call = freest.actor.run.remote([work.candidates[index] for index in indices])
            calls[call] = freest, indices

    def _ended(self, calls: Sequence[Call]) -> list[Call]:
        """Those that have ended, one at least. Raises `EvaluationError` where none does, or where the head is gone."""
        import ray

        silence_s = CHUNK * self._candidate_s + START_S
        deadline = time.monotonic() + silence_s
        while time.monotonic() < deadline:
            ended, _ = ray.wait(calls, timeout=LOOK_S)
            self._look()
            if ended:
                return list(ended)
        raise EvaluationError(f"no node of the Ray cluster has answered for {silence_s:g} s")

    def _look(self) -> None:
        """Looks for the head now and then. Raises `EvaluationError` where it was not there for too long."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        if answers(self._head):
            self._seen = now
        elif now - self._seen > HEAD_S:
            raise EvaluationError(f"the head of the Ray cluster, `{self._head}`, is gone")

    def _lose(self, member: Member, problem: str) -> None:
        """Takes a node out for good: whatever it may still do is not waited for."""
        import ray

        if member in self._members:
            self._members.remove(member)
            log.warning("a node of the Ray cluster is lost; the others go on", node=member.name, reason=problem)
            ray.kill(member.actor)


class Work:
    """What one call of `run` still has to do."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        self.waiting = deque(range(len(candidates)))
        self.outcomes: list[Outcome | None] = [None] * len(candidates)
        self.problem = ""  # with the node that was lost last
        self._tries: Counter[int] = Counter()

    def take(self, slots: int) -> list[int]:
        """The next chunk. Chunks get smaller towards the end, so that all slots end at the same time.

        That is guided self-scheduling (Polychronopoulos and Kuck, 1987). What was on a lost node goes out alone: it
        may be the reason.
        """
        most = max(1, min(CHUNK, len(self.waiting) // (2 * slots)))
        chunk = [self.waiting.popleft()]
        while len(chunk) < most and not self._tries[chunk[0]]:
            chunk.append(self.waiting.popleft())
        return chunk

    def again(self, indices: Sequence[int], problem: str) -> None:
        """Puts back what a lost node had not finished. Raises `EvaluationError` where that came too often."""
        self.problem = problem
        for index in reversed(indices):
            self._tries[index] += 1
            if self._tries[index] == TRIES:
                raise EvaluationError(
                    f"{TRIES} nodes of the Ray cluster were lost with `{self.candidates[index].id}` on them, the last "
                    f"one for this: {problem}"
                )
            self.waiting.appendleft(index)


def open_cluster(limits: Limits, address: str = "") -> Cluster:
    """A sandbox on every node of a cluster that has CPUs, each proved there. Starts nothing but one actor a node.

    Address as in `connect`. Raises `EvaluationError` where there is no cluster, where Hone's code on a node is not
    this, and `IsolationUnavailable` where one does not isolate, or not as the others do: where a candidate happens to
    run must not decide what becomes of it.
    """
    head = connect(address)
    import ray

    try:
        opened = open_all(limits, head)
        isolation = agreed({member.name: found for member, found in opened})
    except BaseException:
        ray.shutdown()
        raise
    return Cluster([member for member, _ in opened], isolation, head, limits)


def open_all(limits: Limits, head: str) -> list[tuple[Member, str]]:
    """The nodes whose sandbox is open, and what isolates there. Those that are busy or gone are left out."""
    import ray

    members = [begin(node, limits) for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not members:
        raise EvaluationError(f"no node of the Ray cluster has CPUs; add one with `ray start --address={head}`")
    calls = {member.actor.open.remote(): member for member in members}
    _, late = ray.wait(list(calls), num_returns=len(calls), timeout=START_S)
    opened = []
    for call, member in calls.items():
        if call in late:
            log.warning("a node of the Ray cluster is left out: its CPUs are not free", node=member.name)
            ray.kill(member.actor)
            continue
        found, lost = result(call, Opened)
        if found is None and not is_alive(member):
            log.warning("a node of the Ray cluster is left out: it is gone", node=member.name)
            continue
        opened.append((member, accepted(found, member, lost)))
    if not opened:
        raise EvaluationError(f"no node of the Ray cluster had its CPUs free within {START_S:g} s; see `ray status`")
    return opened


def begin(node: dict[str, Any], limits: Limits) -> Member:
    """Asks for an actor with all CPUs of a node: others that compute there would take a candidate's time."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    slots = int(node["Resources"]["CPU"])
    there = ray.remote(Node).options(
        num_cpus=slots,
        max_concurrency=slots + 1,  # one to close it
        scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
    )
    return Member(node["NodeID"], f"{node['NodeName']} {node['NodeID'][:6]}", slots, there.remote(limits, slots))


def is_alive(member: Member) -> bool:
    """Whether the cluster still counts the node."""
    import ray

    return any(node["NodeID"] == member.id and node["Alive"] for node in ray.nodes())


def accepted(found: Opened | None, member: Member, lost: str) -> str:
    """What isolates on a node. Raises where it must not take part."""
    if found is None:
        raise EvaluationError(f"node `{member.name}` of the Ray cluster cannot run Hone ({lost}); {WAY_OUT}")
    if found.code != code_digest():
        raise EvaluationError(f"node `{member.name}` of the Ray cluster has another version of Hone; {WAY_OUT}")
    if found.problem:
        raise IsolationUnavailable(f"on node `{member.name}` of the Ray cluster: {found.problem}")
    return found.isolation


def agreed(isolations: Mapping[str, str]) -> str:
    """What isolates on all nodes, given for each by its name. Raises `IsolationUnavailable` where that is not one."""
    first, *others = set(isolations.values())
    if others:
        each = ", ".join(f"`{isolation}` on `{name}`" for name, isolation in isolations.items())
        raise IsolationUnavailable(f"the nodes of the Ray cluster isolate differently, make them alike: {each}")
    nodes = "1 node" if len(isolations) == 1 else f"{len(isolations)} nodes"
    return f"ray, {nodes}: {first}"


def result(call: Call, kind: type[R]) -> tuple[R | None, str]:
    """What a call returned; or none, and why not."""
    import ray

    try:
        found = ray.get(call)
    except ray.exceptions.RayError as error:
        return None, words(error)
    return (found, "") if isinstance(found, kind) else (None, f"it returned a `{type(found).__name__}`")


def words(error: Exception) -> str:
    """What happened: the first sentence of the last line, where Ray's errors and tracebacks say it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return one_line(lines[-1].partition(". ")[0].removesuffix("."))
