"""Runs static checkers on texts: ruff for errors, ty for types. Both only read; nothing is imported or run.

One process for hundreds of texts, as files of a temporary folder of their own, without any configuration but ours. A
text that a checker crashes on or hangs at is found by taking the batch apart, and costs the others nothing.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evaluation.sandbox.verdict import one_line
from hone.records import Json, Record

# Of ruff's rules those that find errors; what is merely untidy is left out: unused names, style of getattr and except.
ERRORS = ("E9", "F", "B0", "PLE")
UNTIDY = (
    "F401", "F403", "F405", "F541", "F841", "F842",
    "B007", "B008", "B009", "B010", "B011", "B013", "B019", "B024", "B027", "B028", "B033",
)  # fmt: skip
MAJOR, MINOR = sys.version_info[:2]  # of the Python that runs candidates

BATCH = 500  # texts in one process
PARTS = 8  # that a batch is taken apart into where it fails
# Of processor time, for a batch, each of its texts, and each character: ty takes some 0.03 s, 1 ms and 1 µs for them.
BATCH_S, TEXT_S, CHARACTER_S = 5.0, 0.02, 2e-5
SLOWER = 4  # times as long on the clock: the machine may have other things to do
TOTAL_S = 60.0  # more, on the clock, for all batches together; what is left then stays unchecked
MEMORY_KB = 6 << 20  # of address space: types can grow exponentially
OUTPUT_BLOCKS = 1 << 17  # of 512 bytes; a message can be as long as a type
THREADS = 8


class Checked(Record, frozen=True):
    """What a checker said."""

    checker: str  # name and version; the name alone where it did not run
    rules: tuple[dict[str, int] | None, ...]  # of each text: broken rule → how often; None: crashed on, or no time
    problem: str = ""  # why it did not run; then there are no rules


@dataclass(frozen=True)
class Checker:
    """A program, and how what it prints is read."""

    name: str
    arguments: tuple[str, ...]
    read: Callable[[bytes], list[tuple[str, str]]]  # output → file and rule of each finding; raises `ValueError`


def linter() -> Checker:
    """ruff, for errors."""
    alone = ("--isolated", "--no-cache", "--no-respect-gitignore", "--target-version", f"py{MAJOR}{MINOR}")
    chosen = ("--select", ",".join(ERRORS), "--ignore", ",".join(UNTIDY))
    return Checker("ruff", ("check", *alone, *chosen, "--exit-zero", "--output-format", "json", "."), _read_ruff)


def type_checker(environment: Path | None = None) -> Checker:
    """ty. `environment`: a virtual environment whose packages imports are looked up in; None: the standard library."""
    alone = ("--project", ".", "--no-respect-ignore-files", "--python-version", f"{MAJOR}.{MINOR}")
    packages = ("--python", str(environment)) if environment else ()
    shown = ("--exit-zero", "--no-progress", "--output-format", "gitlab", ".")
    return Checker("ty", ("check", *alone, *packages, *shown), _read_ty)


def check(checker: Checker, texts: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> Checked:
    """The rules that each text breaks. Raises nothing: what cannot be checked says so."""
    program = _program(checker.name)
    if program is None:
        return Checked(checker.name, (), f"{checker.name} is not installed; `pip install {checker.name}` adds it")
    try:
        with tempfile.TemporaryDirectory(prefix="hone-checks-") as folder:
            run = _Run(checker, program, Path(folder), clock() + TOTAL_S + SLOWER * _seconds(texts), clock)
            if problem := run.problem():
                return Checked(checker.name, (), f"{checker.name} does not run here: {problem}")
            batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
            rules = tuple(found for batch in batches for found in run.rules(batch))
            return Checked(f"{checker.name} {run.version()}", rules)
    except OSError as error:
        return Checked(checker.name, (), f"{checker.name} cannot be given files in `{tempfile.gettempdir()}`: {error}")


def _program(name: str) -> str | None:
    """Beside this Python, or else on the path."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


class _Run:
    """One checker at work in a folder."""

    def __init__(
        self, checker: Checker, program: str, folder: Path, deadline: float, clock: Callable[[], float]
    ) -> None:
        self._checker = checker
        self._program = program
        self._folder = folder
        self._deadline = deadline
        self._clock = clock
        self._runs = 0
        (folder / "home").mkdir()

    def version(self) -> str:
        """As the program tells it."""
        told = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=False)
        return told.stdout.strip().rpartition(" ")[2]

    def problem(self) -> str:
        """Why it does not even check an empty text; empty where it does."""
        said, error = self._said([""])
        return "" if said is not None else error

    def rules(self, texts: Sequence[str]) -> list[dict[str, int] | None]:
        """Of each text; where a batch fails, of its parts."""
        if self._clock() >= self._deadline:
            return [None] * len(texts)
        said, _ = self._said(texts)
        if said is not None:
            return [dict(rules) for rules in said]
        if len(texts) == 1:
            return [None]
        size = -(-len(texts) // PARTS)
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        return [rules for part in parts for rules in self.rules(part)]

    def _said(self, texts: Sequence[str]) -> tuple[list[Counter[str]] | None, str]:
        """Rules by text, or None with the reason."""
        self._runs += 1
        place = self._folder / f"run{self._runs}"
        place.mkdir()
        (place / "ty.toml").touch()  # so that none further up is found
        for number, text in enumerate(texts):
            (place / _file(number)).write_bytes(text.encode("utf-8", "replace"))
        output = self._folder / f"said{self._runs}"
        try:
            error = self._start(place, output, _seconds(texts))
            if error:
                return None, error
            found = {_file(number): Counter[str]() for number in range(len(texts))}
            for file, rule in self._checker.read(output.read_bytes()):
                found[Path(file).name][rule] += 1
        except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
            return None, f"it said something else than findings: {error}"
        finally:
            shutil.rmtree(place)
        return list(found.values()), ""

    def _start(self, place: Path, output: Path, seconds: float) -> str:
        """Runs the program for so many seconds at most; what went wrong, or nothing."""
        limits = f"ulimit -v {MEMORY_KB}; ulimit -t {round(seconds)}; ulimit -f {OUTPUT_BLOCKS}; ulimit -c 0"
        command = ["/bin/sh", "-c", f'{limits}; exec "$@"', "sh", self._program, *self._checker.arguments]
        home = str(self._folder / "home")  # no configuration of the user's
        threads = str(min(THREADS, os.cpu_count() or 1))
        environment = {"HOME": home, "XDG_CONFIG_HOME": home, "RAYON_NUM_THREADS": threads}
        try:
            with output.open("wb") as said:
                ended = subprocess.run(
                    command,
                    cwd=place,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.PIPE,
                    timeout=min(SLOWER * seconds, max(1.0, self._deadline - self._clock())),
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            return f"it takes more than {error.timeout:.0f} s"
        except OSError as error:
            return str(error)
        if ended.returncode:
            return one_line(ended.stderr.decode(errors="replace")) or f"exit status {ended.returncode}"
        return ""


def _seconds(texts: Sequence[str]) -> float:
    """Of processor time that these may take."""
    return BATCH_S + sum(TEXT_S + CHARACTER_S * len(text) for text in texts)


def _file(number: int) -> str:
    """No name that a program would import."""
    return f"hone_checked_{number:06d}.py"


def _read_ruff(output: bytes) -> list[tuple[str, str]]:
    return [(one["filename"], one["code"] or "invalid-syntax") for one in _objects(output)]


def _read_ty(output: bytes) -> list[tuple[str, str]]:
    """Errors alone: warnings and what was asked for by `reveal_type` are no errors."""
    wrong = [one for one in _objects(output) if one["severity"] not in {"info", "minor"}]
    return [(one["location"]["path"], one["check_name"]) for one in wrong]


def _objects(output: bytes) -> list[dict[str, Json]]:
    return msgspec.json.decode(output or b"[]", type=list[dict[str, Json]])
