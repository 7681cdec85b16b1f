"""Blocks of pretraining text → blocks of which a share are a text with a gap and what stands in it.

Cut in the packed block, as Bavarian et al. 2022 (section 4.4) found best, and at characters, so that a model also fills
a gap that begins within a token. Lengths stay: the suffix gives way to the sentinels.
"""

import random
from itertools import pairwise

import torch
from transformers import PreTrainedTokenizerFast

from hone.fill_formats import FORMATS, is_text
from training.config import PretrainConfig

FILL_FORMAT = FORMATS["starcoder2"]  # what the embedded base model is taught


def with_gaps(tokenizer: PreTrainedTokenizerFast, blocks: torch.Tensor, config: PretrainConfig) -> torch.Tensor:
    """The blocks, (blocks, context), with `fill_share` of them cut, half of these SPM; the same for the same seed."""
    made = blocks.clone()
    for row in range(len(blocks)):
        rng = random.Random(f"{config.seed}/{row}")  # noqa: S311 - places, not secrets
        if rng.random() < config.fill_share:
            made[row] = torch.tensor(_cut(tokenizer, blocks[row].tolist(), rng))
    return made


def _cut(tokenizer: PreTrainedTokenizerFast, ids: list[int], rng: random.Random) -> list[int]:
    """A block of the same length; unchanged where there is no room for a gap in its longest document."""
    start, end = _longest_document(ids, tokenizer.eos_token_id)
    text = tokenizer.decode(ids[start:end], skip_special_tokens=False)
    first, last = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    prefix, middle, suffix = (_ids(tokenizer, part) for part in (text[:first], text[first:last], text[last:]))
    suffix_first = rng.random() < 0.5
    closed = [*middle, tokenizer.convert_tokens_to_ids(FILL_FORMAT.ends[0])]
    sentinels = len(FILL_FORMAT.sentinels)
    room = end - start - sentinels - len(closed) - len(prefix) + (end < len(ids))
    texts = {"{prefix}": prefix, "{suffix}": suffix[: max(0, room)]}
    parts: list[int] = []
    for part in FILL_FORMAT.suffix_first if suffix_first else FILL_FORMAT.parts:
        parts += texts[part] if is_text(part) else [tokenizer.convert_tokens_to_ids(part)]
    rest = ids[end + 1 :]
    whole = [*ids[:start], *parts, *closed, *rest]
    return whole if room >= 0 and len(whole) == len(ids) else ids


def _longest_document(ids: list[int], eos: int) -> tuple[int, int]:
    """Where the longest stretch without an end of text lies."""
    edges = [-1, *(at for at, one in enumerate(ids) if one == eos), len(ids)]
    start, end = max(pairwise(edges), key=lambda pair: pair[1] - pair[0])
    return start + 1, end


def _ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)
