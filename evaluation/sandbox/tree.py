"""One process tree in bubblewrap, seen from outside: started, let go, listened to, and ended with all that is in it.

With the first process of its namespace the kernel ends everything else in there, before that one can be waited for. So
nothing of a tree that was ended is alive.
"""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Sequence

from evaluation.sandbox.namespaces import Program, memory_file
from evaluation.sandbox.verdict import READY, one_line
from hone.errors import EvaluationError

START_S = 30.0  # how long bubblewrap and Python may take to start on a busy machine
DEATH_S = 30.0  # how long what was killed may take to end there
LAST_WORDS_S = 0.5  # for the candidate, once the assertions are through
LOOK_S = 0.02  # between two looks at how many files there are
MOST_FILES = 4096  # in its `/tmp`: bubblewrap limits their bytes alone, and each takes memory of the kernel's
CHUNK = 1 << 16
USAGE = struct.Struct("<iddQ")


class Tree:
    """See the module. Once it was ended, its program says what came of it."""

    def __init__(
        self, options: Sequence[str], command: Sequence[str], order: bytes, line: socket.socket, calls: bytes
    ) -> None:
        """Starts it, up to where the code that nobody has read would begin.

        `options`: bubblewrap with its own; `command`: what it runs, which is given the numbers of four descriptors,
        the first of them to read `order` from. `line` leads to another tree. `calls`: a filter of system calls, or
        nothing. Raises `EvaluationError`.
        """
        self.program = Program()
        self.overfull = False
        self._child = self._first = -1  # its first process, once it is known, and a descriptor of that
        self._ours: list[int] = []
        with contextlib.ExitStack() as theirs:

            def pipe(*, outwards: bool = True) -> tuple[int, int]:
                reading, writing = os.pipe()
                mine, other = (reading, writing) if outwards else (writing, reading)
                self._ours.append(mine)
                theirs.callback(os.close, other)
                os.set_blocking(mine, False)
                return mine, other

            try:
                self._report, report = pipe()
                self._output, output = pipe()
                self._info, info = pipe()
                self.ended, usage = pipe()  # can be read from once its program has ended
                self._go, go = pipe(outwards=False)
                told, rules = memory_file(order), memory_file(calls)
                theirs.callback(os.close, told)
                theirs.callback(os.close, rules)
                argv = [*options, "--info-fd", str(info), *(["--seccomp", str(rules)] if calls else []), *command]
                self._bubblewrap = subprocess.Popen(
                    [*argv, str(told), str(report), str(line.fileno()), str(usage)],
                    env={},
                    stdin=go,
                    stdout=output,
                    stderr=output,
                    pass_fds=[info, rules, told, report, line.fileno(), usage],
                    start_new_session=True,
                )
            except OSError as error:
                self._close()
                raise EvaluationError(f"`{options[0]}` could not be started: {error}") from error

    def wait_until_ready(self, deadline: float) -> None:
        """Returns once only `let_go` is missing. Raises `EvaluationError` where it does not come so far."""
        told = _read_to_end(self._info, deadline)
        if told:
            self._child = json.loads(told)["child-pid"]
            with contextlib.suppress(ProcessLookupError):  # it waits to be let go, unless something went wrong
                self._first = os.pidfd_open(self._child)
                self._ours.append(self._first)
        if self._first < 0 or not _readable(self._report, deadline) or os.read(self._report, len(READY)) != READY:
            self._kill()
            while self.read(self._output, CHUNK):
                pass
            said = self.program.output.decode(errors="replace")
            raise EvaluationError(f"the sandbox could not start: {one_line(said) or 'it said nothing'}", detail=said)

    def let_go(self) -> None:
        """Lets its program begin."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"\n")

    def pipes(self) -> list[int]:
        """Those to `read` from."""
        return [self._report, self._output]

    def read(self, pipe: int, most_bytes: int) -> bool:
        """Takes what can be read now, and keeps at most so much in all; False where there is nothing, or no more."""
        try:
            chunk = os.read(pipe, CHUNK)
        except BlockingIOError:
            return False
        kept = self.program.report if pipe == self._report else self.program.output
        room = most_bytes - len(kept)
        kept += chunk[:room]
        self.program.flooded |= pipe == self._report and len(chunk) > room
        return bool(chunk)

    def overfills(self) -> bool:
        """Whether it has made more files than it may."""
        try:
            scratch = os.statvfs(f"/proc/{self._child}/root/tmp")
        except OSError:  # it has ended, or bubblewrap is setuid and its processes are not ours to look into
            return self.overfull
        self.overfull |= scratch.f_files - scratch.f_ffree > MOST_FILES
        return self.overfull

    def end(self, most_bytes: int) -> None:
        """Kills all that is in it and waits until it is dead. Raises `EvaluationError` where it is not."""
        try:
            self._kill()
            self._account()
            for pipe in self.pipes():
                while self.read(pipe, most_bytes):
                    pass
        finally:
            self._close()

    def _kill(self) -> None:
        deadline = time.monotonic() + DEATH_S
        try:
            if self._first < 0:
                self._bubblewrap.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first, signal.SIGKILL)
                if not _readable(self._first, deadline):
                    raise subprocess.TimeoutExpired(self._bubblewrap.args, DEATH_S)
            self._bubblewrap.wait(max(0.0, deadline - time.monotonic()))  # it ends with what is in it
        except subprocess.TimeoutExpired as error:
            raise EvaluationError(
                f"process {self._bubblewrap.pid} of the sandbox, or what it started, is alive {DEATH_S:g} s after it "
                "was killed; see `ps --forest`"
            ) from error

    def _account(self) -> None:
        """How its program ended and what it used, as the first process told; nothing is told of what was killed."""
        told = _read_to_end(self.ended, time.monotonic())
        self.program.status = signal.SIGKILL
        if len(told) == USAGE.size:
            self.program.status, user_s, system_s, self.program.resident_kib = USAGE.unpack(told)
            self.program.cpu_s = user_s + system_s

    def _close(self) -> None:
        while self._ours:
            os.close(self._ours.pop())


def run_trees(trees: Sequence[Tree], timeout_s: float, most_bytes: int) -> None:
    """Lets them go together; returns when the last, which calls the others, has ended, its time is over, or one did
    what it may not. They are not ended here.
    """
    deadline = time.monotonic() + START_S
    for tree in trees:
        tree.wait_until_ready(deadline)
    for tree in trees:
        tree.let_go()
    if not _listen(trees, trees[-1], time.monotonic() + timeout_s, most_bytes):
        trees[-1].program.late = True
    elif len(trees) > 1:  # the other now finds that nobody calls any more, and may have to say why it answered no more
        _listen(trees[:1], trees[0], time.monotonic() + LAST_WORDS_S, most_bytes)


def _listen(trees: Sequence[Tree], awaited: Tree, deadline: float, most_bytes: int) -> bool:
    """Reads what comes until one has ended or did what it may not; False where the deadline came first."""
    poll = select.poll()
    owners = {pipe: tree for tree in trees for pipe in tree.pipes()}
    for descriptor in (*owners, awaited.ended):
        poll.register(descriptor, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(min(left, LOOK_S) * 1000):
            if descriptor == awaited.ended:
                return True
            if not owners[descriptor].read(descriptor, most_bytes):
                poll.unregister(descriptor)
        if any(tree.program.flooded or tree.overfills() for tree in trees):
            return True
    return False


def _read_to_end(descriptor: int, deadline: float) -> bytes:
    """All that comes until the other side hangs up or the deadline."""
    text = bytearray()
    while _readable(descriptor, deadline) and (chunk := os.read(descriptor, CHUNK)):
        text += chunk
    return bytes(text)


def _readable(descriptor: int, deadline: float) -> bool:
    """Whether there is something to read, or to be heard of a process, before the deadline."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
