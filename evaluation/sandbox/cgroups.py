"""One control group per slot: a limit on the memory and the processes of all that runs there together.

Version 1 and 2. Made under the group that this process is in; where that cannot be written, there is none, and the
caller says so in its evidence.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from hone.errors import EvaluationError

ROOT = Path("/sys/fs/cgroup")
EMPTY_S = 10.0  # how long a group may take to empty once all in it were killed


@dataclass(frozen=True)
class ControlGroup:
    """The folders of one group: one for both limits in version 2, one for each in version 1."""

    memory: Path
    pids: Path
    version: int

    def processes(self) -> list[int]:
        """Who is in it now."""
        found = {int(line) for folder in {self.memory, self.pids} for line in _lines(folder / "cgroup.procs")}
        return sorted(found)

    def entries(self) -> list[int]:
        """Descriptors through which a process puts itself in, by writing 0. The caller closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in sorted({self.memory, self.pids})]

    def allow(self, processes: int) -> None:
        """How many processes and threads may be in it at one time."""
        _write(self.pids / "pids.max", str(processes))

    def kills(self) -> int:
        """How many processes have been killed in it for want of memory, ever."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        return sum(int(line.split()[1]) for line in _read(self.memory / file).splitlines() if line[:9] == "oom_kill ")

    def take_peak(self) -> int:
        """The most bytes in use since the last time this was asked, or 0 where the kernel does not tell."""
        file = self.memory / ("memory.peak" if self.version == 2 else "memory.max_usage_in_bytes")
        try:
            peak = int(_read(file))
            _write(file, "0")
        except OSError:
            return 0
        return peak

    def remove(self) -> None:
        """Takes the folders away. Raises `EvaluationError` where something is alive in there."""
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


def _read(path: Path) -> str:
    """A short file. It is read after every candidate, where Python's own files cost more than the kernel's answer."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16).decode()
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


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
    """The groups beside this process's own whose names begin so."""
    own = [_own_group(""), _own_group("memory"), _own_group("pids")]
    parents = {parent for group in own if group for parent in (group, group.parent)}
    return sorted(folder for parent in parents for folder in parent.glob(f"{prefix}*"))


def _limit(group: ControlGroup, memory_bytes: int) -> None:
    try:
        group.allow(1)
        if group.version == 2:
            (group.memory / "memory.max").write_text(str(memory_bytes))
            _write_if_there(group.memory / "memory.swap.max", "0")
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
    for parent in (own, own.parent):  # a group with processes may not have limited children; its parent may
        if not {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
            try:
                (parent / "cgroup.subtree_control").write_text("+memory +pids")
            except OSError:
                continue
        folder = parent / name
        folder.mkdir()
        return ControlGroup(folder, folder, 2)
    return None


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


def _write_if_there(file: Path, text: str) -> None:
    if file.exists():
        file.write_text(text)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []
