"""Answers to requests that were asked before, word for word, for one key: bounded by bytes and by time.

The least recently used go first. Holds whole answers only: the caller puts none that failed or was cut. A stream is
kept as its bytes and answered as a stream.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from hone.records import Record
from router.kinds import Asked, Hop, Usage

LARGEST_SHARE = 8  # one answer takes at most an eighth of the cache
OVERHEAD_BYTES = 600  # what an entry takes beside its body

CacheKey = tuple[str, bytes]


class CachedAnswer(Record, frozen=True):
    """One whole answer as the client got it."""

    content_type: bytes
    body: bytes
    usage: Usage
    provider: str
    model: str
    model_version: str = ""
    generation: int = 0


class AnswerCache:
    """The answers of one process. `largest_bytes` 0: nothing is kept. `clock` gives seconds and never jumps."""

    def __init__(self, *, largest_bytes: int, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._largest_bytes, self._keep_s, self._clock = largest_bytes, keep_s, clock
        self._answers: OrderedDict[CacheKey, tuple[float, CachedAnswer]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str, digest: bytes) -> CachedAnswer | None:
        """The answer that the key with that id got to that request, if it is young enough."""
        found = self._answers.get((key, digest))
        if found is None:
            return None
        until, answer = found
        if self._clock() >= until:
            self._drop((key, digest))
            return None
        self._answers.move_to_end((key, digest))
        return answer

    def put(self, key: str, digest: bytes, answer: CachedAnswer) -> None:
        """Keeps an answer, and lets go of the least recently used ones."""
        size = _size(answer)
        if size * LARGEST_SHARE > self._largest_bytes:
            return
        if (key, digest) in self._answers:
            self._drop((key, digest))
        self._answers[key, digest] = self._clock() + self._keep_s, answer
        self.bytes += size
        while self.bytes > self._largest_bytes:
            self._drop(next(iter(self._answers)))

    def _drop(self, at: CacheKey) -> None:
        _, answer = self._answers.pop(at)
        self.bytes -= _size(answer)


def request_digest(asked: Asked, hop: Hop) -> bytes:
    """What two requests share if one's answer is the other's: door, who answers, and the body without its model's name.

    White space and the order of an object's keys make no difference. Raises `msgspec.DecodeError` where the body is
    not JSON.
    """
    body = msgspec.json.decode(asked.body)
    if isinstance(body, dict):
        body.pop("model", None)
    who = [asked.door, hop.provider, hop.model, hop.upstream_model, hop.model_version, hop.generation]
    return hashlib.sha256(msgspec.json.encode([who, body], order="sorted")).digest()


def _size(answer: CachedAnswer) -> int:
    return len(answer.body) + len(answer.content_type) + OVERHEAD_BYTES
