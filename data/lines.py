"""The files of a dataset, written as they come, line by line: what has been written is not held in memory."""

import hashlib
import os
from pathlib import Path
from types import TracebackType

import msgspec

from hone.records import Split

BUFFER_BYTES = 1 << 20


class Lines:
    """One file of JSON lines. On leaving it is flushed to the disk."""

    def __init__(self, path: Path) -> None:
        self._name = path.stem
        self._file = path.open("wb", buffering=BUFFER_BYTES)
        self._encoder = msgspec.json.Encoder()
        self._digest = hashlib.sha256()
        self._bytes = 0
        self.count = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def write(self, line: bytes | object) -> None:
        """A line that is encoded already, without its end; or what is to be."""
        content = (line if isinstance(line, bytes) else self._encoder.encode(line)) + b"\n"
        self._file.write(content)
        self._digest.update(content)
        self._bytes += len(content)
        self.count += 1

    def split(self) -> Split:
        """What the manifest says of it."""
        return Split(self._name, self.count, self._bytes, f"sha256:{self._digest.hexdigest()}")
