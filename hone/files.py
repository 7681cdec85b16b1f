"""Files that are whole or absent: atomic writes, digests, and locks between processes."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hone.errors import Busy

LOCK_POLL_S = 0.02


def write_atomic(path: Path, content: bytes) -> None:
    """Writes beside the target, flushes to disk, then renames over it. On failure the old file stays."""
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside the target to write to, which is then renamed over it. On failure the old file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def sha256_bytes(content: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha256_file(path: Path) -> str:
    """The digest of a file's content."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def sha256_tree(folder: Path, *, suffixes: tuple[str, ...] = ()) -> str:
    """The digest of a folder: every file's relative path and content digest, sorted.

    With `suffixes`, only files whose names end so. Caches of byte code never count.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts or (suffixes and not path.name.endswith(suffixes)):
            continue
        whole.update(f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}\n".encode())
    return f"sha256:{whole.hexdigest()}"


@contextmanager
def locked(path: Path, *, what: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds an exclusive lock on `path` (made if missing). It goes with the process, however that ends.

    Raises `Busy` naming the holder's process id where the lock is not free within `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    holder = file.read().strip() or "unknown"
                    raise Busy(f"{what} is already running (process {holder}); wait for it, or stop it") from None
                time.sleep(LOCK_POLL_S)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
