"""Many files in worker processes, each under a time and a memory limit: what hangs or explodes costs its file alone.

A worker that dies is replaced. Answers come in the order of the items; how many wait in memory is bounded.
"""

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from analysis.worker import LENGTH_BYTES, WAITING_FACTOR, framed, out_of_memory
from hone.errors import AnalysisError

TIME_S = 10.0  # of one core; the largest file of the standard library takes 0.2
MEMORY_BYTES = 1_000_000_000
AHEAD = 2  # items that a worker has been given and has not answered: one in work, one to go on with at once
WINDOW = 32  # items a worker, from the one whose answer is awaited to the newest begun
MOST_STARTS = 3  # of workers that die before they are ready, one after the other
LEAVING_S = 5.0  # from when a worker's end of the channel is closed until it must be gone
START = "from analysis.worker import main; main()"
SAID_BYTES = 2_000  # of a dead worker's stderr, that are looked at

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Outcome(Generic[Item, Value]):
    """What became of one item: a value, or the reason why there is none."""

    item: Item
    value: Value | None
    reason: str = ""  # one line; empty where there is a value


def map_files(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    time_s: float = TIME_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Outcome[Item, Value]]:
    """Calls the function on every item in worker processes (one a core), and yields the outcomes in their order.

    The function stands in a module (a `functools.partial` of one will do); items and values can be pickled. `time_s` is
    CPU seconds an item (an item that only waits has ten times that), `memory_bytes` what an item may take above what a
    worker takes at its start. An exception is a reason like any other. An item whose worker is killed from outside is
    tried once more. Raises `AnalysisError` where no worker can start.
    """
    with Workers(function, workers=workers, time_s=time_s, memory_bytes=memory_bytes) as pool:
        yield from pool.map(items)


class _Worker:
    """One process, with what it was given and has not answered yet."""

    def __init__(self, order: bytes) -> None:
        self.given: deque[int] = deque()  # numbers of items
        self.ready = False
        self.unsent = bytearray(framed(order))
        self.received = bytearray()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                # -P: or what lies in the current folder is imported, and that may be the very code that is read
                [sys.executable, "-P", "-c", START, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            )

    def frames(self) -> Iterator[tuple[Any, str]]:
        """The answers that have come in whole."""
        while len(self.received) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(self.received[:LENGTH_BYTES], "big")
            if len(self.received) < end:
                return
            answer = pickle.loads(self.received[LENGTH_BYTES:end])  # noqa: S301 - of our own process
            del self.received[:end]
            yield answer

    def last_words(self) -> tuple[int, str]:
        """Of one that has gone: its exit code (negative: the signal), and what it said last."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVING_S)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Makes sure that it is gone."""
        self._process.kill()
        code = self._process.wait()
        self.channel.close()
        with self._stderr as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES))
            return code, said.read().decode(errors="replace").strip()


class Workers(Generic[Item, Value]):
    """`map_files` for one batch after the other, by the same workers. They are started when there is work.

    It holds the workers, and the items between the one that is to be yielded next and the newest.
    """

    def __init__(
        self,
        function: Callable[[Item], Value],
        *,
        workers: int | None = None,
        time_s: float = TIME_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._order = _order(function, time_s, memory_bytes)
        self._time_s, self._memory_bytes = time_s, memory_bytes
        self._most = workers or len(os.sched_getaffinity(0))
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._items: dict[int, Item] = {}
        self._again: deque[int] = deque()  # given to a worker that died of something else
        self._killed: set[int] = set()  # were in work when a worker was killed from outside
        self._outcomes: dict[int, Outcome[Item, Value]] = {}

    def __enter__(self) -> "Workers[Item, Value]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def map(self, items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        """In the order of the items. One batch is read to its end before the next begins."""
        items = iter(items)
        taken = due = 0
        more = True
        while more or due < taken:
            while more and taken - due < WINDOW * self._most:
                try:
                    self._items[taken] = next(items)
                except StopIteration:
                    more = False
                    break
                self._again.append(taken)
                taken += 1
            self._hand_out()
            if due < taken and due not in self._outcomes:
                self._wait()
            while due in self._outcomes:
                outcome = self._outcomes.pop(due)
                del self._items[due]
                due += 1
                yield outcome

    def close(self) -> None:
        """Ends every worker."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._selector.close()

    def _hand_out(self) -> None:
        """Items to those that have least to do; a new worker where all are busy and there may be one more."""
        while self._again:
            worker = min(self._workers, key=lambda one: len(one.given), default=None)
            if (worker is None or worker.given) and len(self._workers) < self._most:
                worker = _Worker(self._order)
                self._workers.append(worker)
            elif worker is None or len(worker.given) >= AHEAD:
                break
            number = self._again.popleft()
            worker.given.append(number)
            worker.unsent += framed(pickle.dumps(self._items[number]))
            self._watch(worker)

    def _watch(self, worker: _Worker) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.unsent else 0)
        if worker.channel in self._selector.get_map():
            self._selector.modify(worker.channel, events, worker)
        else:
            self._selector.register(worker.channel, events, worker)

    def _wait(self) -> None:
        """Until something can be sent or has come."""
        for key, events in self._selector.select():
            worker: _Worker = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    del worker.unsent[: worker.channel.send(worker.unsent)]
                    self._watch(worker)
                came = worker.channel.recv(1 << 20) if events & selectors.EVENT_READ else None
            except BlockingIOError:
                continue
            except OSError:  # it died
                came = b""
            if came:
                worker.received += came
                self._take(worker)
            elif came is not None:
                self._bury(worker)

    def _take(self, worker: _Worker) -> None:
        for value, reason in worker.frames():
            if worker.ready:
                self._answer(worker.given.popleft(), value, reason)
            elif reason:
                raise AnalysisError(f"a worker cannot start: {reason}")
            else:
                worker.ready, self._failed_starts = True, 0

    def _answer(self, number: int, value: Value | None, reason: str) -> None:
        self._outcomes[number] = Outcome(self._items[number], value, reason)
        self._killed.discard(number)

    def _bury(self, worker: _Worker) -> None:
        """Its item was its end, or is tried once more; what only waited behind it goes to others."""
        self._selector.unregister(worker.channel)
        self._workers.remove(worker)
        code, said = worker.last_words()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS:
                last = said.splitlines()[-1] if said else f"it ended with {code}"
                raise AnalysisError(f"workers cannot start: {last}", detail=said)
        elif worker.given and code != 0:  # 0: it makes room for another that has not grown
            number = worker.given.popleft()
            if -code != signal.SIGKILL or number in self._killed:
                self._answer(number, None, self._reason(code, said))
            else:
                self._killed.add(number)
                worker.given.appendleft(number)
        self._again.extendleft(reversed(worker.given))

    def _reason(self, code: int, said: str) -> str:
        """Why a worker died."""
        if -code == signal.SIGPROF:
            return f"took longer than {self._time_s:g} s of CPU time"
        if -code == signal.SIGALRM:
            return f"was not done within {self._time_s * WAITING_FACTOR:g} s"
        if "failed to allocate" in said or "MemoryError" in said:
            return out_of_memory(self._memory_bytes)
        if -code == signal.SIGKILL:
            return "its worker was killed twice; is the machine out of memory?"
        if code < 0:
            return f"crashed its worker ({signal.Signals(-code).name})"
        return f"its worker ended with {code}" + (f": {said.splitlines()[-1]}" if said else "")


def _order(function: Callable[[Item], Value], time_s: float, memory_bytes: int) -> bytes:
    """What a worker has to know. Raises `AnalysisError` for a function that it could not import."""
    name = getattr(function, "__qualname__", repr(function))
    if getattr(function, "__module__", "") == "__main__":
        raise AnalysisError(f"`{name}` stands in the script that is run; move it to a module, for workers to import")
    try:
        return pickle.dumps((function, time_s, memory_bytes))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AnalysisError(f"`{name}` cannot be sent to a worker; it must stand at the top of a module") from error
