"""Local processes that outlive the command that started them: the MLflow server, the router, process deployments.

Each has a folder under `artifacts/daemons/` with its spec, state and log, and a supervisor of its own
(`hone.supervisor`) that restarts it. A process is named by its id and its start time, so that an id which the
system has given to somebody else is never signalled.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from hone.errors import DaemonError
from hone.files import locked, write_atomic
from hone.layout import Layout
from hone.records import Record

POLL_S = 0.02
LOG_TAIL_LINES = 30


class DaemonSpec(Record, frozen=True):
    """What to run. `env` is the whole environment, save what `inherits` names: secrets, which are written nowhere."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    url: str = ""  # where it listens, for messages and look-up
    grace_s: float = 10.0  # between SIGTERM and SIGKILL
    inherits: tuple[str, ...] = ()  # variables that are handed on from the environment of whoever starts it


class _State(msgspec.Struct, frozen=True):
    supervisor: int
    status: str
    pid: int = 0
    exit_code: int = 0
    deaths: int = 0


def folder_of(layout: Layout, name: str) -> Path:
    """Where a daemon keeps spec.json, state.json, supervisor and log."""
    return layout.daemons / name


def start(layout: Layout, name: str, spec: DaemonSpec, *, ready: Callable[[], bool], timeout_s: float) -> None:
    """Starts a daemon and waits until `ready()`; does nothing where the same spec already runs and is ready.

    A daemon that runs with another spec is stopped first. Raises `DaemonError` with the end of its log where it
    is not ready in time or keeps dying; nothing is left running then.
    """
    folder = folder_of(layout, name)
    with locked(layout.daemons / f".{name}.lock", what=f"starting `{name}`", wait_s=timeout_s):
        if alive(layout, name) and read_spec(layout, name) == spec and _wait(layout, name, ready, timeout_s):
            return
        stop(layout, name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").unlink(missing_ok=True)
        write_atomic(folder / "spec.json", msgspec.json.encode(spec))
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py")), str(folder)],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                **{name: os.environ[name] for name in spec.inherits if name in os.environ},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            close_fds=True,
        )
        write_atomic(folder / "supervisor", f"{supervisor.pid} {_start_time(supervisor.pid)}".encode())
        if not _wait(layout, name, ready, timeout_s):
            log = log_tail(layout, name)
            state = _read_state(folder)
            stop(layout, name)
            why = f"died {state.deaths} times" if state and state.deaths else f"was not ready within {timeout_s:g} s"
            raise DaemonError(f"`{name}` {why}; its log is `{folder / 'log'}`", detail=log)


def stop(layout: Layout, name: str) -> bool:
    """Ends a daemon and its supervisor, gracefully first. Returns whether it was running."""
    folder = folder_of(layout, name)
    pid = _supervisor_pid(folder)
    if pid is None:
        return False
    spec = read_spec(layout, name)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + (spec.grace_s if spec else 10.0) + 5.0
    while _supervisor_pid(folder) is not None:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # its child dies with it
        time.sleep(POLL_S)
    return True


def remove(layout: Layout, name: str) -> None:
    """Ends a daemon and forgets it, its log too."""
    stop(layout, name)
    shutil.rmtree(folder_of(layout, name), ignore_errors=True)


def alive(layout: Layout, name: str) -> bool:
    """Whether the daemon's supervisor runs and has not given up."""
    folder = folder_of(layout, name)
    state = _read_state(folder)
    return _supervisor_pid(folder) is not None and (state is None or state.status != "failed")


def names(layout: Layout) -> list[str]:
    """The daemons that run now."""
    if not layout.daemons.is_dir():
        return []
    return sorted(folder.name for folder in layout.daemons.iterdir() if folder.is_dir() and alive(layout, folder.name))


def read_spec(layout: Layout, name: str) -> DaemonSpec | None:
    """What a daemon was last started with."""
    try:
        return msgspec.json.decode((folder_of(layout, name) / "spec.json").read_bytes(), type=DaemonSpec)
    except (OSError, msgspec.DecodeError):
        return None


def process_id(layout: Layout, name: str) -> int | None:
    """The supervised process's id while it runs."""
    state = _read_state(folder_of(layout, name))
    return state.pid if state and state.pid and alive(layout, name) else None


def log_tail(layout: Layout, name: str, lines: int = LOG_TAIL_LINES) -> str:
    """The end of a daemon's log."""
    try:
        text = (folder_of(layout, name) / "log").read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _wait(layout: Layout, name: str, ready: Callable[[], bool], timeout_s: float) -> bool:
    """Polls until ready; gives up at the deadline or when the supervisor does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive(layout, name):
            return False
        time.sleep(POLL_S)
    return False


def _read_state(folder: Path) -> _State | None:
    try:
        return msgspec.json.decode((folder / "state.json").read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        return None


def _supervisor_pid(folder: Path) -> int | None:
    """The supervisor's id if that very process still runs."""
    try:
        pid, started = (folder / "supervisor").read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _start_time(int(pid)) == started else None


def _start_time(pid: int) -> str:
    """The boot and the clock tick in which a process started (proc(5), field 22); empty for a dead or zombie one."""
    try:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # reap it if it is our own
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"
