"""Feeds `analysis.parse` mutated files of the standard library and asks for every view: none may raise or hang.

    python -m bench.code_fuzz 20000 --seed 1

Each case runs in a worker process under limits. A case that fails is printed with its number, from which it can be made
again, and the exit code is 1.
"""

import argparse
import random
import sys
import time
from collections import Counter
from functools import cache

from analysis import LANGUAGES, parse
from analysis.workers import map_files
from bench.measuring import library
from hone.errors import AnalysisError

MAX_BYTES = 40_000  # of a file that is mutated: each case should take milliseconds
TIME_S, MEMORY_BYTES = 20.0, 500_000_000
MOST_SHOWN = 20
EVERY = 1_000  # cases between two lines of progress
VIEWS = ("syntax", "errors", "symbols", "occurrences", "flows", "dataflows", "calls", "types")
TYPES_EVERY = 4  # types take the longest: only of every fourth case
TOKENS = (
    b"def ", b"class ", b"(", b")", b"[", b"]", b"{", b"}", b":", b"'", b'"""', b"\\\n", b"\n", b"\t", b"    ",
    b"#", b"*", b"lambda ", b"match x:\n", b"case [a, *b]:\n", b"async ", b"await ", b"yield ", b"global x\n",
    b"nonlocal x\n", b":=", b"except* E:\n", b"finally:\n", b"with a as b, c:\n", b"import a.b as c\n",
    b"from . import *\n", b"type X[T] = T\n", b"f'{x!r:{y}}'", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\x0c",
    b"return", b"del x, y\n", b"@", b"->", b"...",
)  # fmt: skip


@cache
def files() -> tuple[bytes, ...]:
    """What is mutated, in a fixed order."""
    return tuple(path.read_bytes() for path in library() if 0 < path.stat().st_size <= MAX_BYTES)


def mutated(seed: int, number: int) -> bytes:
    """Case `number` of a seed: bytes changed, parts cut, moved and doubled, tokens put in, two files mixed."""
    chance = random.Random(f"{seed}/{number}")
    source = bytearray(chance.choice(files()))
    for _ in range(chance.choice((1, 1, 2, 5, 20, 60))):
        at = chance.randrange(len(source) + 1)
        length = chance.choice((0, 1, 3, 30, 400))
        match chance.randrange(7):
            case 0:
                source[at : at + length] = b""
            case 1:
                source[at:at] = chance.choice(TOKENS)
            case 2:
                source[at : at + length] = chance.randbytes(chance.randint(0, 6))
            case 3:
                source[at:at] = source[at : at + length]
            case 4:
                other = chance.choice(files())
                begin = chance.randrange(len(other))
                source[at:at] = other[begin : begin + length]
            case 5:
                source[at:at] = chance.choice(TOKENS) * chance.choice((2, 50))
            case 6:
                del source[at + 4 * length :]
    return bytes(source[: 2 * MAX_BYTES])


def attempt(case: tuple[int, int]) -> str:
    """Asks for every view of a case, and edits it. What must not happen is raised."""
    seed, number = case
    source = mutated(seed, number)
    module = parse(source, "python")
    for view in VIEWS:
        if view != "types" or number % TYPES_EVERY == 0:
            getattr(module, view)
    for flow in module.dataflows:
        for _ in flow.chains():
            pass
        _ = flow.unused, flow.unbound
    for function in module.syntax.functions[:3]:
        module.cfg(function)
    middle = len(source) // 2
    _ = module.edit(middle, min(len(source), middle + 7), b"x(").errors
    return "broken" if module.errors else "whole"


def other_languages(case: tuple[int, int]) -> str:
    """The same bytes as if they were in another language: each of those with scopes, and one more, in turn."""
    seed, number = case
    names = sorted(LANGUAGES)
    module = parse(mutated(seed, number), names[number % len(names)])
    for view in VIEWS[:-1]:
        try:
            getattr(module, view)
        except AnalysisError:  # this language does not have it
            continue
    return module.language


def main() -> int:
    """Runs the cases, and tells what failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--other-languages", action="store_true", help="read the cases as other languages than Python")
    given = parser.parse_args()
    function = other_languages if given.other_languages else attempt
    cases = [(given.seed, given.first + number) for number in range(given.cases)]
    begun = time.monotonic()
    failed: list[tuple[int, str]] = []
    told: Counter[str] = Counter()
    outcomes = map_files(function, cases, workers=2, time_s=TIME_S, memory_bytes=MEMORY_BYTES)
    for done, outcome in enumerate(outcomes, start=1):
        if outcome.value is None:
            failed.append((outcome.item[1], outcome.reason))
            if len(failed) <= MOST_SHOWN:
                print(f"case {outcome.item[1]}: {outcome.reason}", flush=True)
        else:
            told[outcome.value] += 1
        if done % EVERY == 0:
            print(f"{done:,} cases, {len(failed)} failed, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{len(cases):,} cases: {len(failed)} failed; {dict(told)}")
    return 1 if failed else 0


if __name__ == "__main__":
    from bench.code_fuzz import main as imported  # workers must be able to import what they run

    sys.exit(imported())
