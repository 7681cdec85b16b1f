"""Texts that go on from others, for tokenizers that take every text for the beginning of one.

SentencePiece's tokenizers (Llama, Code Llama, Mistral) put a space before what they encode and take one off what they
decode. In the middle of a text neither is right: a function's body would lose a space of its first line.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

MARK = "☺"  # no token joins it with what follows; Code Llama's own tokenizer.py uses it for the same


class Continuing:
    """A tokenizer, for what stands after another text. Without special tokens, both ways."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        spaced = str(tokenizer.convert_ids_to_tokens(self._plain("x"))[0]).startswith("▁")
        self._mark = MARK if spaced else ""
        self._lead = self._plain("x") if spaced else []  # takes the place of the first token, and is taken off

    def ids(self, text: str) -> list[int]:
        """The ids of a text."""
        return self._plain(self._mark + text)[len(self._plain(self._mark)) :]

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        text = self._tokenizer.decode([*self._lead, *ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)[bool(self._lead) :]

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
