"""The process behind `analysis.workers`: does one item after the other and answers, under limits that the kernel keeps.

Run as `python -m analysis.worker SOCKET`, by nobody else. Items and answers are pickles behind their length.
"""

import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hone.errors import HoneError

LENGTH_BYTES = 8
WAITING_FACTOR = 10  # an item that only waits is cut off after this many times its CPU seconds
RECYCLE_SHARE = (
    0.5  # of the memory limit, that a worker may have kept of earlier items before it makes room for another
)


def main() -> None:
    """Serves until the other end closes the socket or the memory has grown."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        order = _receive(channel)
        if order is None:
            return
        try:
            function, time_s, memory_bytes = pickle.loads(order)  # noqa: S301 - of our own parent
        except Exception as error:  # an import can fail with anything
            _send(channel, ("", f"{type(error).__name__}: {error}"))
            return
        at_start = _address_space()
        resource.setrlimit(resource.RLIMIT_AS, (at_start + memory_bytes,) * 2)
        _send(channel, (None, ""))  # ready
        while _address_space() < at_start + memory_bytes * RECYCLE_SHARE:
            message = _receive(channel)
            if message is None:
                return
            _limit_time(time_s)
            answer = _answer(function, message, memory_bytes)
            _limit_time(0)
            channel.sendall(answer)


def _answer(function: Callable[[Any], Any], message: bytes, memory_bytes: int) -> bytes:
    """A frame with `(value, reason)`, one of which counts."""
    try:
        item = pickle.loads(message)  # noqa: S301 - of our own parent
        return framed(pickle.dumps((function(item), "")))
    except MemoryError:
        return framed(pickle.dumps((None, out_of_memory(memory_bytes))))
    except Exception as error:  # whatever it was, it is the answer for this item
        told = str(error) if isinstance(error, HoneError) else f"{type(error).__name__}: {error}"
        return framed(pickle.dumps((None, " ".join(told.split()))))


def out_of_memory(memory_bytes: int) -> str:
    """The reason of an item that was cut off for its memory."""
    return f"needs more than {memory_bytes / 1e6:,.0f} MB of memory"


def framed(content: bytes) -> bytes:
    """Behind its length."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def _limit_time(seconds: float) -> None:
    """Both signals end the process, also inside a parser that never returns to Python. 0 ends the limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WAITING_FACTOR)


def _address_space() -> int:
    """Bytes, as RLIMIT_AS counts them."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _send(channel: socket.socket, answer: tuple[object, str]) -> None:
    channel.sendall(framed(pickle.dumps(answer)))


def _receive(channel: socket.socket) -> bytes | None:
    """The next frame; None where the other end is gone."""
    head = _exactly(channel, LENGTH_BYTES)
    return _exactly(channel, int.from_bytes(head, "big")) if head else None


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            return b""
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    try:
        main()
    except OSError:  # the parent is gone
        os._exit(1)
