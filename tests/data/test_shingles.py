"""Shingles and their hashes: the same sets that a regular expression and tuples give."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.shingles import PIECE_TEXTS, TOKENS, Hashes, jaccard, shingle, shingle_sets, sign

TOKEN = re.compile(rb"[A-Za-z0-9_\x80-\xff]+|[^\sA-Za-z0-9_\x80-\xff\0]")
code = st.text(st.sampled_from("ab_1 .(\n\té=\0"), max_size=60).map(str.encode)


def shingle_set(text: bytes) -> Hashes:
    return shingle_sets([text])[0]


def plain(text: bytes) -> set[tuple[bytes, ...]]:
    """The shingles, each as its tokens."""
    tokens = TOKEN.findall(text)
    return {tuple(tokens[at : at + TOKENS]) for at in range(max(1, len(tokens) - TOKENS + 1))} if tokens else set()


@given(st.lists(code, max_size=6))
@settings(max_examples=60)
def test_texts_at_once_have_the_shingles_that_each_has_alone(texts):
    for text, together in zip(texts, shingle(texts).sets(), strict=True):
        assert len(together) == len(plain(text))
        assert np.array_equal(together, shingle_set(text))


@given(code, code)
@settings(max_examples=60)
def test_the_similarity_is_that_of_the_sets_of_tokens(left, right):
    ours, theirs = plain(left), plain(right)
    expected = len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0
    assert jaccard(shingle_set(left), shingle_set(right)) == expected


def test_layout_counts_for_nothing_and_a_name_does():
    assert np.array_equal(shingle_set(b"f(a, b)  +\n\t1"), shingle_set(b"f ( a,b ) + 1"))
    assert not np.array_equal(shingle_set(b"f(a, b) + 1"), shingle_set(b"f(a, c) + 1"))


def test_a_text_has_the_same_signature_in_any_company():
    texts = [f"def f{number}(x): return x + {number} * y".encode() for number in range(2 * PIECE_TEXTS + 3)]
    together, reversed_ = sign(texts), sign(texts[::-1])
    size = len(together.bands) // len(texts)
    assert len(together) == len(texts)
    assert together.bands[:size] == reversed_.bands[-size:] == sign(texts[:1]).bands


def test_no_texts_have_no_signatures():
    assert len(sign([])) == 0
    assert sign([]).bands == b""


def test_one_long_line_is_a_text_like_any_other():
    line = b"x1 = " + b"1 + " * 100_000 + b"2"
    assert len(shingle_set(line)) == len(plain(line))
