"""Texts that stand after others, for tokenizers that take every text for the beginning of one.

SentencePiece's tokenizers (Llama, Code Llama, Mistral) put a space before every text and take one off again, which
after another text would be learnt, or lost.
"""

from collections.abc import Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

MARK = "☺"  # no token joins it with what follows; the one that Code Llama's own tokenizer.py uses


def continued_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The ids of a text that stands after another: a mark takes the space that is put before it, and is taken off."""
    if not _spaced(tokenizer):
        return _plain(tokenizer, text)
    return _plain(tokenizer, MARK + text)[len(_plain(tokenizer, MARK)) :]


def continued_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of ids that stand after others, special tokens spelled out."""
    lead = _plain(tokenizer, "x") if _spaced(tokenizer) else []  # takes the place of the first token, and is taken off
    text = tokenizer.decode([*lead, *ids], skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return str(text)[bool(lead) :]


@lru_cache(maxsize=4)
def _spaced(tokenizer: PreTrainedTokenizerBase) -> bool:
    return str(tokenizer.convert_ids_to_tokens(_plain(tokenizer, "x"))[0]).startswith("▁")


def _plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
