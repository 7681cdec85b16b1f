"""What generations give away: repeated training data and secrets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.overlap import PLACES, Document, TokenIndex
from evaluation.findings import Leaks
from evaluation.leaks import VERBATIM_TOKENS, find_leaks, training_index
from evaluation.suites.records import Score


def look(scores: list[Score], training: list[Document] | None) -> Leaks:
    return find_leaks(scores, None if training is None else training_index(training))


def generated(text: str, id: str = "task") -> Score:
    return Score(id=id, sample=0, result="pass", detail="", generation=text)


def words(count: int, seed: int = 0) -> list[str]:
    return [f"w{random.Random(seed * 100_003 + n).randrange(10**9)}" for n in range(count)]


def test_fifty_tokens_of_training_data_are_a_leak_and_forty_nine_are_none():
    seen = words(200)
    training = [Document("other", " ".join(words(500, seed=1))), Document("seen", " ".join(seen))]
    told = look([generated(f"before {' '.join(seen[70:120])} after")], training)
    assert [(one.source, one.tokens, one.text) for one in told.repetitions] == [("seen", 50, " ".join(seen[70:120]))]
    assert look([generated(f"before {' '.join(seen[70:119])} after")], training).repetitions == ()


def test_a_leak_is_named_once_and_as_long_as_it_goes():
    seen = words(300)
    told = look([generated(" ".join(seen))], [Document("part", " ".join(seen[:60])), Document("all", " ".join(seen))])
    assert [(one.source, one.tokens) for one in told.repetitions] == [("all", 300)]


def test_the_index_gives_a_run_once_and_not_once_for_each_of_its_windows():
    seen = " ".join(words(300))
    assert [hit.tokens for hit in TokenIndex([Document("seen", seen)], 50).hits(f"x {seen} y")] == [300]


def test_two_leaks_in_one_generation_are_both_named():
    first, second = words(60, seed=1), words(70, seed=2)
    training = [Document("a", " ".join(first)), Document("b", " ".join(second))]
    told = look([generated(" ".join([*second, "own", *first]))], training)
    assert {(one.source, one.tokens) for one in told.repetitions} == {("a", 60), ("b", 70)}


def test_new_white_space_hides_no_leak_and_another_token_does_end_it():
    seen = words(60)
    training = [Document("seen", " ".join(seen))]
    assert len(look([generated("\n\t".join(seen))], training).repetitions) == 1
    assert look([generated(" ".join([*seen[:30], "other", *seen[31:]]))], training).repetitions == ()


def test_no_run_goes_across_two_training_examples():
    seen = words(60)
    halves = [Document("a", " ".join(seen[:30])), Document("b", " ".join(seen[30:]))]
    assert look([generated(" ".join(seen))], halves).repetitions == ()


def test_boilerplate_in_thousands_of_places_is_still_one_leak():
    training = [Document(str(n), " ".join(words(60))) for n in range(PLACES * 4)]
    assert len(look([generated(" ".join(words(60)))], training).repetitions) == 1


@given(st.lists(st.sampled_from("ab"), max_size=40), st.lists(st.sampled_from("ab"), max_size=40))
def test_the_index_finds_the_longest_common_run_whatever_the_hashes(left, right):
    def longest() -> int:
        runs = [
            size
            for size in range(5, len(right) + 1)
            for at in range(len(right) - size + 1)
            if any(left[place : place + size] == right[at : at + size] for place in range(len(left)))
        ]
        return max(runs, default=0)

    index = TokenIndex([Document("left", " ".join(left))], 5)
    hits = list(index.hits(" ".join(right)))
    # Only some places of a window are looked at: with that many repetitions a longer run can be missed.
    assert max((hit.tokens for hit in hits), default=0) <= longest()
    assert bool(hits) == bool(longest())
    if len(left) <= PLACES:
        assert max((hit.tokens for hit in hits), default=0) == longest()


# Made up for this test and put together here, so that nobody's scanner takes them for real ones.
AWS_KEY = "AKIA" + "Z7QWRTYUOSFODNN7"
GITHUB_TOKEN = "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f'key = "{AWS_KEY}"', "AWS Access Key"),
        (f"token = '{GITHUB_TOKEN}'", "GitHub Token"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
        ('password = "hunter2' + 'xyz!"', "Secret Keyword"),
    ],
)
def test_a_secret_is_reported_by_kind_and_line_and_never_by_itself(line, kind):
    told = look([generated(f"import os\n{line}\n")], [])
    assert (kind, 2) in {(one.kind, one.line) for one in told.secrets}
    assert AWS_KEY not in repr(told)
    assert GITHUB_TOKEN not in repr(told)


def test_a_comment_hides_no_secret():
    assert look([generated(f'key = "{AWS_KEY}"  # pragma: allowlist secret')], []).secrets != ()


@pytest.mark.parametrize(
    "line",
    [
        "def f(token=None):",
        'digest = "0123456789abcdef0123456789abcdef"',
        'password = os.environ["X"]',
        'host = "8.8.8.8"',
    ],
)
def test_ordinary_code_holds_no_secret(line):
    assert look([generated(line)], []).secrets == ()


def test_no_generation_and_no_training_data_leak_nothing():
    assert look([], []).generations == 0
    assert look([generated(""), generated("\x00\ud800" * VERBATIM_TOKENS)], []).repetitions == ()


def test_without_training_data_secrets_are_found_and_repetition_stays_unknown():
    told = look([generated(f'key = "{AWS_KEY}"')], None)
    assert (told.repetitions, told.repeating, told.telling) == (None, None, 1)


def test_generations_count_once_however_much_they_give_away():
    training = [Document(str(seed), " ".join(words(60, seed))) for seed in (1, 2)]
    both = " ".join([*words(60, 1), "own", *words(60, 2)])
    told = look([generated(both), generated(f'a = "{AWS_KEY}"\nb = "{AWS_KEY}"', id="other")], training)
    assert (told.generations, told.repeating, told.telling) == (2, 1, 1)


@pytest.mark.parametrize("at", [0, 340, 480, 700, 5000])
def test_a_secret_is_found_wherever_it_stands_in_a_long_line(at):
    line = f"{'x' * at} {GITHUB_TOKEN} {'y' * 5000}"
    assert [(one.kind, one.line) for one in look([generated(line)], None).secrets] == [("GitHub Token", 1)]


def test_a_model_that_repeats_one_word_for_ever_does_not_hold_up_the_search():
    assert look([generated("secret" * 30_000)], None).secrets == ()  # took hours as one line
