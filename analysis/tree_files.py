"""The source files of a folder: what git tracks and what is not ignored, or all where there is no git, by name."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from analysis.languages import language_of
from analysis.outlines import MAX_FILE_BYTES
from hone.errors import AnalysisError
from hone.records import Record

# Not source of the project, where no git says so. Folders whose names begin with a dot are passed over too.
PASSED_OVER = frozenset(["__pycache__", "node_modules", "site-packages", "venv", "dist-packages"])
GIT_TIMEOUT_S = 60.0


class Skipped(Record, frozen=True):
    """A file that was left out."""

    path: str  # within the folder, with `/`
    reason: str


def is_folder(path: Path) -> bool:
    """Whether it is one, as far as it may be looked at."""
    try:
        return path.is_dir()
    except OSError:  # behind a folder that may not be entered
        return False


def source_files(root: Path) -> tuple[list[str], list[Skipped]]:
    """The paths within a folder of files whose names say a known language, sorted, and those that cannot be read.

    Raises `AnalysisError` for what is no folder. No link is followed: neither a loop nor a file twice.
    """
    if not is_folder(root):
        raise AnalysisError(f"`{root}` is not a folder" if os.path.lexists(root) else f"`{root}` does not exist")
    if not os.access(root, os.R_OK | os.X_OK):
        raise AnalysisError(f"`{root}` cannot be read: permission denied")
    names = _tracked(root)
    if names is None:
        names = list(_walked(root))
    files: list[str] = []
    skipped: list[Skipped] = []
    for name in sorted(names):
        if language_of(name.rpartition("/")[2]) is None and not name.endswith("/"):
            continue
        shown = os.fsencode(name).decode(errors="replace")  # Python has surrogates for what is no UTF-8 in a name
        reason = _reason(root / name) if shown == name else "its name is no UTF-8"
        if reason:
            skipped.append(Skipped(shown.rstrip("/"), reason))
        else:
            files.append(name)
    return files, skipped


def _tracked(root: Path) -> list[str] | None:
    """Tracked, and not ignored; None where the folder is in no repository, or ignored by it."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_TIMEOUT_S, env=environment, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    listed = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    names = [
        name for name in listed if os.path.lexists(root / name)
    ]  # git also lists what was deleted and is not staged
    return [f"{name}/" if (root / name).is_dir() and not (root / name).is_symlink() else name for name in names] or None


def _walked(root: Path) -> Iterator[str]:
    unreadable: list[str] = []
    walk = os.walk(root, onerror=lambda error: unreadable.append(error.filename))
    for folder, folders, files in walk:
        folders[:] = [name for name in folders if name not in PASSED_OVER and not name.startswith(".")]
        inside = Path(folder).relative_to(root)
        for name in files:
            yield (inside / name).as_posix()
    for folder in unreadable:
        yield Path(folder).relative_to(root).as_posix() + "/"


def _reason(path: Path) -> str:
    """Why a file is not read; empty where it is."""
    try:
        facts = path.lstat()
    except OSError as error:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    if stat.S_ISLNK(facts.st_mode):
        return "a symbolic link"
    if stat.S_ISDIR(facts.st_mode):
        return "a submodule: a project of its own" if os.path.lexists(path / ".git") else "a folder that cannot be read"
    if not stat.S_ISREG(facts.st_mode):
        return "not a regular file"
    if facts.st_size > MAX_FILE_BYTES:
        return f"longer than {MAX_FILE_BYTES / 1e6:g} MB"
    return "" if os.access(path, os.R_OK) else "cannot be read: permission denied"
