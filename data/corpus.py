"""The pretraining corpus: the standard library's files mixed with generated functions, in shares of bytes.

The mix matters: on library code alone a small base model never learns to copy a name or a number.
"""

import random
from collections.abc import Iterator, Sequence

from pydantic import Field, model_validator

from data.decontamination import NO_SUITES, Finding, Sieve, without
from data.generated import corpus_documents
from data.library import LICENCE, library_documents
from hone.config import Config
from hone.records import Record, SourceUse


class CorpusConfig(Config):
    """What a base model is pretrained on."""

    library: bool = True
    """Whether to take the standard library of the Python that runs Hone."""
    generated_share: float = Field(0.35, ge=0, le=1)
    """Bytes of generated functions in all bytes; without `library`, everything is generated."""
    max_bytes: int = Field(16_000_000, ge=1000)
    """The size at most. Generated text fills up to the share that the library sets, never more."""
    files: bool = False
    """Whether to put the files of the sources in front of that, but for held-out ones; `max_bytes` is not for them."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> "CorpusConfig":
        if not self.library and self.generated_share == 0 and not self.files:
            raise ValueError("`library: false` with `generated_share: 0` leaves nothing to train on")
        return self


class Corpus(Record, frozen=True):
    """The documents in training order, and what each source gave."""

    documents: tuple[str, ...]
    sources: tuple[SourceUse, ...]
    overlaps: tuple[Finding, ...] = ()  # with suites, of the library: left out, or cut out


def build_corpus(config: CorpusConfig, seed: int, sieve: Sieve = NO_SUITES) -> Corpus:
    """Reads, generates and mixes; the same for the same arguments and the same Python. `sieve` keeps suites out."""
    library: list[str] = []
    overlaps: list[Finding] = []
    sources: list[SourceUse] = []
    share = config.generated_share if config.library else 1.0
    if config.library:
        found = library_documents()
        clean = list(_without_suites(found.documents, sieve, overlaps))
        skipped = found.skipped | ({"files: contaminated": lost} if (lost := len(found.documents) - len(clean)) else {})
        library = _within(clean, round(config.max_bytes * (1 - share)), seed)
        use = SourceUse("standard library", "library", found.version, LICENCE, len(library), len(library), 0, skipped)
        sources.append(use)
    wanted = round(_bytes(library) * share / (1 - share)) if share < 1 else config.max_bytes
    generated = corpus_documents(seed, min(wanted, config.max_bytes)) if wanted else []
    if generated:
        sources.append(SourceUse("generated corpus", "generated", "", "CC0-1.0", 0, len(generated), 0))
    return Corpus(tuple(_mixed(library, generated, share)), tuple(sources), tuple(overlaps))


def _without_suites(documents: Sequence[str], sieve: Sieve, overlaps: list[Finding]) -> Iterator[str]:
    """What is left of each document; what is not goes to `overlaps`."""
    for document in documents:
        findings = sieve.findings(document, python=True)
        overlaps += findings
        if all(one.small for one in findings):
            yield without(document, findings)


def _within(documents: list[str], most_bytes: int, seed: int) -> list[str]:
    """Shuffled, so that a smaller corpus is a fair sample, then as many as fit."""
    random.Random(seed).shuffle(documents)  # noqa: S311 - data, not secrets
    taken = []
    for document in documents:
        size = len(document.encode())
        if size <= most_bytes:
            taken.append(document)
            most_bytes -= size
    return taken


def _mixed(library: list[str], generated: list[str], share: float) -> Iterator[str]:
    """Takes from the side that is behind its share, so that every stretch of the corpus has about the same mix."""
    size = {"library": 0, "generated": 0}
    left = {"library": library[::-1], "generated": generated[::-1]}
    while left["library"] or left["generated"]:
        behind = "library" if size["library"] * share <= size["generated"] * (1 - share) else "generated"
        side = behind if left[behind] else ("generated" if behind == "library" else "library")
        document = left[side].pop()
        size[side] += len(document.encode())
        yield document


def _bytes(documents: list[str]) -> int:
    return sum(len(document.encode()) for document in documents)
