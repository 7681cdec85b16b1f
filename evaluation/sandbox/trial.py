"""Tries every known attack and forgery on a sandbox, on this machine, and says which it contained."""

import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evaluation.sandbox.attacks import ATTACKS, FORGERIES, attack_source
from evaluation.sandbox.interface import Candidate, Check, Limits, Outcome, Sandbox
from hone.errors import EvaluationError
from hone.records import Record, TestCase

TRIAL_LIMITS = Limits(timeout_s=2.0, memory_mb=128)  # several attacks use up all their time
FORGED = Check(setup="", assertions="assert solve(20, 22) == 42\n")
HONEST = Candidate(id="honest", source="def solve(a, b): return a + b\n", entry_point="solve", check=FORGED)


class Trial(Record, frozen=True):
    """What came of one attack."""

    name: str
    contained: bool
    outcome: str  # of the sandbox: pass is an attack that ran to its end and got nothing
    detail: str


@dataclass(frozen=True)
class Witnesses:
    """What stands outside, to be found unharmed afterwards."""

    listener: socket.socket
    secret: Path
    bystander: subprocess.Popen[bytes]

    def harmed(self) -> str:
        """What was reached, or nothing."""
        if self.bystander.poll() is not None:
            return "a process outside was killed"
        self.listener.settimeout(0)
        try:
            self.listener.accept()
        except BlockingIOError:
            return ""
        return "a listener outside was reached"


def try_all(sandbox: Sandbox, *, progress: Callable[[int, int], None]) -> list[Trial]:
    """Runs them all, several at a time, and looks at the witnesses after each.

    Raises `EvaluationError` where not even a right answer passes: it would then mean nothing that no forgery does.
    """
    honest = sandbox.run([HONEST], on_done=lambda _: None)[0]
    if honest.status != "pass":
        raise EvaluationError(
            f"`{sandbox.isolation}` does not let a right answer pass: {honest.status}, {honest.detail}"
        )
    with _witnesses() as witnesses:
        candidates = [*_attacks(witnesses), *_forgeries()]
        done = 0
        harmed: dict[str, str] = {}

        def look(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            if what := witnesses.harmed():
                harmed.setdefault(outcome.id, what)
            progress(done, len(candidates))

        outcomes = sandbox.run(candidates, on_done=look)
    return [_judged(outcome, harmed.get(outcome.id, "")) for outcome in outcomes]


def _judged(outcome: Outcome, harmed: str) -> Trial:
    forgery = outcome.id.startswith("forgery: ")
    contained = not harmed and outcome.status != ("pass" if forgery else "fail")
    return Trial(outcome.id, contained, outcome.status, harmed or outcome.detail)


def _attacks(witnesses: Witnesses) -> Iterator[Candidate]:
    arguments = (witnesses.listener.getsockname()[1], str(witnesses.secret), witnesses.bystander.pid)
    tests = (TestCase(arguments=arguments, expected=[]),)
    for name in ATTACKS:
        yield Candidate(id=name, source=attack_source(name), entry_point="attack", tests=tests)


def _forgeries() -> Iterator[Candidate]:
    for name, source in FORGERIES.items():
        yield Candidate(
            id=f"forgery: {name}", source=source.replace("NAME", "solve"), entry_point="solve", check=FORGED
        )


@contextmanager
def _witnesses() -> Iterator[Witnesses]:
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            secret.write_text(secrets.token_hex(16))
            os.chmod(folder, 0o755)  # noqa: PTH101, S103 - hidden by the sandbox, not by its rights
            yield Witnesses(listener, secret, bystander)
    finally:
        bystander.kill()
        bystander.wait()
