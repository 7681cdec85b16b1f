"""What a command is given to read: a file, or `-` for standard input."""

import sys
from pathlib import Path

from hone.errors import HoneError


def read_given(name: str, error: type[HoneError]) -> bytes:
    """Its bytes. Raises `error` for a file that cannot be read."""
    if name == "-" and sys.stdin is None:
        raise error("`-` cannot be read: there is no standard input")
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as problem:
        raise error(f"`{name}` cannot be read: {(problem.strerror or str(problem)).lower()}") from problem
