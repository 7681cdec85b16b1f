"""Sides are decided by hash, and a corpus that grows moves nothing from test to train."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.duplicates import Duplicates, Member
from data.shingles import shingle_sets, sign
from data.split import Side, is_heldout, sides, split_by, unit_of
from hone.records import Origin

FRACTION = 0.4
TEXTS = [" ".join(f"w{family}_{word}" for word in range(40)) for family in range(4)]


class Document(NamedTuple):
    """One text of a family of near-duplicates, in a repository."""

    repository: str
    family: int
    version: int
    documentation: float

    @property
    def text(self) -> bytes:
        words = TEXTS[self.family].split()
        words[self.version] = "another"
        return " ".join(words).encode()


documents = st.lists(
    st.builds(
        Document,
        st.sampled_from([f"r{number}" for number in range(8)]),
        st.integers(0, 3),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.5, 0.9]),
    ),
    max_size=16,
    unique=True,
)


def settled(corpus: list[Document]) -> dict[Document, Side]:
    """Each document's side."""
    held = [is_heldout(one.repository, FRACTION) for one in corpus]
    members = [
        Member(repr(one), heldout=side, documentation=one.documentation) for one, side in zip(corpus, held, strict=True)
    ]
    with Duplicates() as duplicates:
        duplicates.add(sign([one.text for one in corpus]), members)
        clusters = duplicates.clusters(lambda numbers: shingle_sets([corpus[number].text for number in numbers]))
    return dict(zip(corpus, sides(held, clusters), strict=True))


@given(documents, documents)
@settings(max_examples=60, deadline=None)
def test_a_corpus_that_grows_moves_no_example_from_test_to_train(before, more):
    first = settled(before)
    then = settled([*more, *(one for one in before if one not in more)])
    held_out = {one.family for one, side in first.items() if side == "heldout"}
    trained_on = {one.family for one, side in then.items() if side == "train"}
    assert not held_out & trained_on


@given(documents)
@settings(max_examples=40, deadline=None)
def test_of_each_family_one_stays_and_a_held_out_one_if_there_is(corpus):
    found = settled(corpus)
    for family in {one.family for one in corpus}:
        kept = [side for one, side in found.items() if one.family == family and side in ("train", "heldout")]
        held = any(is_heldout(one.repository, FRACTION) for one in corpus if one.family == family)
        assert kept == ["heldout" if held else "train"]


def test_what_is_dropped_for_being_near_a_held_out_text_is_told_from_a_duplicate():
    held, trained = ([f"r{n}" for n in range(8) if is_heldout(f"r{n}", FRACTION) is side] for side in (True, False))
    found = settled([Document(held[0], 0, 0, 0), Document(trained[0], 0, 1, 0.9), Document(held[1], 0, 2, 0.9)])
    assert list(found.values()) == ["duplicate", "near held-out", "heldout"]


def test_a_share_of_units_is_held_out_and_a_larger_share_holds_them_too():
    units = [f"unit{number}" for number in range(2000)]
    few, many = ({unit for unit in units if is_heldout(unit, share)} for share in (0.1, 0.2))
    assert few < many
    assert 150 < len(few) < 250


@pytest.mark.parametrize(
    ("given_", "repositories", "by"),
    [(None, 1, "file"), (None, 2, "repository"), ("file", 3, "file"), ("repository", 1, "repository")],
)
def test_one_repository_is_split_by_file_unless_a_recipe_says_otherwise(given_, repositories, by):
    assert split_by(given_, repositories) == by


def test_a_unit_is_the_repository_or_the_path_in_it():
    origin = Origin("shop", path="a/b.py")
    assert (unit_of(origin, "repository"), unit_of(origin, "file")) == ("shop", "a/b.py")
