"""What runs as a candidate, or as the checks of candidates, after every right has been dropped.

Three roles: *values* calls the candidate's function with given arguments and reports what it returned; *serve* answers
calls of its function that come over a line; *check* runs assertions whose calls go out over that line. So assertions
and candidate never share a process. Imports nothing that is not Python's own, and touches little: every page of memory
that a candidate writes to is copied for it.
"""

import _operator
import _socket
import _thread
import array
import builtins
import gc
import marshal
import os
import re
import resource
import sys
from types import TracebackType
from typing import Any

import kernel
import runner
import wire

REPORT, LINE = 3, 4  # of a candidate; from the next on, nothing is open
ORDERS, BELL = 3, 4  # of the checks' process
NEXT, LAST = b"+", b"-"  # before a check's report: whether this process takes another one
FILES = 256  # above every descriptor that a zygote holds
HEAD = 4  # bytes that tell the length of a value on the line
CHUNK = 1 << 16
LONGEST = 1 << 26  # bytes of one value on the line
LONGEST_REPORT = 4_000  # characters of what a check says
MOST_CHECKS = 200  # in one process
OFTEN_IMPORTED = (
    "copy",
    "math",
    "random",
    "string",
)  # by assertions: what they find loaded can be seen to be unchanged
NAMES = re.compile(r"[A-Za-z_]\w*")
RESIDENT_KIB = 64 << 10  # a process that has ever held more is not used again


class Gone(BaseException):
    """The candidate's process has ended before it answered."""


class Raised(Exception):
    """The candidate raised something that is no exception of Python's own."""


def start(own: "list[int]", limits: "dict[str, int]", calls: bytes) -> None:
    """Becomes the candidate that the order names; never returns.

    `own`: its order, report, output and, where it has one, its line; all numbered above those that they become.
    """
    try:
        order, report, output, *line = own
        role, *rest = marshal.loads(os.pread(order, os.fstat(order).st_size, 0))
        for source, target in zip((output, output, report, *line), (1, 2, REPORT, LINE), strict=False):
            os.dup2(source, target)
        _drop_rights(LINE + 1 if line else LINE, limits, calls)
        text = {"values": runner.run, "serve": serve}[role](*rest).encode()
        while text:
            text = text[os.write(REPORT, text) :]
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                continue
        os._exit(0)  # no clean-up that the candidate may have prepared
    finally:
        os._exit(1)


def start_checks(orders: int, bell: int, limits: "dict[str, int]", calls: bytes) -> None:
    """Becomes the process of checks; never returns. Each order comes by a socket, its report goes back there, and then
    the bell rings."""
    try:
        os.dup2(orders, ORDERS)
        os.dup2(bell, BELL)
        _drop_rights(
            BELL + 1, limits | {"cpu_s": resource.RLIM_INFINITY}, calls
        )  # of many checks; each is timed by the zygote
        gc.enable()
        _serve_checks(_socket.socket(fileno=ORDERS))
        os._exit(0)
    finally:
        os._exit(1)


def _drop_rights(closed_from: int, limits: "dict[str, int]", calls: bytes) -> None:
    os.closerange(closed_from, FILES)
    os.setsid()
    os.chdir("/tmp")
    runner.lower_limits(limits)
    kernel.drop_capabilities()
    kernel.filter_calls(calls)


def serve(source: str, entry_point: str) -> str:
    """Answers calls until the other side hangs up. Its report says why it could not begin."""
    try:
        module = type(sys)("candidate")
        sys.modules["candidate"] = module
        exec(compile(source, "candidate.py", "exec"), module.__dict__)
        function = getattr(module, entry_point)
    except MemoryError:
        return '{"memory":true}'
    except BaseException as error:
        return f'{{"raised":{runner.quoted(runner.describe(error))}}}'
    while (request := _receive(LINE)) is not None:
        arguments, named = wire.load(request)
        try:
            text = wire.dump(("returned", function(*arguments, **named)))
        except MemoryError:
            return '{"memory":true}'
        except wire.NotPlain as error:
            text = wire.dump(("unplain", str(error)))
        except BaseException as error:
            text = wire.dump(("raised", type(error).__name__, _words(error)))
        _send(LINE, text)
    return "{}"


def _serve_checks(orders: "_socket.socket") -> None:
    """Runs checks as long as each leaves Python as it was. A whole process for each costs more than most checks."""
    kept = _Kept()
    for number in range(1, MOST_CHECKS + 1):
        message, ancillary, _, _ = orders.recvmsg(1, _socket.CMSG_SPACE(2 * array.array("i").itemsize))
        if not message:
            return
        received = array.array("i")
        received.frombytes(ancillary[0][2])
        order, line = received
        setup, entry_point, assertions = marshal.loads(os.pread(order, os.fstat(order).st_size, 0))
        os.chdir("/tmp")
        report = check(setup, entry_point, assertions, line)
        for descriptor in received:
            os.close(descriptor)
        goes_on = number < MOST_CHECKS and not report.startswith('{"gone"') and kept.intact(setup + assertions)
        orders.send((NEXT if goes_on else LAST) + report.encode())
        os.write(BELL, b".")
        if not goes_on:
            return


def check(setup: str, entry_point: str, assertions: str, line: int = LINE) -> str:
    """Runs `setup`, puts the far function in the place of `entry_point`, runs `assertions`; reports how that ended."""
    far = _Far(line)

    def candidate(*arguments: object, **named: object) -> object:
        return far.call(arguments, named)

    names: dict[str, object] = {"__name__": "check"}
    try:
        exec(compile(setup, "setup.py", "exec"), names)
        names |= {entry_point: candidate, "candidate": candidate}
        exec(compile(assertions, "check.py", "exec"), names)
    except (Gone, MemoryError):
        return '{"gone":true}'
    except BaseException as error:
        kind = "unplain" if far.unplain else "raised" if far.raised is error else "failed"
        what = far.unplain or (runner.describe(error) if kind == "raised" else _where(error, assertions))
        return f'{{"{kind}":{runner.quoted(what[:LONGEST_REPORT])}}}'
    finally:
        names.clear()  # its functions hold it, and it them
    return '{"passed":true}'


class _Kept:
    """What a check must leave as it was for the next one to run in the same process."""

    def __init__(self) -> None:
        for name in OFTEN_IMPORTED:
            __import__(name)
        self._modules = {name: (module, dict(module.__dict__)) for name, module in sys.modules.items()}
        self._recursion = sys.getrecursionlimit()

    def intact(self, text: str) -> bool:
        """Whether the modules that `text`, which ran, speaks of are as they were, no other was loaded (who knows what
        became of it), and nothing is still at work."""
        spoken_of = self._modules.keys() & {"builtins", "sys", *NAMES.findall(text)}
        return (
            sys.modules.keys() == self._modules.keys()
            and all(sys.modules[name] is self._modules[name][0] for name in spoken_of)
            and all(_same(sys.modules[name].__dict__, self._modules[name][1]) for name in spoken_of)
            and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < RESIDENT_KIB
            and sys.getrecursionlimit() == self._recursion
            and _idle()
        )


def _same(now: "dict[str, Any]", was: "dict[str, Any]") -> bool:
    """Whether every name still means what it meant; modules may gain names, as packages do by imports."""
    return all(map(_operator.is_, map(now.get, was), was.values()))


def _idle() -> bool:
    """Neither a thread nor a process was left behind."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return _thread._count() == 0
    return False


class _Far:
    """The candidate's function in another process, by value."""

    def __init__(self, line: int) -> None:
        self._line = line
        self.raised: BaseException | None = None
        self.unplain = ""

    def call(self, arguments: object, named: object) -> object:
        text = wire.dump((arguments, named))
        try:
            _send(self._line, text)
            answer = _receive(self._line)
        except OSError:
            answer = None
        if answer is None:
            raise Gone
        match wire.load(answer):
            case ("returned", value):
                return value
            case ("raised", str(name), str(words)):
                kind: Any = getattr(builtins, name, None)
                plain = isinstance(kind, type) and issubclass(kind, Exception)
                self.raised = kind(words) if plain else Raised(f"{name}: {words}")
                raise self.raised
            case ("unplain", str(what)):
                self.unplain = what
                raise wire.NotPlain(what)
        raise Gone


def _send(line: int, text: bytes) -> None:
    rest = len(text).to_bytes(HEAD, "little") + text
    while rest:
        rest = rest[os.write(line, rest) :]


def _receive(line: int) -> "bytes | None":
    """One value's text, or None where the other side hung up, or sends what is no single value."""
    parts = os.read(line, CHUNK)
    length = int.from_bytes(parts[:HEAD], "little")
    if len(parts) == HEAD + length and parts:
        return parts[HEAD:]  # mostly at once
    longer = bytearray(parts)
    while part := os.read(line, CHUNK):
        longer += part
        length = int.from_bytes(longer[:HEAD], "little") if len(longer) >= HEAD else LONGEST
        if length > LONGEST or len(longer) > HEAD + length:
            return None
        if len(longer) == HEAD + length:
            return bytes(longer[HEAD:])
    return None


def _words(error: BaseException) -> str:
    try:
        return str(error)[:250]
    except BaseException:
        return ""


def _where(error: BaseException, assertions: str) -> str:
    """The line of the assertions that failed, and why."""
    at, trace = "", error.__traceback__
    lines = assertions.splitlines()
    while isinstance(trace, TracebackType):
        if trace.tb_frame.f_code.co_filename == "check.py" and trace.tb_lineno <= len(lines):
            at = lines[trace.tb_lineno - 1].strip()
        trace = trace.tb_next
    return f"{at}  # {runner.describe(error)}" if at else runner.describe(error)
