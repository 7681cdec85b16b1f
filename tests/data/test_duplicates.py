"""Clusters of near-duplicates: true pairs found, others not, the best member kept, whatever the order."""

import random
from collections.abc import Sequence
from itertools import combinations

import pytest

from data.duplicates import NEIGHBOURS, SIMILAR, Clusters, Duplicates, Member
from data.shingles import jaccard, shingle_sets, sign

FUNCTION = '''def total(numbers, start=0):
    """Add the numbers up, from a start on."""
    result = start
    for number in numbers:
        if number is not None:
            result += number
    return result
'''


def found(texts: Sequence[str], members: Sequence[Member] = (), batch: int = 1000) -> Clusters:
    """The clusters of some texts, added so many at once."""
    contents = [text.encode() for text in texts]
    members = members or [Member(str(number)) for number in range(len(texts))]
    with Duplicates() as duplicates:
        for first in range(0, len(contents), batch):
            duplicates.add(sign(contents[first : first + batch]), members[first : first + batch])
        return duplicates.clusters(lambda numbers: shingle_sets([contents[number] for number in numbers]))


def edited(count: int, seed: int = 1) -> list[str]:
    """Random programs, each with copies of which more and more words are others."""
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        words = [f"w{rng.randrange(500)}" for _ in range(rng.randrange(40, 200))]
        texts.append(" ".join(words))
        for share in (0.01, 0.02, 0.03, 0.05, 0.1):
            texts.append(" ".join(f"w{rng.randrange(500)}" if rng.random() < share else word for word in words))
    return texts


def test_equal_texts_are_one_and_counted_as_exact():
    told = found([FUNCTION, "x = 1", FUNCTION])
    assert (told.exact, told.near, told.sizes) == (1, 0, (2,))
    assert told.kept[0] == told.kept[2] != told.kept[1] == 1


def test_a_copy_with_another_layout_and_a_changed_word_is_near():
    copy = FUNCTION.replace("    ", "\t").replace("an start", "a start").replace("Add the", "Sum the")
    told = found([FUNCTION, copy, "def f(x):\n    return x.total\n"])
    assert (told.exact, told.near, told.sizes) == (0, 1, (2,))
    assert told.kept[2] == 2


def test_another_program_of_the_same_words_is_not():
    assert found([FUNCTION, "\n".join(reversed(FUNCTION.splitlines()))]).near == 0


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Member("a", documentation=0.3, size=10), Member("b", documentation=0.2, size=90)),
        (Member("a", documentation=0.3, size=90), Member("b", documentation=0.3, size=10)),
        (Member("a", heldout=True), Member("b", documentation=0.9, size=90)),
    ],
)
def test_kept_is_the_held_out_then_the_documented_then_the_longer_one(better, worse):
    assert found([FUNCTION, FUNCTION], [worse, better]).kept.tolist() == [1, 1]
    assert found([FUNCTION, FUNCTION + "# more"], [better, worse]).kept.tolist() == [0, 0]


def test_neither_order_nor_batches_change_what_is_kept():
    texts = edited(12)
    once = found(texts)
    order = random.Random(3).sample(range(len(texts)), len(texts))
    again = found([texts[number] for number in order], [Member(str(number)) for number in order], batch=7)
    kept = {number: order[best] for number, best in zip(order, again.kept.tolist(), strict=True)}
    assert [kept[number] for number in range(len(texts))] == once.kept.tolist()


def test_true_pairs_are_found_and_no_others():
    texts = edited(60)
    sets = shingle_sets([text.encode() for text in texts])
    true = {pair for pair in combinations(range(len(texts)), 2) if jaccard(sets[pair[0]], sets[pair[1]]) >= SIMILAR}
    told = found(texts)
    joined = {pair for pair in combinations(range(len(texts)), 2) if told.kept[pair[0]] == told.kept[pair[1]]}
    assert len(true) > 100
    assert len(true & joined) >= 0.98 * len(true)
    reached = {number for pair in true for number in pair}
    assert all(left in reached and right in reached for left, right in joined)


def test_clones_cost_about_one_comparison_each():
    clones = [f"{FUNCTION}# copy {number}" for number in range(10 * NEIGHBOURS)]
    told = found(clones)
    assert told.near == len(clones) - 1
    assert told.compared < 2 * len(clones)


def test_texts_without_tokens_are_no_near_duplicates():
    assert found(["", " ", "\n\n", ""]).sizes == (2,)
    assert found([]).sizes == ()


def test_only_texts_that_could_be_alike_are_read_again_each_once_and_in_order():
    texts = [*edited(200), "x = 1\n", *edited(200)[::7]]
    contents = [text.encode() for text in texts]
    asked: list[int] = []

    def ask(numbers: Sequence[int]) -> list:
        asked.extend(numbers)
        return shingle_sets([contents[number] for number in numbers])

    with Duplicates() as duplicates:
        duplicates.add(sign(contents), [Member(str(number)) for number in range(len(texts))])
        told = duplicates.clusters(ask)
    assert told.near > 100
    assert asked == sorted(set(asked))
    assert len(asked) < len(texts)


def test_sets_that_are_too_many_for_memory_give_the_same_clusters(monkeypatch):
    texts = edited(60)
    held = found(texts)
    monkeypatch.setattr("data.duplicates.HELD_BYTES", 0)
    read = found(texts)
    assert held.near > 30
    assert (read.kept.tolist(), read.compared) == (held.kept.tolist(), held.compared)
