"""Runs inside bubblewrap, as `python -I -S -B enclosed.py ORDER REPORT LINE USAGE`, the numbers of four descriptors.

It is the first process of its namespace, with which all others end, and forks the program that the order names: the
candidate, or the assertions about one. That gives up for good what only its start needed, says that it is ready, and
waits on its standard input to be let go. Imports nothing that is not Python's own.
"""

import contextlib
import fcntl
import marshal
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kernel
import runner

REPORT, LINE = 3, 4  # as in program.py, which is imported only where it is needed
FREE = 64  # descriptors from here on are nobody's
MOST_DESCRIPTORS = 1 << 20
USAGE = struct.Struct("<iddQ")  # wait status, CPU-seconds of user and system, most KiB resident


def main() -> None:
    """Never returns."""
    order, report, line, usage = (int(number) for number in sys.argv[1:])
    process = os.fork()
    if process == 0:
        try:
            become(order, report, line)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    for descriptor in (order, report, line):
        os.close(descriptor)
    _, status, used = os.wait4(process, 0)
    os.write(usage, USAGE.pack(status, used.ru_utime, used.ru_stime, used.ru_maxrss))
    os._exit(0)


def become(order: int, report: int, line: int) -> None:
    """Becomes the program; never returns."""
    with os.fdopen(order, "rb") as file:
        (role, *arguments), limits, calls = marshal.loads(file.read())
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, FREE) for descriptor in (report, line)]
    for descriptor, target in zip(high, (REPORT, LINE), strict=True):
        os.dup2(descriptor, target)
    os.closerange(LINE + 1, MOST_DESCRIPTORS)
    if role != "values":
        __import__("program")  # before the clock runs: it takes as long as Python's own start
    give_up(limits, calls)
    os.write(REPORT, b"ready\n")
    if not os.read(0, 1):
        os._exit(1)  # those who started this have died
    silence = os.open("/dev/null", os.O_RDONLY)
    os.dup2(silence, 0)
    os.close(silence)
    text = run(role, arguments).encode()
    while text:
        text = text[os.write(REPORT, text) :]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(0)  # no clean-up that the candidate may have prepared


def give_up(limits: "dict[str, int]", calls: bytes) -> None:
    """Lowers every limit, becomes the nameless user where this is root, and adds the filter of system calls `calls`."""
    runner.lower_limits(limits)
    if uid := limits["uid"]:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)  # its capabilities go with it
    if calls:
        kernel.filter_calls(calls)


def run(role: str, arguments: "list[object]") -> str:
    """The report of the program."""
    if role == "values":
        return str(runner.run(*arguments))
    import program

    return str({"serve": program.serve, "check": program.check}[role](*arguments))


if __name__ == "__main__":
    main()
