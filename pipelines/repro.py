"""`dvc repro` as Hone calls it: one at a time, with what it needs running, and done at once where nothing changed.

DVC decides what to run. To answer "nothing changed" within a second, a stamp of every file that DVC looked at is kept
after a whole run; while no stamp differs, and the recipe's sources stand where they stood, there is nothing to ask DVC.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import yaml

from evaluation.sandbox import open_engine
from hone.errors import TrainingError
from hone.files import locked, sha256_bytes, write_atomic
from hone.layout import Layout
from hone.records import Record
from hone.settings import Settings
from pipelines.recipe import CHOICE, chosen_recipe, load_recipe
from pipelines.sources import sources_moved
from registry.server import ensure_server

STAMP = "repro.json"


class _Stamps(Record, frozen=True):
    """Size, inode and modification time of every file that decides whether a stage must run."""

    digest: str


def reproduce(layout: Layout, settings: Settings, *, said: Callable[[str], None], force: bool = False) -> bool:
    """Brings every stage up to date. Returns False where nothing had changed.

    Before anything is run it raises `Busy` where another run is under way, `ConfigError` for a recipe that is none,
    `IsolationUnavailable` where the evaluation could not run code, and where nothing else changed `DataError` for a
    source that is gone; then `TrainingError` where a stage failed (it has said why itself).
    """
    recipe = load_recipe(layout)
    with locked(layout.artifacts / ".repro.lock", what="`hone repro`"):
        stamp_file = layout.cache / STAMP
        if not force and _read_stamp(stamp_file) == _stamp(layout) and not sources_moved(layout, recipe):
            return False
        if recipe.evaluation.suite == "execution":
            open_engine(recipe.evaluation.engine, recipe.evaluation.limits).close()
        ensure_server(layout, settings)
        said("dvc repro")
        code = subprocess.run(
            [*dvc(), "repro", *(["--force"] if force else [])], cwd=layout.root, env=stage_environment(), check=False
        ).returncode
        if code:
            raise TrainingError(
                "`dvc repro` failed; its message stands above. What was done is kept: run again to go on"
            )
        write_atomic(stamp_file, msgspec.json.encode(_Stamps(digest=_stamp(layout))))
        return True


def dvc() -> list[str]:
    """DVC of this Python."""
    return [sys.executable, "-m", "dvc"]


def stage_environment() -> dict[str, str]:
    """The environment of stages: `hone` of this Python comes first, as in an activated environment."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])}


def _read_stamp(file: Path) -> str:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Stamps).digest
    except (OSError, msgspec.DecodeError):
        return ""


def _stamp(layout: Layout) -> str:
    """One digest over the stamps; different whenever a file was written, replaced, added or removed."""
    marks = [f"{path}\0{_mark(path)}" for path in sorted(_watched(layout))]
    return sha256_bytes("\n".join(marks).encode())


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def _watched(layout: Layout) -> Iterator[Path]:
    """The files that DVC's own answer depends on: pipeline, lock, recipe, and each stage's dependencies and outputs."""
    yield from (layout.root / "dvc.yaml", layout.root / "dvc.lock", layout.root / CHOICE, chosen_recipe(layout))
    stages = yaml.load((layout.root / "dvc.yaml").read_text(), Loader=yaml.CSafeLoader)["stages"]
    for stage in stages.values():
        for name in (*stage.get("deps", ()), *stage.get("outs", ()), *stage.get("metrics", ())):
            path = layout.root / name
            if path.is_dir():
                yield from (inner for inner in path.rglob("*") if inner.is_file() and "__pycache__" not in inner.parts)
            else:
                yield path
