"""Pretraining on gaps: a share of the blocks, of the same length, with sentinels that the tokenizer keeps whole."""

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from hone.fill_formats import recognised
from training.config import PretrainConfig
from training.gap_blocks import FILL_FORMAT, with_gaps
from training.pretrain import pack
from training.tokenizer import train_tokenizer

PREFIX, SUFFIX, MIDDLE = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")


@pytest.fixture(scope="module")
def tokenizer(documents: list[str]) -> PreTrainedTokenizerFast:
    return train_tokenizer(documents, 400, 256, sentinels=FILL_FORMAT.sentinels)


@pytest.fixture
def blocks(
    tokenizer: PreTrainedTokenizerFast, documents: list[str], pretrain_config: Callable[..., PretrainConfig]
) -> torch.Tensor:
    return pack(tokenizer, documents, pretrain_config(tokens=256 * 40))


def test_the_tokenizer_shows_that_the_model_can_fill(tokenizer: PreTrainedTokenizerFast) -> None:
    assert recognised(tokenizer.get_vocab(), len(tokenizer)).name == "starcoder2"
    assert len(tokenizer) == 400


def test_a_tokenizer_without_gaps_has_no_sentinels(documents: list[str]) -> None:
    assert PREFIX not in train_tokenizer(documents, 400, 256).get_vocab()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_blocks_is_cut_and_the_others_stay(
    tokenizer: PreTrainedTokenizerFast,
    blocks: torch.Tensor,
    pretrain_config: Callable[..., PretrainConfig],
    share: float,
) -> None:
    made = with_gaps(tokenizer, blocks, pretrain_config(fill_share=share))
    assert made.shape == blocks.shape
    changed = (made != blocks).any(1)
    assert abs(changed.float().mean().item() - share) < 0.25
    has_sentinel = (made == tokenizer.convert_tokens_to_ids(MIDDLE)).any(1)
    assert torch.equal(changed, has_sentinel)


def test_a_cut_block_reads_as_prefix_middle_and_suffix_of_the_text(
    tokenizer: PreTrainedTokenizerFast, blocks: torch.Tensor, pretrain_config: Callable[..., PretrainConfig]
) -> None:
    made = with_gaps(tokenizer, blocks, pretrain_config(fill_share=1.0))
    orders = set()
    for before, after in zip(blocks, made, strict=True):
        text, cut = tokenizer.decode(before), tokenizer.decode(after)
        if PREFIX not in cut:
            continue
        _, _, inside = cut.partition(PREFIX)
        prefix, _, rest = inside.partition(SUFFIX)
        suffix, _, middle = rest.partition(MIDDLE)
        orders.add(bool(prefix))
        assert prefix + middle.partition("<|endoftext|>")[0] in text  # suffix first: the middle follows the prefix
        assert suffix in text
    assert orders == {True, False}


def test_the_same_seed_cuts_the_same(
    tokenizer: PreTrainedTokenizerFast, blocks: torch.Tensor, pretrain_config: Callable[..., PretrainConfig]
) -> None:
    config = pretrain_config(fill_share=0.5)
    assert torch.equal(with_gaps(tokenizer, blocks, config), with_gaps(tokenizer, blocks, config))
