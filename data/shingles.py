"""What two texts have in common, in numbers: their code tokens in fives by hash, and MinHash signatures of those.

A token is a word or a single other byte; white space is none, so that layout counts for nothing. Many texts at once, in
numpy: a regular expression and a hash for each token take three times as long. Compares nothing.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # type: ignore[import-untyped]

from hone.records import Record

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

TOKENS = 5  # of one shingle
PERMUTATIONS = 256
SEED = 42  # signatures of other seeds cannot be compared
# A pair of Jaccard similarity s shares a band with probability 1 - (1 - s^ROWS)^BANDS (Leskovec, Rajaraman and Ullman,
# Mining of Massive Datasets, section 3.4.2): 0.995 at 0.7, 0.9998 at 0.8, 0.03 at 0.3.
BANDS, ROWS = 42, 6
DIGEST_BYTES = 16
PIECE_BYTES = 1 << 18  # of texts at once: what is computed of them stays in the processor's cache
PIECE_TEXTS = 128
_SPACE, _WORD, _OTHER = 0, 1, 2
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_BASE, -1, 1 << 64)
_ROW = struct.Struct(f"{PERMUTATIONS}I")
_ODD = np.uint64(0xD6E8FEB86659FD93)


def _kinds() -> npt.NDArray[np.uint8]:
    """What each byte is; those of other letters than ASCII's are parts of words."""
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[[byte for byte in range(256) if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_")]] = _WORD
    kinds[list(b" \t\n\r\v\f\0")] = _SPACE
    return kinds


_KINDS = _kinds()


class Shingles(Record, frozen=True):
    """The shingles of some texts in a row, in the texts' order; one that comes twice in a text stands twice."""

    hashes: Hashes
    offsets: Hashes  # where each text's begin, and the end of the last

    def sets(self) -> Iterator[Hashes]:
        """Each text's, sorted, each once."""
        for start, end in pairwise(self.offsets.tolist()):
            ordered = np.sort(self.hashes[start:end])
            yield ordered[np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])]


class Signed(Record, frozen=True):
    """What `data.duplicates` wants to know of some texts, to be sent from a worker: 184 bytes a text."""

    digests: bytes  # of the texts, `DIGEST_BYTES` each
    bands: bytes  # `BANDS` numbers of 32 bits for each text

    def __len__(self) -> int:
        return len(self.digests) // DIGEST_BYTES

    def each(self) -> tuple[list[bytes], list[bytes]]:
        """Digests and bands, text by text."""
        count = len(self)
        parts = ((self.digests, DIGEST_BYTES), (self.bands, BANDS * 4))
        digests, bands = ([whole[at * size : (at + 1) * size] for at in range(count)] for whole, size in parts)
        return digests, bands


def sign(texts: Sequence[bytes]) -> Signed:
    """Digests and signatures, in the texts' order."""
    digests = b"".join(hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest() for text in texts)
    bands = b"".join(_bands(shingle(texts[first:last])).tobytes() for first, last in _pieces(texts))
    return Signed(digests, bands)


def shingle_sets(texts: Sequence[bytes]) -> list[Hashes]:
    """Each text's shingles as `jaccard` wants them: sorted, each once."""
    return [found for first, last in _pieces(texts) for found in shingle(texts[first:last]).sets()]


def shingle(texts: Sequence[bytes]) -> Shingles:
    """The hashes of each `TOKENS` tokens in a row; a text of fewer has a single one, and one of none has none."""
    content = b"\n".join([*texts, b""])
    starts, hashes = _tokens(np.frombuffer(content, np.uint8))
    ends = np.cumsum([len(text) + 1 for text in texts])
    counts = np.diff(np.searchsorted(starts, ends), prepend=0)  # tokens of each text
    gaps = np.repeat(np.arange(len(texts)) * (TOKENS - 1), counts)  # nothing goes across two texts
    places = np.arange(len(hashes)) + gaps
    stream = np.zeros(len(hashes) + len(texts) * (TOKENS - 1), np.uint64)
    stream[places] = hashes
    windows = np.zeros(len(hashes), np.uint64)
    for offset in range(TOKENS):
        windows = windows * np.uint64(_BASE) + stream[places + offset]
    firsts = np.cumsum(counts) - counts
    within = np.arange(len(hashes)) - np.repeat(firsts, counts)
    whole = (within + TOKENS <= np.repeat(counts, counts)) | (within == 0)
    kept = np.where(counts >= TOKENS, counts - TOKENS + 1, np.minimum(counts, 1))
    return Shingles(_mixed(windows[whole]), np.concatenate([[0], np.cumsum(kept)]).astype(np.uint64))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Of two sorted sets: what they share in what either has; 0 for two empty ones."""
    few, many = (left, right) if len(left) <= len(right) else (right, left)
    if not len(few):
        return 0.0
    places = np.searchsorted(many, few)
    places[places == len(many)] = 0
    shared = int(np.count_nonzero(many[places] == few))
    return shared / (len(few) + len(many) - shared)


def _pieces(texts: Sequence[bytes]) -> list[tuple[int, int]]:
    """The texts in runs of a bounded number and, but for a longer text, of bounded size."""
    bounds, size = [0], 0
    for number, text in enumerate(texts):
        if number > bounds[-1] and (number - bounds[-1] == PIECE_TEXTS or size + len(text) > PIECE_BYTES):
            bounds.append(number)
            size = 0
        size += len(text)
    return list(pairwise([*bounds, len(texts)])) if texts else []


def _tokens(content: npt.NDArray[np.uint8]) -> tuple[Numbers, Hashes]:
    """Where each token begins, and its hash: its bytes as digits (Karp and Rabin 1987), from sums of all before."""
    kinds = _KINDS[content]
    word, other = kinds == _WORD, kinds == _OTHER
    begins, ends = other.copy(), other.copy()
    begins[0:1] |= word[0:1]
    begins[1:] |= word[1:] & ~word[:-1]
    ends[-1:] |= word[-1:]
    ends[:-1] |= word[:-1] & ~word[1:]
    starts, stops = np.flatnonzero(begins), np.flatnonzero(ends) + 1
    sums = np.zeros(len(content) + 1, np.uint64)
    np.cumsum((content.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(content)), out=sums[1:])
    return starts, _mixed((sums[stops] - sums[starts]) * _powers(_INVERSE, len(content))[starts])


def _mixed(values: Hashes) -> Hashes:
    """Spreads every bit over all, as the last steps of xxHash and its like do."""
    values = (values ^ (values >> np.uint64(32))) * _ODD
    return values ^ (values >> np.uint64(29))


_TABLES: dict[int, Hashes] = {}


def _powers(base: int, count: int) -> Hashes:
    """`count` powers modulo 2^64, kept for the next piece."""
    table = _TABLES.get(base)
    if table is None or len(table) < count:
        size = max(count, PIECE_BYTES + PIECE_TEXTS + 1)
        table = np.full(size, base, np.uint64)
        table[0] = 1
        np.cumprod(table, out=table)
        if size <= 1 << 24:
            _TABLES[base] = table
    return table[:count]


def _bands(shingles: Shingles) -> npt.NDArray[np.uint32]:
    """A signature's rows, joined in bands by a hash; a row of these for each text."""
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, shingles.offsets, PERMUTATIONS, SEED)
    packed = b"".join([_ROW.pack(*row) for row in matrix.to_rows()])  # twice as fast as an array of lists
    rows = np.frombuffer(packed, np.uint32).reshape(-1, PERMUTATIONS)[:, : BANDS * ROWS].astype(np.uint64)
    joined = np.zeros((len(rows), BANDS), np.uint64)
    for row in range(ROWS):
        joined = _mixed(joined * np.uint64(_BASE) + rows[:, row::ROWS])
    return joined.astype(np.uint32)
