"""Isolation by our own namespaces: one zygote per slot, which forks each candidate into further namespaces of its own.

A candidate sees no network, no other process, no environment, and of the files only Python's standard library and the
system's shared libraries, read-only, beside a small `/tmp`. It runs as a user that no account has, without rights, with
its system calls filtered, and with limits on the memory and processes of all that it starts. What it hands back is
read here, and the verdict made here.
"""

import contextlib
import itertools
import marshal
import math
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.sandbox.cgroups import ControlGroup, left_groups, make_group
from evaluation.sandbox.host import base_python, is_real_root, shared_libraries
from evaluation.sandbox.interface import Candidate, Check, Limits, OnDone, Outcome, Shown
from evaluation.sandbox.pool import run_each
from evaluation.sandbox.seccomp import compiled_filters
from evaluation.sandbox.verdict import Finding, judge, judge_check
from hone.errors import EvaluationError, IsolationUnavailable

ZYGOTE = Path(__file__).with_name("zygote.py")
OPEN_FILES = 64
START_S = 30.0  # how long a zygote may take to isolate itself on a busy machine
GRACE_S = 10.0  # beyond a candidate's own time, before its whole slot is thrown away
OWN_PROCESSES = 3  # of a slot: the zygote with its parent, the checks
ORDER = struct.Struct("<dBB")  # as the zygote has it
DONE = struct.Struct("<BBiddQ")
CHECKS = 1  # the index of their process, as the zygote has it
NEXT = b"+"  # before a report, where its process takes another check
REPORT_BYTES = 1 << 16  # of a check, which sends a few thousand at most
CHUNK = 1 << 16
PREFIX = "hone-sandbox-"  # of control groups and folders, followed by the id of the process that made them
FIRST_UID = 1_000_000_000  # no account is that high; containers' ranges lie below

_slot_numbers = itertools.count()


@dataclass
class Program:
    """One process, and what came of it."""

    report: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    status: int = 0
    ended: bool = False
    late: bool = False
    flooded: bool = False
    cpu_s: float = 0.0
    resident_kib: int = 0


class Namespaces:
    """A pool of slots, each with its zygote. See the module; `close` ends them."""

    def __init__(self, limits: Limits, workers: int, *, readable: Sequence[Shown] = ()) -> None:
        sweep()
        self._limits = limits
        self._free: list[Slot] = []
        self._lock = threading.Lock()
        self._workers = workers
        self._readable = readable
        cores = sorted(os.sched_getaffinity(0))
        self._cores = cores if workers >= len(cores) else []  # fewer slots go where there is room
        self._closed = weakref.finalize(self, _close_all, self._free)  # also when the process ends
        first = self._take()
        self.isolation = first.isolation
        self._give(first)

    def run(self, candidates: Sequence[Candidate], *, on_done: OnDone) -> list[Outcome]:
        """See `Sandbox.run`."""
        return run_each(candidates, self._run_one, self._workers, on_done)

    def close(self) -> None:
        """Ends every slot. Raises `EvaluationError` where something in one is alive."""
        self._closed()

    def _run_one(self, candidate: Candidate) -> Outcome:
        slot = self._take()
        try:
            outcome = slot.run(candidate)
        except BaseException:
            self._drop(slot)
            raise
        self._give(slot)
        return outcome

    def _take(self) -> "Slot":
        with self._lock:
            if self._free:
                return self._free.pop()
            core = self._cores.pop(0) if self._cores else None
        return Slot(self._limits, self._readable, core)

    def _give(self, slot: "Slot") -> None:
        if slot.broken:
            self._drop(slot)
            return
        with self._lock:
            self._free.append(slot)

    def _drop(self, slot: "Slot") -> None:
        """Ends it; its core is for the next one."""
        if slot.core is not None:
            with self._lock:
                self._cores.append(slot.core)
        slot.close()


def _close_all(slots: "list[Slot]") -> None:
    while slots:
        slots.pop().close()


class Slot:
    """One zygote and its control group: runs one candidate at a time, all that it starts on one core if one is given:
    each of a candidate's few processes wakes the next, which costs a tenth more where that is on another core."""

    def __init__(self, limits: Limits, readable: Sequence[Shown], core: int | None = None) -> None:
        self._limits = limits
        self.core = core
        self.broken = False
        self._checks: socket.socket | None = None  # to the process of checks, as long as it takes them
        self._pipes: dict[int, tuple[Program, str]] = {}
        self._allowed = self._kills = 0
        root = is_real_root()
        number = next(_slot_numbers)
        uid = FIRST_UID + os.getpid() % 2**18 * 2**10 + number % 2**10 if root else os.getuid()
        gid = uid if root else os.getgid()
        self._group = make_group(f"{PREFIX}{os.getpid()}-{number}", limits.memory_mb << 20)
        self.isolation = describe_isolation(root, self._group)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._errors = os.fdopen(os.memfd_create("errors"), "wb+")
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = self._start(far)
        try:
            if core is not None:
                os.sched_setaffinity(self._process.pid, {core})
            self._set_up(root, uid, gid, readable)
        except BaseException:
            self.close()
            raise

    def _start(self, far: socket.socket) -> "subprocess.Popen[bytes]":
        python = base_python()
        try:
            with far:
                return subprocess.Popen(
                    [str(python), "-I", "-S", "-B", str(ZYGOTE), str(far.fileno())],
                    env={},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=[far.fileno()],
                    start_new_session=True,
                )
        except OSError as error:
            self._folder.rmdir()
            if self._group:
                self._group.remove()
            raise IsolationUnavailable(f"`{python}` could not be started: {error}") from error

    def run(self, candidate: Candidate) -> Outcome:
        """The outcome of one candidate; nothing of it is alive afterwards."""
        started = time.monotonic()
        programs = [Program(), Program()] if candidate.check else [Program()]
        self._allow(self._limits.processes + (self._checks is not None or candidate.check is not None))
        try:
            self._order(candidate, programs)
            self._follow(programs, started + self._limits.timeout_s + GRACE_S)
        except EvaluationError:
            self.broken = True
            raise
        kills = self._group.kills() if self._group else 0
        out_of_memory, self._kills = kills > self._kills, kills
        if out_of_memory:  # the kernel may have ended all of the group, and with it the checks
            self._forget_checks()
        wall_s = time.monotonic() - started
        status, detail = finding(candidate, programs, self._limits, out_of_memory=out_of_memory)
        peak = max(self._group.take_peak() if self._group else 0, programs[0].resident_kib << 10)
        return Outcome(
            id=candidate.id,
            status=status,
            detail=detail,
            wall_s=wall_s,
            cpu_s=programs[0].cpu_s,
            peak_mb=peak / 2**20,
            output=programs[0].output.decode(errors="replace"),
        )

    def close(self) -> None:
        """Ends the zygote and all that it started, and takes its control group and its folder away."""
        self._control.close()
        self._forget_checks()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()
        try:
            if self._group:
                self._group.kill()
                self._group.remove()
        finally:
            self._folder.rmdir()

    def _allow(self, processes: int) -> None:
        """So many at one time; the checks, which last, are one of them."""
        if self._group and processes != self._allowed:
            self._group.allow(processes)
            self._allowed = processes

    def _set_up(self, root: bool, uid: int, gid: int, readable: Sequence[Shown]) -> None:
        """Tells the zygote what to become and waits until it is. Raises `IsolationUnavailable` where it cannot."""
        self._control.settimeout(START_S)
        shown, hidden = layout(readable)
        setup = {
            "root": root,
            "uid": uid,
            "gid": gid,
            "folder": str(self._folder),
            "readable": shown,
            "hidden": hidden,
            "scratch_bytes": self._limits.scratch_mb << 20,
            "limits": program_limits(self._limits),
        }
        groups = self._group.entries() if self._group else []
        with os.fdopen(os.memfd_create("filter"), "wb+") as calls:
            calls.write(marshal.dumps(compiled_filters()))
            calls.seek(0)
            try:
                socket.send_fds(self._control, [marshal.dumps(setup)], [calls.fileno(), *groups])
            finally:
                for descriptor in groups:
                    os.close(descriptor)
            self._expect(b"user")
            self._map_user(uid, gid)
            self._control.send(b"mapped")
            self._expect(b"ready")

    def _expect(self, word: bytes) -> None:
        try:
            said = self._control.recv(64)
        except OSError as error:
            said = str(error).encode()
        if said != word:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else said.decode(errors="replace") or "it ended"
            raise IsolationUnavailable(f"this kernel does not let the sandbox isolate itself: {why}")

    def _map_user(self, uid: int, gid: int) -> None:
        at = Path(f"/proc/{self._process.pid}")
        try:
            (at / "setgroups").write_text("deny")
            (at / "uid_map").write_text(f"{uid} {uid} 1")
            (at / "gid_map").write_text(f"{gid} {gid} 1")
        except OSError as error:
            raise IsolationUnavailable(f"this kernel does not map a user for the sandbox: {error}") from error

    def _order(self, candidate: Candidate, programs: Sequence[Program]) -> None:
        """Sends off the candidate with its pipes, of which this side keeps the reading ends, and its check."""
        theirs = [memory_file(candidate_order(candidate))]
        for name in ("report", "output"):
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            self._pipes[reading] = (programs[0], name)
            theirs.append(writing)
        try:
            anew = candidate.check is not None and self._send_check(candidate.entry_point, candidate.check, theirs)
            order = ORDER.pack(self._limits.timeout_s, candidate.check is not None, anew)
            socket.send_fds(self._control, [order], theirs)
        except OSError as error:
            self._close_pipes()
            raise EvaluationError(f"the sandbox's own process has ended: {error}") from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def _send_check(self, entry_point: str, check: Check, theirs: list[int]) -> bool:
        """Tells the process of checks, or a new one that is to be started; whether it is. The candidate's end of their
        line goes to `theirs`, and that of a new process's orders."""
        near, far = socket.socketpair()
        theirs.append(near.detach())
        order = memory_file(marshal.dumps((check.setup, entry_point, check.assertions)))
        try:
            with far:
                if self._checks is not None:
                    try:
                        socket.send_fds(self._checks, [b"."], [order, far.fileno()])
                        return False
                    except (BrokenPipeError, ConnectionResetError):  # it was killed since its last check
                        self._forget_checks()
                self._checks, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                theirs.append(orders.detach())
                socket.send_fds(self._checks, [b"."], [order, far.fileno()])
                return True
        finally:
            os.close(order)

    def _forget_checks(self) -> None:
        if self._checks:
            self._checks.close()
            self._checks = None

    def _follow(self, programs: Sequence[Program], deadline: float) -> None:
        """Reads what comes until nothing of the candidate is alive. Raises `EvaluationError` where that is not told."""
        poll = select.poll()
        for descriptor in (*self._pipes, self._control.fileno()):
            poll.register(descriptor, select.POLLIN)
        try:
            while True:
                ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
                if not ready:
                    raise EvaluationError(f"the sandbox's own process did not answer within {GRACE_S:g} s")
                for descriptor, _ in ready:
                    if descriptor == self._control.fileno():
                        if self._hear(programs):
                            return
                    elif not self._read(descriptor):
                        poll.unregister(descriptor)
        finally:
            self._close_pipes()

    def _close_pipes(self) -> None:
        """After what is left in them was read."""
        for descriptor in self._pipes:
            while self._read(descriptor):
                pass
            os.close(descriptor)
        self._pipes = {}

    def _hear(self, programs: Sequence[Program]) -> bool:
        """One message of the zygote's; whether it was the last."""
        try:
            message = self._control.recv(256)
        except OSError:  # it may end between two words, or with one of ours unread
            message = b""
        if message == b"idle":
            if len(programs) > CHECKS:
                self._hear_checks(programs[CHECKS])
            return True
        if len(message) != DONE.size:
            raise EvaluationError("the sandbox's own process has ended")
        index, late, status, user_s, system_s, resident = DONE.unpack(message)
        program = programs[index]
        program.status, program.late, program.ended = status, late == 1, True
        program.cpu_s, program.resident_kib = user_s + system_s, resident
        return False

    def _hear_checks(self, program: Program) -> None:
        """Takes the report, which is there before the zygote is idle; where there is none, its process was killed."""
        assert self._checks
        try:
            report = self._checks.recv(REPORT_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            report = b""
        program.report += report[1:]
        if program.ended or report[:1] != NEXT:
            self._forget_checks()

    def _read(self, descriptor: int) -> bool:
        """Takes what can be read now; False where there is nothing, or no more."""
        program, name = self._pipes[descriptor]
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        kept = program.report if name == "report" else program.output
        room = (self._limits.output_kb << 10) - len(kept)
        kept += chunk[:room]
        program.flooded |= name == "report" and len(chunk) > room
        return bool(chunk)


def candidate_order(candidate: Candidate) -> bytes:
    """What a candidate's process is told. What is expected of it stays here, or goes to a process of its own."""
    if candidate.check:
        return marshal.dumps(("serve", candidate.source, candidate.entry_point))
    calls = [list(test.arguments) for test in candidate.tests]
    return marshal.dumps(("values", candidate.source, candidate.entry_point, calls))


def memory_file(content: bytes) -> int:
    """A descriptor to read the content from, which no file system holds."""
    descriptor = os.memfd_create("order")
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def finding(candidate: Candidate, programs: Sequence[Program], limits: Limits, *, out_of_memory: bool) -> Finding:
    """What became of a candidate. Pure."""
    first = programs[0]
    if stopped := _stopped(programs, limits, out_of_memory=out_of_memory):
        return stopped
    if candidate.check:
        return judge_check(bytes(first.report), bytes(programs[CHECKS].report), ending(first.status))
    if not first.report:
        return "error", f"it ended without a result ({ending(first.status)})"
    return judge(bytes(first.report), candidate.tests)


def _stopped(programs: Sequence[Program], limits: Limits, *, out_of_memory: bool) -> Finding | None:
    """The finding where a limit ended a program, whatever it had reported."""
    signals = {os.WTERMSIG(program.status) for program in programs if os.WIFSIGNALED(program.status)}
    if any(program.flooded for program in programs):
        return "violation", f"it sent more than {limits.output_kb} KiB"
    if signal.SIGSYS in signals:
        return "violation", "it made a system call that no answer needs, and was ended"
    if out_of_memory:
        return "out-of-memory", f"all that it started needed more than {limits.memory_mb} MiB"
    if signal.SIGXCPU in signals or any(program.late for program in programs):
        return "timeout", f"it was not done within {limits.timeout_s:g} s"
    return None


def ending(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.WEXITSTATUS(status)}"


def program_limits(limits: Limits) -> dict[str, int]:
    """The limits of one process."""
    return {
        "cpu_s": math.ceil(limits.timeout_s) + 1,  # the clock comes first; this one needs no parent
        "memory_bytes": limits.memory_mb << 20,
        "file_bytes": limits.scratch_mb << 20,
        "files": OPEN_FILES,
        "processes": limits.processes + OWN_PROCESSES,  # all of the slot's user are counted
    }


def sweep() -> None:
    """Takes away what processes that were killed have left: empty control groups and empty folders."""
    for folder in (*left_groups(PREFIX), *Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        process = folder.name.removeprefix(PREFIX).split("-")[0]
        if not (Path("/proc") / process).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def layout(readable: Sequence[Shown]) -> tuple[list[tuple[str, str]], list[str]]:
    """What is shown inside, as (outside, inside), and which folders of that are covered by empty ones."""
    library, python = Path(os.__file__).parent, base_python()
    shared = shared_libraries(python)
    folders = {library, *(path.parent for path in shared)}
    shown = [(str(path), str(path)) for path in sorted(folders)] + [("/dev/null", "/dev/null")]
    hidden = [str(library / name) for name in ("site-packages", "dist-packages") if (library / name).is_dir()]
    return shown + [(str(outside), inside) for outside, inside in readable], hidden


def describe_isolation(root: bool, group: ControlGroup | None) -> str:
    """What isolates, for the evidence."""
    user = "unprivileged uid per slot" if root else "user namespace"
    memory = f"cgroup v{group.version}" if group else "no cgroup, memory limited per process"
    return f"namespaces, {user}, seccomp, {memory}"
