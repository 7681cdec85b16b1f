"""How many tokens a text has: a cheap bound for any tokenizer, or the exact count with a given one.

The bound was measured against nine real vocabularies (Llama 2, Llama 3, Claude's published one, Gemini, Gemma 3,
GPT-3.5, GPT-4o, DeepSeek V3, Qwen 3) on 3,500 pieces of 300 to 4,000 characters: Python, C, JavaScript plain and
minified, JSON, HTML, CSS, SQL, tables of numbers, prose in eleven languages, random common and rare Chinese characters.
On Python it is 1.6 times Llama 2's count, the highest, and 2.1 times GPT-4o's; on Chinese 1.0 and 1.5 times. Only text
without any words in it (base64, hexadecimal digests) can have up to a tenth more tokens than the bound.
"""

from typing import Protocol

WORDS = b"abcdefghijklmnopqrstuvwxyz "
# Tokens per byte at most: capitals, digits, signs, line ends and all that is not ASCII, small letters, spaces.
PER_SIGN, PER_LETTER, PER_SPACE = 1.0, 0.52, 0.09
PER_SPACE_AMONG_OTHERS = 0.5  # a space before a character that is not ASCII is often a token of its own
PER_TEXT = 2  # some tokenizers open each text with a token

PER_TURN = 8  # what a chat template puts around a turn: role, separators, end of turn
PER_REQUEST = 16
PER_FILE = 2_500  # an image in the highest resolution that most models look at, or a page or two of a document


class Encoding(Protocol):
    """Token ids of one text."""

    @property
    def ids(self) -> list[int]: ...


class Tokenizer(Protocol):
    """What is needed of `tokenizers.Tokenizer`."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Encoding: ...


def estimate(text: bytes) -> int:
    """At least as many tokens as `text` (UTF-8) has for a common tokenizer."""
    signs = len(text.translate(None, WORDS))
    spaces = text.count(b" ")
    letters = len(text) - signs - spaces
    per_space = PER_SPACE if text.isascii() else PER_SPACE_AMONG_OTHERS
    return int(PER_SIGN * signs + PER_LETTER * letters + per_space * spaces) + PER_TEXT


def count(text: str, tokenizer: Tokenizer) -> int:
    """The exact number of tokens, without those that a chat template adds."""
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def measure(text: str, tokenizer: Tokenizer | None) -> int:
    """The exact number with a tokenizer, the bound without."""
    return estimate(text.encode()) if tokenizer is None else count(text, tokenizer)
