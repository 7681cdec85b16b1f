"""Isolation by bubblewrap: a candidate and its assertions each in a process tree of their own, started with nothing.

It sees no network, no other process, no environment, and of the files only Python's standard library and the system's
shared libraries, read-only, beside a small `/tmp`. System calls are filtered where libseccomp is there. Memory is
limited for each process, not for the tree (that would take cgroups): it may have `processes` times `memory_mb`.
"""

import contextlib
import itertools
import marshal
import math
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from evaluation.sandbox.host import base_python, is_real_root, output_of, shared_libraries
from evaluation.sandbox.interface import Candidate, Limits, OnDone, Outcome, Shown
from evaluation.sandbox.namespaces import Program, finding
from evaluation.sandbox.pool import run_each
from evaluation.sandbox.seccomp import filters_with_bubblewrap
from evaluation.sandbox.tree import MOST_FILES, Tree, run_trees
from evaluation.sandbox.verdict import Finding
from hone.errors import IsolationUnavailable
from hone.records import Json

INSTALL = "sudo apt-get install --yes bubblewrap"
OLDEST = (0, 8)  # the first with both --size for tmpfs and --disable-userns
OPEN_FILES = 64
OWN = Path(__file__).parent
RUN_INSIDE = ("enclosed.py", "runner.py", "program.py", "wire.py", "kernel.py")
log = structlog.get_logger()
PYTHON, PROGRAMS = Path("/python"), Path("/sandbox")  # where they lie inside

Role = tuple[str | list[list[Json]], ...]  # its name, and the arguments of the function that it calls


def open_bubblewrap(
    limits: Limits, workers: int, *, readable: Sequence[Shown] = (), search_path: str | None = None
) -> "Bubblewrap":
    """A sandbox that runs `workers` candidates at a time, not proved yet.

    `readable` is shown inside beside Python. `search_path` is where `bwrap` is looked for, PATH by default. Raises
    `IsolationUnavailable` with the way out.
    """
    program = shutil.which("bwrap", path=search_path)
    if program is None:
        raise IsolationUnavailable(
            f"`bwrap` was not found, and untrusted code runs only isolated; install it with `{INSTALL}`"
        )
    version = output_of([program, "--version"]).split()[-1]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise IsolationUnavailable(
            f"`{program}` is version {version}, older than 0.8; install a newer one with `{INSTALL}`"
        )
    return Bubblewrap(program, version, limits, workers, readable)


class Bubblewrap:
    """See the module. Make it with `open_bubblewrap`."""

    def __init__(
        self, program: str, version: str, limits: Limits, workers: int, readable: Sequence[Shown] = ()
    ) -> None:
        self._limits = limits
        self._workers = workers
        self._root = is_real_root()
        self._runs = itertools.count()  # next() on it is atomic between threads
        self._options = [program, *namespaces(self._root), *mounts(limits.scratch_mb, readable)]
        try:
            self._filter, self._own_filter = filters_with_bubblewrap()
        except IsolationUnavailable as error:
            log.warning("system calls will not be filtered", reason=str(error))
            self._filter = self._own_filter = b""
        self.isolation = describe_isolation(version, self._root, filtered=bool(self._filter))

    def run(self, candidates: Sequence[Candidate], *, on_done: OnDone) -> list[Outcome]:
        """See `Sandbox.run`."""
        return run_each(candidates, self._run_one, self._workers, on_done)

    def close(self) -> None:
        """Nothing is kept between candidates."""

    def _run_one(self, candidate: Candidate) -> Outcome:
        started = time.monotonic()
        trees: list[Tree] = []
        most_bytes = self._limits.output_kb << 10
        with contextlib.ExitStack() as ending:
            lines = socket.socketpair()
            with lines[0], lines[1]:
                for role, line in zip(roles(candidate), lines, strict=False):
                    tree = Tree(self._options, command(), self._order(role), line, self._filter)
                    ending.callback(tree.end, most_bytes)
                    trees.append(tree)
            run_trees(trees, self._limits.timeout_s, most_bytes)
        programs = [tree.program for tree in trees]
        status, detail = self._verdict(candidate, programs, overfull=any(tree.overfull for tree in trees))
        return Outcome(
            id=candidate.id,
            status=status,
            detail=detail,
            wall_s=time.monotonic() - started,
            cpu_s=sum(program.cpu_s for program in programs),
            peak_mb=max(program.resident_kib for program in programs) / 1024,
            output=programs[0].output.decode(errors="replace"),
        )

    def _verdict(self, candidate: Candidate, programs: Sequence[Program], *, overfull: bool) -> Finding:
        if overfull:
            return "violation", f"it made more than {MOST_FILES:,} files"
        return finding(candidate, programs, self._limits, out_of_memory=False)

    def _order(self, role: Role) -> bytes:
        """What one program reads."""
        limits = {
            "cpu_s": math.ceil(self._limits.timeout_s) + 1,  # the clock comes first; this one needs no parent
            "memory_bytes": self._limits.memory_mb << 20,
            "file_bytes": self._limits.scratch_mb << 20,
            "files": OPEN_FILES,
            "processes": self._limits.processes + (0 if self._root else 1),  # an ordinary user's first one counts
            "uid": unused_uid(os.getpid(), next(self._runs)) if self._root else 0,
        }
        return marshal.dumps((role, limits, self._own_filter))


def roles(candidate: Candidate) -> list[Role]:
    """What the programs of a candidate become. What is expected of them stays here, or in a tree of its own."""
    if not candidate.check:
        return [("values", candidate.source, candidate.entry_point, [list(test.arguments) for test in candidate.tests])]
    return [
        ("serve", candidate.source, candidate.entry_point),
        ("check", candidate.check.setup, candidate.entry_point, candidate.check.assertions),
    ]


def namespaces(root: bool) -> list[str]:
    """New namespaces of every kind, no capability, and death with the parent.

    Root makes no user namespace: in one, it could not become another user, and only other users' processes are
    counted. Two capabilities stay for that step alone.
    """
    argv = ["--unshare-ipc", "--unshare-pid", "--as-pid-1", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if root:
        return [*argv, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*argv, "--unshare-user", "--disable-userns"]


def mounts(scratch_mb: int, shown: Sequence[Shown]) -> list[str]:
    """Python and what is shown beside it, with the system's libraries, read-only; `/dev/null`; a small `/tmp`."""
    library, python = Path(os.__file__).parent, base_python()
    inside = PYTHON / library.relative_to(sys.base_prefix)
    shared = shared_libraries(python)
    own = [path for path in shared if path.parent == library.parent]  # a libpython beside its standard library
    readable = {library: inside, python: PYTHON / "bin" / python.name}
    readable |= {OWN / name: PROGRAMS / name for name in RUN_INSIDE}
    readable |= {path: inside.parent / path.name for path in own}
    readable |= {path.parent: path.parent for path in shared if path not in own}
    readable |= {outside: Path(path) for outside, path in shown}
    # Folders that bubblewrap makes on the way to a mount would be open to root alone.
    made = sorted({str(parent) for path in readable.values() for parent in path.parents} - {"/"} | {"/dev"})
    argv = [argument for folder in made for argument in ("--dir", folder)]
    argv += [argument for outside, path in readable.items() for argument in ("--ro-bind", str(outside), str(path))]
    for packages in ("site-packages", "dist-packages"):
        if (library / packages).is_dir():
            argv += ["--tmpfs", str(inside / packages), "--remount-ro", str(inside / packages)]
    if own:
        argv += ["--setenv", "LD_LIBRARY_PATH", str(inside.parent)]
    argv += ["--dev-bind", "/dev/null", "/dev/null", "--perms", "1777", "--size", str(scratch_mb << 20)]
    return [*argv, "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - inside the sandbox


def command() -> list[str]:
    """Python alone: no environment, no site packages, nothing from the current folder."""
    return [str(PYTHON / "bin" / base_python().name), "-I", "-S", "-B", str(PROGRAMS / "enclosed.py")]


def describe_isolation(version: str, root: bool, *, filtered: bool) -> str:
    """What isolates, for the evidence."""
    user = "unprivileged uid per run" if root else "user namespace"
    return f"bubblewrap {version}, {user}, {'seccomp' if filtered else 'no seccomp'}, memory limited per process"


def unused_uid(process_id: int, run: int) -> int:
    """A user id that no account has and nothing else that runs now uses, so that its processes are counted alone."""
    return 1_000_000_000 + process_id % 2**18 * 2**12 + run % 2**12
