"""Loss curves as files that `dvc plots show` draws."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hone.files import write_atomic

COLUMNS = ("step", "loss", "grad_norm", "learning_rate")


def write_curve(path: Path, curve: Sequence[dict[str, float]]) -> None:
    """One CSV row a logged step."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(curve)
    write_atomic(path, text.getvalue().encode())
