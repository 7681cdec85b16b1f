"""Checkpoints that are whole or ignored: a seal with every file's digest is written last, and checked before reading.

A checkpoint folder belongs to one run key, the digest of everything that determines the run; another recipe or
dataset never finds it. The finished run's last checkpoint stays, so that running the stage again trains nothing.
"""

import os
import shutil
from pathlib import Path

import msgspec

from hone.files import sha256_bytes, sha256_file, write_atomic
from hone.records import Record

SEAL = "sealed.json"
KEPT_RUNS = 4  # of one stage; older ones are deleted


class Seal(Record, frozen=True):
    """The digest of every file in a checkpoint, by its relative path."""

    files: dict[str, str]


def run_key(*parts: object) -> str:
    """Sixteen hex digits over everything that determines a run."""
    return sha256_bytes(msgspec.json.encode([str(part) for part in parts])).removeprefix("sha256:")[:16]


def run_folder(checkpoints: Path, stage: str, key: str) -> Path:
    """The folder of one run; the oldest runs of the stage beyond `KEPT_RUNS` are deleted."""
    folder = checkpoints / f"{stage}-{key}"
    others = [path for path in checkpoints.glob(f"{stage}-*") if path != folder]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_RUNS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    return folder


def seal(checkpoint: Path) -> None:
    """Declares a checkpoint whole."""
    digests = {path.relative_to(checkpoint).as_posix(): sha256_file(path) for path in _files(checkpoint)}
    write_atomic(checkpoint / SEAL, msgspec.json.encode(Seal(files=digests)))


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint is sealed and every file still has its digest."""
    try:
        sealed = msgspec.json.decode((checkpoint / SEAL).read_bytes(), type=Seal)
        return all(sha256_file(checkpoint / name) == digest for name, digest in sealed.files.items())
    except (OSError, msgspec.DecodeError):
        return False


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run; those that are not whole are deleted."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
