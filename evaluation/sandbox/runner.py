"""Runs inside the sandbox: lowers the limits of its process, then calls the candidate's function.

It is given the code and the arguments, never what is expected, and sends back plain JSON values; the verdict is
computed outside. Once the candidate runs, this process belongs to the candidate and is believed in nothing.
It imports next to nothing, since a candidate may pay for its start (the json module alone costs as much as Python).
"""

import _json
import resource
import sys


class NotPlain(Exception):
    """A value that JSON cannot carry."""


def lower_limits(limits: dict[str, int]) -> None:
    """What each process may use, for good."""
    for name, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(name, (most, most))


def run(source: str, entry_point: str, calls: list[list[object]]) -> str:
    """The report as JSON text."""
    at = ""
    try:
        module = type(sys)("candidate")
        sys.modules["candidate"] = module  # where dataclasses and the like look their module up
        exec(compile(source, "candidate.py", "exec"), module.__dict__)
        function = getattr(module, entry_point)
        values = []
        for number, arguments in enumerate(calls, start=1):
            at = f"call {number}: "
            values.append(plain(function(*arguments)))
        return '{"returned":[' + ",".join(values) + "]}"
    except MemoryError:
        return '{"memory":true}'
    except BaseException as error:
        return '{"raised":' + quoted(at + describe(error)) + "}"


def plain(value: object) -> str:
    """JSON text of exactly the plain types: a subclass could say anything of itself."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is str:
        return quoted(value)  # type: ignore[arg-type]
    if kind is int or (kind is float and value - value == 0):  # type: ignore[operator]  # not infinite, not NaN
        return repr(value)
    if kind is list or kind is tuple:
        return "[" + ",".join([plain(item) for item in value]) + "]"  # type: ignore[attr-defined]
    if kind is dict and all(type(key) is str for key in value):  # type: ignore[attr-defined]
        return "{" + ",".join([quoted(key) + ":" + plain(item) for key, item in value.items()]) + "}"  # type: ignore[attr-defined]
    raise NotPlain(f"returned `{kind.__name__}`, which JSON cannot carry")


def quoted(text: str) -> str:
    """A JSON string."""
    return str(_json.encode_basestring_ascii(text))


def describe(error: BaseException) -> str:
    """The error's kind and words, shortened."""
    if isinstance(error, NotPlain):
        return str(error)
    try:
        return f"{type(error).__name__}: {str(error)[:250]}"
    except BaseException:
        return type(error).__name__
