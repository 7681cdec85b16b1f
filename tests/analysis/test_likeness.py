"""Digests of functions: the same for the same program, whatever its names and layout."""

import pytest

from analysis.likeness import function_digests, likenesses, shapes_of

CODE = """
def mean(numbers, start=0):
    total = start
    for number in numbers:
        total += abs(number) + 1
    return total / len(numbers) if numbers else -1
"""


def digest(code: str, *, literals: bool = True) -> str:
    found = likenesses(code, literals=literals)
    assert found is not None
    return found[0].digest


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("number", "x").replace("mean", "f"),
        CODE.replace("total", "dict"),  # a built-in's name, given another meaning
        CODE.replace("    total = start", '    """Says why."""\n    total = (start)  # so'),
        CODE.replace("total = start", "total: int = start").replace("start=0", "start: int = 0"),
    ],
)
def test_names_docstrings_annotations_and_layout_make_no_difference(other):
    assert other != CODE
    assert digest(other) == digest(CODE)


@pytest.mark.parametrize(("before", "after"), [("abs", "len"), ("+ 1", "- 1"), ("total /", "start /")])
def test_another_program_differs_with_or_without_its_literals(before, after):
    other = CODE.replace(before, after)
    assert digest(other) != digest(CODE)
    assert digest(other, literals=False) != digest(CODE, literals=False)


def test_other_numbers_and_strings_differ_unless_literals_count_for_nothing():
    other = CODE.replace("else -1", "else 2.5").replace("+ 1", "+ 77")
    assert digest(other) != digest(CODE)
    assert digest(other, literals=False) == digest(CODE, literals=False)
    assert digest(other.replace("2.5", "'text'"), literals=False) != digest(CODE, literals=False)
    assert digest(other.replace("2.5", "None"), literals=False) != digest(CODE, literals=False)


def test_a_likeness_says_where_its_function_stands():
    method = "\n".join(f"    {line}" for line in CODE.splitlines())
    (found,) = likenesses(f"class A:\n{method}\n") or ()
    assert (found.name, found.first_line, found.last_line) == ("mean", 3, 7)
    assert found.digest == digest(CODE) == digest(method)


def test_only_functions_of_a_wanted_shape_are_looked_at():
    assert likenesses(CODE, shapes_of("def f(a, b):\n    return a\n")) == []
    assert len(likenesses(CODE, shapes_of(CODE)) or ()) == 1
    assert [len(likenesses(CODE, ending={line}) or ()) for line in (5, 6)] == [0, 1]


def test_what_is_no_python_has_none():
    assert function_digests("def broken(") is None
    assert shapes_of("def broken(") == set()
