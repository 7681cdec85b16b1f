"""What runs on a node of a cluster: the ordinary sandbox of that node, used by several callers at a time.

Knows nothing of Ray: `cluster.py` makes an actor of it.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import hone.records
from evaluation.sandbox.interface import Candidate, Limits, Outcome, Sandbox
from evaluation.sandbox.probe import open_sandbox
from hone.errors import EvaluationError
from hone.files import sha256_bytes, sha256_file
from hone.records import Record


class Opened(Record, frozen=True):
    """What a node says once its sandbox was tried."""

    code: str  # the digest of the code that judges there
    isolation: str = ""
    problem: str = ""  # why there is no sandbox


class Ran(Record, frozen=True):
    """The outcomes of a chunk, in its order; where the sandbox failed, of those that came before, and why."""

    outcomes: list[Outcome]
    problem: str = ""


class Node:
    """One node's sandbox: never more candidates at a time than `slots`, whoever asks."""

    def __init__(self, limits: Limits, slots: int) -> None:
        self._limits = limits
        self._slots = slots
        self._free = threading.Semaphore(slots)
        self._sandbox: Sandbox | None = None
        self._closing = False

    def open(self) -> Opened:
        """Opens and proves the sandbox."""
        code = code_digest()
        try:
            with self._free:
                self._sandbox = open_sandbox(self._limits, self._slots)
        except EvaluationError as error:
            return Opened(code=code, problem=str(error))
        return Opened(code=code, isolation=self._sandbox.isolation)

    def run(self, candidates: Sequence[Candidate]) -> Ran:
        """One after the other, in one slot; none further once `close` was called."""
        assert self._sandbox
        outcomes: list[Outcome] = []
        try:
            with self._free:
                for candidate in candidates:
                    if self._closing:
                        return Ran(outcomes, "the sandbox was closed")
                    outcomes += self._sandbox.run([candidate], on_done=lambda _: None)
        except EvaluationError as error:
            return Ran(outcomes, str(error))
        return Ran(outcomes)

    def close(self) -> str:
        """Waits for the candidates that run now, ends everything that was started, and says what is left."""
        self._closing = True
        for _ in range(self._slots):
            self._free.acquire()
        try:
            if self._sandbox:
                self._sandbox.close()
        except EvaluationError as error:
            return str(error)
        return ""


def code_digest() -> str:
    """Of the code that judges: this folder and what it imports of Hone. Equal digests come to equal verdicts."""
    folders = (Path(__file__).parent, Path(hone.records.__file__).parent)
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return sha256_bytes("".join(f"{path.name}\0{sha256_file(path)}\n" for path in files).encode())
