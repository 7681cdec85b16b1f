"""Python's data flow against programs that run: each value that a name was seen to carry from one place to another."""

from collections.abc import Iterator

import pytest

from analysis import Module
from tests.analysis.programs import BRANCHING, STRAIGHT
from tests.analysis.random_programs import Writer
from tests.analysis.tracing import FILE, traced

RANDOM_PROGRAMS = 120  # of which a few do not compile


def chains(module: Module) -> set[tuple[int, int]]:
    """All chains of all functions."""
    return {(definition.start, use.start) for flow in module.dataflows for definition, use in flow.chains()}


def shown(module: Module, pairs: set[tuple[int, int]]) -> Iterator[str]:
    """Chains as a person reads them."""
    for pair in sorted(pairs):
        lines = [module.source.count(b"\n", 0, place) + 1 for place in pair]
        name = module.source[pair[1] :].split(b" ")[0][:10].decode()
        yield f"{name!r} from line {lines[0]} in line {lines[1]} ({pair})"


@pytest.mark.parametrize("source", STRAIGHT)
def test_without_branches_the_chains_are_what_happens(source: str) -> None:
    module, tracer = traced(source)
    assert sorted(shown(module, chains(module))) == sorted(shown(module, tracer.pairs))
    assert tracer.pairs


def check(source: str) -> int:
    """Runs a program. All that was seen must be among what was found; gives the number of chains seen."""
    module, tracer = traced(source)
    assert list(shown(module, tracer.pairs - chains(module))) == [], source
    if "suppress(" not in source:  # what swallows exceptions is not thought to where unbound names are looked for
        unbound = {use.start for flow in module.dataflows for use in flow.unbound}
        assert list(shown(module, {(place, place) for place in tracer.unbound - unbound})) == [], source
    return len(tracer.pairs)


@pytest.mark.parametrize("name", BRANCHING)
def test_what_happens_is_among_the_chains(name: str) -> None:
    assert check(BRANCHING[name]) > 0


def test_what_happens_in_programs_written_at_random_is_among_the_chains(record_property):
    seen = ran = 0
    for seed in range(RANDOM_PROGRAMS):
        source = Writer(seed).program()
        try:
            compile(source, FILE, "exec")
        except SyntaxError:  # chance wrote what the grammar cannot forbid
            continue
        seen, ran = seen + check(source), ran + 1
    record_property("programs", ran)
    record_property("chains seen, and found", seen)
    assert seen > 10 * RANDOM_PROGRAMS
