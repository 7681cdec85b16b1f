"""Texts that go on from others, in tokenizers of both kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.continuing import Continuing
from tests.evaluation.conftest import byte_tokenizer
from tests.serving.tiny import spaced_tokenizer

BYTES, SPACED = byte_tokenizer(), spaced_tokenizer()


@pytest.mark.parametrize("tokenizer", [BYTES, SPACED], ids=["byte-level", "SentencePiece-like"])
@given(before=st.text("ab\n", min_size=1), after=st.text("ret \né", max_size=20))
def test_what_goes_on_from_a_text_is_encoded_and_decoded_as_its_rest(tokenizer, before, after):
    ids = Continuing(tokenizer).ids(after)
    whole = [*tokenizer(before, add_special_tokens=False)["input_ids"], *ids]
    assert tokenizer.decode(whole, clean_up_tokenization_spaces=False) == before + after
    assert Continuing(tokenizer).text(ids) == after


def test_special_tokens_are_no_text():
    continuing = Continuing(SPACED)
    assert continuing.text([SPACED.eos_token_id, *continuing.ids(" a"), SPACED.eos_token_id]) == " a"
