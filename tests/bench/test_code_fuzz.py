"""Mutated files of the standard library, and every view of them: a few of the cases of `python -m bench.code_fuzz`."""

import pytest

from bench.code_fuzz import attempt, mutated, other_languages

SEED = 7  # another than the bench's


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_no_view_of_a_mutated_file_raises(first):
    told = {attempt((SEED, number)) for number in range(first, first + 50)}
    assert told == {"broken", "whole"}


def test_no_view_of_it_as_another_language_raises():
    assert len({other_languages((SEED, number)) for number in range(90)}) >= 10


def test_a_case_is_the_same_whenever_it_is_made():
    assert mutated(SEED, 3) == mutated(SEED, 3) != mutated(SEED, 4)
