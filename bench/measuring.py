"""What the benches of code analysis and of the corpus measure on, and with: the standard library, and CPU seconds."""

import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

LIBRARY = Path(sysconfig.get_path("stdlib"))
INSTALLED = {"site-packages", "dist-packages"}

Value = TypeVar("Value")


def library() -> list[Path]:
    """The files of the whole standard library, its tests included, in order of their names."""
    return [path for path in sorted(LIBRARY.rglob("*.py")) if INSTALLED.isdisjoint(path.parts)]


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    """Seconds of CPU time, for the machine may do other things too, and what the work returned."""
    started = time.process_time()
    value = work()
    return time.process_time() - started, value
