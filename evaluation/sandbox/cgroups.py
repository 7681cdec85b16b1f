"""One control group per slot: a limit on the memory and the processes of all that runs there together.

Version 1 and 2. Made where this process is: in version 2, a group that holds processes may have no limited groups in
it, so the new one lies beside it or, where that is not ours but this process is alone, this process steps into a group
of its own first. Where none can be made there is none, and the caller says so in its evidence.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from hone.errors import EvaluationError

ROOT = Path("/sys/fs/cgroup")
EMPTY_S = 10.0  # how long a group may take to empty once all in it were killed


@dataclass
class ControlGroup:
    """The folders of one group: one for both limits in version 2, one for each in version 1."""

    memory: Path
    pids: Path
    version: int
    _open: dict[str, int] = field(default_factory=dict, repr=False)  # descriptors, as asked for after every candidate
    _highest: int = field(default=0, repr=False)

    def processes(self) -> list[int]:
        """Who is in it now."""
        found = {int(line) for folder in {self.memory, self.pids} for line in _lines(folder / "cgroup.procs")}
        return sorted(found)

    def entries(self) -> list[int]:
        """Descriptors through which a process puts itself in, by writing 0. The caller closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in sorted({self.memory, self.pids})]

    def allow(self, processes: int) -> None:
        """How many processes and threads may be in it at one time."""
        (self.pids / "pids.max").write_text(str(processes))

    def kills(self) -> int:
        """How many processes have been killed in it for want of memory, ever."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        lines = os.pread(self._file(file), 1 << 12, 0).decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line[:9] == "oom_kill ")

    def take_peak(self) -> int:
        """The most bytes in use since the last time this was asked, or 0 where the kernel does not tell.

        Version 2 forgets its record, for who asks through one open file, from Linux 6.12 on. Before, it tells only of
        what went beyond all that was before.
        """
        try:
            if self.version == 1:
                file = self._file("memory.max_usage_in_bytes")
                peak = int(os.pread(file, 32, 0))
                os.pwrite(file, b"0", 0)
                return peak
            return self._take_record()
        except OSError:
            return 0

    def _take_record(self) -> int:
        file = self._file("memory.peak")
        peak = int(os.pread(file, 32, 0))
        try:
            os.write(file, b"reset")
        except OSError:
            grown = peak > self._highest
            self._highest = max(peak, self._highest)
            return peak if grown else 0
        return peak

    def _file(self, name: str) -> int:
        """A descriptor of a file of its memory, to write too where that may be."""
        if name not in self._open:
            try:
                self._open[name] = os.open(self.memory / name, os.O_RDWR)
            except OSError:
                self._open[name] = os.open(self.memory / name, os.O_RDONLY)
        return self._open[name]

    def kill(self) -> None:
        """Kills all that is in it."""
        try:
            (self.memory / "cgroup.kill").write_text("1")  # version 2, from Linux 5.14 on
        except OSError:
            for process in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    def remove(self) -> None:
        """Takes the folders away. Raises `EvaluationError` where something is alive in there."""
        while self._open:
            os.close(self._open.popitem()[1])
        deadline = time.monotonic() + EMPTY_S
        for folder in {self.memory, self.pids}:
            while True:
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise EvaluationError(
                            f"control group `{folder}` of the sandbox cannot be removed: {error}"
                        ) from error
                    time.sleep(0.01)


def make_group(name: str, memory_bytes: int) -> ControlGroup | None:
    """A new group with this limit, or None where this process may not make one."""
    for attempt in (_make_v2, _make_v1):
        try:
            group = attempt(name)
            if group is None:
                continue
            _limit(group, memory_bytes)
        except OSError:
            continue
        return group
    return None


def left_groups(prefix: str) -> list[Path]:
    """The groups in and beside this process's own whose names begin so."""
    own = [_own_group(""), _own_group("memory"), _own_group("pids")]
    parents = {parent for group in own if group for parent in _around(group)}
    return sorted(folder for parent in parents for folder in parent.glob(f"{prefix}*"))


def _limit(group: ControlGroup, memory_bytes: int) -> None:
    try:
        group.allow(1)
        if group.version == 2:
            (group.memory / "memory.max").write_text(str(memory_bytes))
            _write_if_there(group.memory / "memory.swap.max", "0")
            _write_if_there(
                group.memory / "memory.oom.group", "1"
            )  # a candidate that lost a process can answer nothing
        else:
            (group.memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            _write_if_there(group.memory / "memory.memsw.limit_in_bytes", str(memory_bytes))
    except OSError:
        group.remove()
        raise


def _make_v2(name: str) -> ControlGroup | None:
    own = _own_group("")
    if own is None or not (ROOT / "cgroup.controllers").exists():
        return None
    for parent in _around(own):
        if folder := _limited_group(parent, name):
            return ControlGroup(folder, folder, 2)
    if _step_aside(own, name) and (folder := _limited_group(own, name)):
        return ControlGroup(folder, folder, 2)
    return None


def _limited_group(parent: Path, name: str) -> Path | None:
    """A new group in `parent` that can have both limits, or None where `parent` holds processes or is not ours."""
    if not os.access(parent / "cgroup.procs", os.W_OK):  # who moves within `parent` needs that too
        return None
    folder = parent / name
    try:
        if not {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
            (parent / "cgroup.subtree_control").write_text("+memory +pids")
        folder.mkdir()
    except OSError:
        return None
    return folder


def _step_aside(own: Path, name: str) -> bool:
    """Moves this process into a new group in `own` where nobody else is in that; whether it did.

    That one stays until a later run takes it away: its name begins as those of the sandbox's others.
    """
    can = set("".join(_lines(own / "cgroup.controllers")).split())
    if not {"memory", "pids"} <= can or _lines(own / "cgroup.procs") != [str(os.getpid())]:
        return False
    leaf = own / f"{name}-self"
    try:
        leaf.mkdir()
        (leaf / "cgroup.procs").write_text("0")
    except OSError:
        with contextlib.suppress(OSError):
            leaf.rmdir()
        return False
    return True


def _make_v1(name: str) -> ControlGroup | None:
    memory, pids = _own_group("memory"), _own_group("pids")
    if memory is None or pids is None:
        return None
    (memory / name).mkdir()
    try:
        (pids / name).mkdir()
    except OSError:
        (memory / name).rmdir()
        raise
    return ControlGroup(memory / name, pids / name, 1)


def _own_group(controller: str) -> Path | None:
    """The folder of the group that this process is in, for a controller of version 1 or, with "", for version 2."""
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") if controller else controllers == "":
            return ROOT / controller / path.lstrip("/")
    return None


def _around(group: Path) -> list[Path]:
    """The group and, unless it is the highest, the one that it is in."""
    return [group] if group == ROOT else [group, group.parent]


def _write_if_there(file: Path, text: str) -> None:
    if file.exists():
        file.write_text(text)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []
