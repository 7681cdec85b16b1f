"""Sides are decided by hash, and a corpus that grows moves nothing from test to train."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from data.duplicates import Duplicates, Member
from data.shingles import shingle_sets, sign
from data.split import is_heldout

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


def settled(corpus: list[Document]) -> dict[Document, str]:
    """The side of each document that is kept; the others are dropped."""
    held = [is_heldout(one.repository, FRACTION) for one in corpus]
    members = [
        Member(repr(one), heldout=side, documentation=one.documentation) for one, side in zip(corpus, held, strict=True)
    ]
    with Duplicates() as duplicates:
        duplicates.add(sign([one.text for one in corpus]), members)
        clusters = duplicates.clusters(lambda numbers: shingle_sets([corpus[number].text for number in numbers]))
    return {corpus[number]: "heldout" if held[number] else "train" for number in set(clusters.kept.tolist())}


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
        kept = [side for one, side in found.items() if one.family == family]
        held = any(is_heldout(one.repository, FRACTION) for one in corpus if one.family == family)
        assert kept == ["heldout" if held else "train"]


def test_the_best_documented_of_the_held_out_members_stays():
    held, trained = ([f"r{n}" for n in range(8) if is_heldout(f"r{n}", FRACTION) is side] for side in (True, False))
    best = Document(held[1], 0, 2, 0.5)
    assert settled([Document(held[0], 0, 0, 0), Document(trained[0], 0, 1, 0.9), best]) == {best: "heldout"}


def test_a_share_of_units_is_held_out_and_a_larger_share_holds_them_too():
    units = [f"unit{number}" for number in range(2000)]
    few, many = ({unit for unit in units if is_heldout(unit, share)} for share in (0.1, 0.2))
    assert few < many
    assert 150 < len(few) < 250
