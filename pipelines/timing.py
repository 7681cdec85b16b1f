"""How long each stage took when it last ran, process start and imports included."""

import time
from pathlib import Path

import msgspec
import psutil

from hone.files import write_atomic
from hone.layout import Layout


def record_stage_seconds(layout: Layout, stage: str) -> None:
    """Called by a stage at its end: writes the seconds since its process began."""
    elapsed_s = time.time() - psutil.Process().create_time()
    write_atomic(_folder(layout) / f"{stage}.json", msgspec.json.encode(round(elapsed_s, 2)))


def stage_seconds(layout: Layout) -> dict[str, float]:
    """The seconds of every stage that has run here."""
    files = sorted(_folder(layout).glob("*.json"), key=lambda path: path.stat().st_mtime)
    return {file.stem: msgspec.json.decode(file.read_bytes(), type=float) for file in files}


def _folder(layout: Layout) -> Path:
    return layout.artifacts / "timings"
