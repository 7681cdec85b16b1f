"""`python -m hone.supervisor FOLDER`: keeps the one process that FOLDER/spec.json describes running.

Restarts it with growing pauses when it dies, gives up after too many quick deaths, and ends it (first SIGTERM,
after the grace time SIGKILL) when itself told to end. Standard library only: it stays small beside what it watches.
`hone.daemon` starts and stops it.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
SETTLED_S = 30.0  # a process that lived this long starts again with the first pause
QUICK_DEATHS = 8  # in a row, then the supervisor gives up
LOG_LIMIT_BYTES = 10_000_000
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In the child, before exec: the kernel kills it when the supervisor is gone, however that happened."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def write_state(folder: Path, **state: Any) -> None:
    """Writes FOLDER/state.json atomically."""
    beside = folder / ".state.json.tmp"
    beside.write_text(json.dumps({"supervisor": os.getpid(), **state}))
    beside.replace(folder / "state.json")


def start_child(folder: Path, spec: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Starts the process with its output appended to FOLDER/log; an overlong log is set aside first."""
    log = folder / "log"
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(folder / "log.1")
    with log.open("ab") as output:
        return subprocess.Popen(
            spec["argv"],
            env={**{name: os.environ[name] for name in spec.get("inherits", ()) if name in os.environ}, **spec["env"]},
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has no threads
        )


def end_child(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM, the grace time, then SIGKILL to its whole process group."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class Told(Exception):
    """The supervisor was told to end."""


def on_signal(_number: int, _frame: FrameType | None) -> None:
    """Turns SIGTERM and SIGINT into an exception, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Told


def supervise(folder: Path, spec: dict[str, Any]) -> None:
    """Runs the process until told to end, or until it died too often."""
    deaths, pause_s, child = 0, FIRST_PAUSE_S, None
    try:
        while deaths < QUICK_DEATHS:
            started = time.monotonic()
            child = start_child(folder, spec)
            write_state(folder, status="running", pid=child.pid, deaths=deaths)
            code = child.wait()
            if time.monotonic() - started > SETTLED_S:
                deaths, pause_s = 0, FIRST_PAUSE_S
            deaths += 1
            end_child(child, 0)
            write_state(folder, status="restarting", exit_code=code, deaths=deaths)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        write_state(folder, status="failed", deaths=deaths)
    except Told:
        if child is not None:
            end_child(child, spec["grace_s"])
        write_state(folder, status="stopped")


def main() -> None:
    """Reads the spec and supervises."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    supervise(folder, json.loads((folder / "spec.json").read_text()))


if __name__ == "__main__":
    main()
