"""A gap is trained on as models are asked to fill one: sentinels as tokens, the middle and its end learnt."""

from collections.abc import Callable

import pytest
from transformers import PreTrainedTokenizerBase

from evaluation.suites.local import LocalModel
from evaluation.suites.targets import Ask
from hone.errors import TrainingError
from hone.fill_formats import FORMATS, FillFormat
from hone.records import Example, Origin
from tests.serving.tiny import spaced_tokenizer
from tests.training.tokenizers_of import qwen, starcoder, tokenizer_with
from training.encoding import encode, shown

PREFIX, MIDDLE, SUFFIX = "def f(naïve):\r\n    x = ", "naïve + 1 # 日本", "\r\n    return x\n"


def gap(*, suffix_first: bool = False) -> Example:
    return Example("one", PREFIX, MIDDLE, "", Origin("test"), task="fill", suffix=SUFFIX, suffix_first=suffix_first)


@pytest.mark.parametrize(
    ("suffix_first", "given"),
    [
        (False, f"<fim_prefix>{PREFIX}<fim_suffix>{SUFFIX}<fim_middle>"),
        (True, f"<fim_prefix><fim_suffix>{SUFFIX}<fim_middle>{PREFIX}"),
    ],
)
def test_the_middle_and_its_end_are_trained_on_and_nothing_else(suffix_first: bool, given: str) -> None:
    tokenizer = starcoder()
    pieces = shown(tokenizer, encode(tokenizer, gap(suffix_first=suffix_first)))
    assert pieces == [(given, False), (f"{MIDDLE}<|endoftext|>", True)]


def test_a_middle_ends_as_its_family_ends_it_and_not_as_a_turn_does() -> None:
    tokenizer = qwen()
    assert tokenizer.eos_token == "<|im_end|>"
    *_, (text, trained) = shown(tokenizer, encode(tokenizer, gap()))
    assert (text, trained) == (f"{MIDDLE}<|endoftext|>", True)


def codellama() -> PreTrainedTokenizerBase:
    tokenizer = spaced_tokenizer()
    tokenizer.add_tokens([*FORMATS["codellama"].sentinels, *FORMATS["codellama"].ends], special_tokens=True)
    return tokenizer


@pytest.mark.parametrize(
    ("name", "make", "suffix_first"),
    [
        ("starcoder2", starcoder, False),
        ("starcoder2", starcoder, True),
        ("qwen2.5-coder", qwen, False),
        ("codellama", codellama, False),
        ("codellama", codellama, True),
    ],
)
def test_the_given_ids_are_those_that_a_model_is_asked_with(
    name: str, make: Callable[[], PreTrainedTokenizerBase], suffix_first: bool
) -> None:
    tokenizer = make()
    encoded = encode(tokenizer, gap(suffix_first=suffix_first))
    fill = FORMATS[name]
    if suffix_first:
        fill = FillFormat(fill.name, fill.suffix_first, fill.ends)

    class Models:
        def __init__(self) -> None:
            self.tokenizer = tokenizer

    local = LocalModel(Models(), tuned=False, decoding=None, batch_size=1, fill=fill)  # type: ignore[arg-type]
    assert list(encoded.ids[: encoded.trained[0][0]]) == local._ids(Ask("one", 0, prompt=PREFIX, suffix=SUFFIX))


def test_a_tokenizer_without_sentinels_is_told_what_to_do() -> None:
    with pytest.raises(TrainingError, match="no sentinels for gaps; take `fill` out of the source's `tasks`"):
        encode(tokenizer_with("<|endoftext|>"), gap())


def test_an_order_that_the_family_never_saw_is_refused() -> None:
    with pytest.raises(
        TrainingError, match=r"`qwen2\.5-coder` never had the suffix first; set `suffix_first_share: 0`"
    ):
        encode(qwen(), gap(suffix_first=True))
