"""Finds runs of tokens that two bodies of text share: an index of n-grams by hash, each hit verified token by token.

A token is a word or a single other character; white space is none, so that reformatting hides nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

from hone.records import Record

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[^\W\d]\w*")  # numbers are none: those in a row are the same everywhere
_ASCII_WORD = re.compile(_WORD.pattern, re.ASCII)  # the same in a text of ASCII alone, and faster
_BASE = np.uint64(0x9E3779B97F4A7C15)  # any large odd number: only speed rests on it, hits are verified
_UNKNOWN = 0  # the id of what no indexed document holds, and of the end of each
PLACES = 16  # of one window, looked at for each query: boilerplate stands in thousands

Ids = npt.NDArray[np.uint64]


class Document(Record, frozen=True):
    """A text by name."""

    id: str
    text: str


class Hit(Record, frozen=True):
    """A run that stands in a document and in the text that was looked up, as long as it goes."""

    document: str  # its id
    tokens: int
    start: int  # in the text that was looked up, in characters
    end: int  # exclusive


class TokenIndex:
    """All runs of `window` tokens of some documents; about 30 bytes a token.

    `words` compares words alone, without case and numbers. Windows in more than `most_documents` are left out.
    """

    def __init__(
        self, documents: Iterable[Document], window: int, *, words: bool = False, most_documents: int | None = None
    ) -> None:
        self._window = window
        self._words = words
        self._ids: dict[str, int] = {}
        self._names: list[str] = []
        parts: list[Ids] = [np.zeros(1, np.uint64)]
        for document in documents:
            found = [self._ids.setdefault(token, len(self._ids) + 1) for token in self._tokens(document.text)]
            parts.append(np.array([*found, _UNKNOWN], np.uint64))
            self._names.append(document.id)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._stream: Ids = np.concatenate(parts)
        self._starts = np.cumsum([len(part) for part in parts])  # of each document in the stream
        hashes = _hashes(self._stream, window)
        self._order = np.argsort(hashes, kind="stable")
        if most_documents is not None:
            self._order = self._order[self._own(hashes[self._order], most_documents)]
        self._sorted = hashes[self._order]

    def hits(self, text: str) -> Iterator[Hit]:
        """The runs of at least `window` tokens that the text shares with a document, each once."""
        return (hit for _, hit in self.hits_in([text]))

    def hits_in(self, texts: Sequence[str]) -> Iterator[tuple[int, Hit]]:
        """The same of many texts, each hit with the place of its text among them; for short ones many times as fast."""
        tokens = [self._tokens(text) for text in texts]
        ids = np.fromiter(chain.from_iterable(map(self._found, tokens)), np.uint64)
        starts = np.cumsum([0, *(len(one) + 1 for one in tokens)])
        known = _known(ids, self._window)
        if not len(known):
            return
        hashes = _hashes(ids, self._window)[known]
        left, right = (np.searchsorted(self._sorted, hashes, side=side) for side in ("left", "right"))
        found = np.flatnonzero(left < right)
        numbers = np.searchsorted(starts, known[found], side="right") - 1
        spans_of, spans = -1, list[tuple[int, int]]()
        seen: dict[int, int] = {}  # how far to the right of it a run was found → where that ended
        rows = zip(numbers.tolist(), *(some[found].tolist() for some in (known, left, right)), strict=True)
        for number, at, first_place, end_place in rows:
            for place in self._order[first_place : min(end_place, first_place + PLACES)].tolist():
                if seen.get(place - at, 0) > at:
                    continue
                end = at + _agreeing(ids[at:], self._stream[place:], self._window)
                if end - at < self._window:
                    continue  # only the hash was the same
                seen[place - at] = end
                first = at
                if at and ids[at - 1] == self._stream[place - 1]:  # what is not in the index can still be a run's start
                    first -= _agreeing(ids[:at][::-1], self._stream[:place][::-1], self._window)
                if spans_of != number:
                    spans_of, spans = number, [match.span() for match in self._pattern.finditer(texts[number])]
                begin = int(starts[number])
                hit = Hit(self._document(place), end - first, spans[first - begin][0], spans[end - 1 - begin][1])
                yield number, hit

    def size(self, document: str) -> int:
        """How many tokens a document has."""
        number = self._numbers[document]
        return int(self._starts[number + 1] - self._starts[number]) - 1

    def _found(self, tokens: Sequence[str]) -> Iterator[int]:
        """The tokens as ids, and the end of their text."""
        yield from map(self._ids.get, tokens, repeat(_UNKNOWN))
        yield _UNKNOWN

    @property
    def _pattern(self) -> re.Pattern[str]:
        return _WORD if self._words else _TOKEN

    def _tokens(self, text: str) -> Sequence[str]:
        if not self._words:
            return self._pattern.findall(text)
        if text.isascii():
            return _ASCII_WORD.findall(text.lower())
        return list(map(str.lower, self._pattern.findall(text)))  # a whole text in lower case splits otherwise

    def _document(self, place: int) -> str:
        return self._names[int(np.searchsorted(self._starts, place, side="right")) - 1]

    def _own(self, hashes: Ids, most: int) -> npt.NDArray[np.bool_]:
        """Of hashes in order, which stand in few enough documents."""
        documents = np.searchsorted(self._starts, self._order, side="right")
        pairs = np.unique(np.stack([hashes, documents.astype(np.uint64)]), axis=1)
        values, counts = np.unique(pairs[0], return_counts=True)
        return counts[np.searchsorted(values, hashes)] <= most


def _known(ids: Ids, window: int) -> npt.NDArray[np.int64]:
    """Where so many in a row begin that all stand in documents; few do, and no others can agree with one."""
    unknown = np.concatenate([[-1], np.flatnonzero(ids == _UNKNOWN), [len(ids)]])
    counts = np.maximum(np.diff(unknown) - window, 0)  # of such places between one and the next
    starts: npt.NDArray[np.int64] = np.repeat(unknown[:-1] + 1 - np.cumsum(counts) + counts, counts)
    return starts + np.arange(len(starts))


def _agreeing(ours: Ids, theirs: Ids, step: int) -> int:
    """How many tokens agree from the start on. In growing blocks: most runs end soon, and texts can be long."""
    length = 0
    while True:
        mine, other = ours[length : length + step], theirs[length : length + step]
        block = min(len(mine), len(other))
        differing = np.flatnonzero((mine[:block] != other[:block]) | (mine[:block] == _UNKNOWN))
        if len(differing) or block < step:
            return length + (int(differing[0]) if len(differing) else block)
        length, step = length + step, 2 * step


def _hashes(ids: Ids, window: int) -> Ids:
    """One hash for each run of `window` ids, modulo 2^64 (Karp and Rabin 1987)."""
    count = max(0, len(ids) - window + 1)
    hashes = np.zeros(count, np.uint64)
    for offset in range(window):
        hashes = hashes * _BASE + ids[offset : offset + count]
    return hashes
