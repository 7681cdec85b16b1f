"""What a command is given to read: a file, or `-` for standard input."""

import sys
from pathlib import Path

from hone.errors import HoneError


def read_given(name: str, error: type[HoneError]) -> bytes:
    """Its bytes. Raises `error` for a file that cannot be read."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as problem:
        raise error(f"`{name}` cannot be read: {(problem.strerror or str(problem)).lower()}") from problem
