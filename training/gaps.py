"""Gaps → token ids, in the format that the base model was trained to fill them in (`hone.fill_formats`).

Sentinels are put in as tokens, and the texts between them are tokenised apart, exactly as a model is asked. What is
trained on is the middle and the token that ends it.
"""

from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from hone.errors import ConfigError, TrainingError
from hone.fill_formats import FillFormat, filled, is_text, recognised
from hone.records import Example
from training.continuing import continued_ids
from training.spans import Encoded


@lru_cache(maxsize=4)  # a large vocabulary takes a while to be read
def format_of(tokenizer: PreTrainedTokenizerBase, suffix_first: bool) -> FillFormat:
    """The format whose sentinels a tokenizer has. Raises `TrainingError` where it has none, or not this order."""
    try:
        found = recognised(tokenizer.get_vocab(), len(tokenizer))
    except ConfigError as error:
        raise TrainingError(
            "the base model's tokenizer has no sentinels for gaps; take `fill` out of the source's `tasks`, or set "
            "`pretrain.fill_share` where the recipe pretrains its own"
        ) from error
    if suffix_first and not found.suffix_first:
        raise TrainingError(
            f"models of the format `{found.name}` never had the suffix first; set `suffix_first_share: 0` in `fill`"
        )
    return found


def encode_gap(tokenizer: PreTrainedTokenizerBase, example: Example, fill: FillFormat) -> Encoded:
    """PSM, or SPM where the example says so (Bavarian et al. 2022, section 3)."""
    given = list(tokenizer("")["input_ids"])  # the beginning of text, if any
    for part in fill.suffix_first if example.suffix_first else fill.parts:
        if is_text(part):
            given += continued_ids(tokenizer, filled(part, example.prompt, example.suffix))
        else:
            given.append(tokenizer.convert_tokens_to_ids(part))
    ids = (*given, *continued_ids(tokenizer, example.completion), tokenizer.convert_tokens_to_ids(fill.ends[0]))
    return Encoded(ids, ((len(given), len(ids)),))
