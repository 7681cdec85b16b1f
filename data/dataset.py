"""Sources → one dataset folder: train.jsonl, heldout.jsonl, corpus.jsonl and the manifest that says what is in them.

The same configuration on the same sources gives the same bytes. A folder is whole or absent. Near-duplicates, and code
that differs in more than white space, are not looked for.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import Field

from data.corpus import CorpusConfig, build_corpus
from data.generated import GeneratedSource, generate
from data.repository import RepositorySource, gather
from hone.config import Config
from hone.errors import DataError
from hone.files import locked, sha256_bytes, sha256_file, write_atomic
from hone.records import Example, Manifest, Record, SourceUse, Split, write_examples, write_record

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


class DataConfig(Config):
    """The `data` part of a recipe."""

    sources: tuple[Annotated[GeneratedSource | RepositorySource, Field(discriminator="kind")], ...] = Field(
        min_length=1
    )
    """Where the examples come from; each source once."""
    corpus: CorpusConfig | None = None
    """What to pretrain a base model on; null where the recipe names a ready one."""
    seed: int = 0
    """Chooses generated tasks and the order of the corpus; splits do not depend on it."""


class _Read(Record, frozen=True):
    """One source as it was read, duplicates included."""

    use: SourceUse
    train: tuple[Example, ...]
    heldout: tuple[Example, ...]


class _Dataset(Record, frozen=True):
    """Everything that is going to be written."""

    uses: tuple[SourceUse, ...]
    train: list[Example]
    heldout: list[Example]
    corpus: tuple[str, ...]


def build_dataset(config: DataConfig, out: Path, *, progress: Progress, root: Path) -> Manifest:
    """Makes the dataset and puts it at `out` in the place of an earlier one; relative source paths start at `root`.

    Raises `DataError` where a source cannot be read, where no example is left to train on or to hold out, or where
    the folder cannot be written; what stood at `out` then stays.
    """
    reads = []
    for source in config.sources:
        reads.append(
            _read_repository(source, root, progress)
            if isinstance(source, RepositorySource)
            else _read_generated(source, config.seed, progress)
        )
    if twice := [name for name, count in Counter(read.use.name for read in reads).items() if count > 1]:
        raise DataError(f"two sources are called `{twice[0]}`; list each once, or rename a checkout's folder")
    dataset = _without_duplicates(reads)
    _check(dataset)
    if config.corpus:
        progress("reading the corpus", 0, 1)
        corpus = build_corpus(config.corpus, config.seed)
        progress("reading the corpus", 1, 1)
        dataset = msgspec.structs.replace(dataset, uses=(*dataset.uses, *corpus.sources), corpus=corpus.documents)
    return _write(dataset, out)


def _read_generated(source: GeneratedSource, seed: int, progress: Progress) -> _Read:
    progress("generating tasks", 0, 1)
    made = generate(source, seed)
    progress("generating tasks", 1, 1)
    licences = sorted({example.origin.licence for example in (*made.train, *made.heldout)})
    return _Read(SourceUse("generated", source.kind, "", " AND ".join(licences), 0, 0, 0), made.train, made.heldout)


def _read_repository(source: RepositorySource, root: Path, progress: Progress) -> _Read:
    what = f"reading {source.package or source.path}"
    found = gather(source, root, lambda done, total: progress(what, done, total))
    use = SourceUse(found.name, source.kind, found.commit, found.licence, found.files, 0, 0, found.skipped)
    return _Read(use, found.train, found.heldout)


def _without_duplicates(reads: list[_Read]) -> _Dataset:
    """Keeps the first of equal examples, held-out ones before all others: what is held out is never trained on."""
    seen: set[bytes] = set()
    heldout = [_first_seen(read.heldout, seen) for read in reads]
    train = [_first_seen(read.train, seen) for read in reads]
    uses = []
    for read, held, trained in zip(reads, heldout, train, strict=True):
        kept = len(held) + len(trained)
        removed = len(read.heldout) + len(read.train) - kept
        uses.append(msgspec.structs.replace(read.use, examples=kept, duplicates=removed))
    return _Dataset(tuple(uses), [one for some in train for one in some], [one for some in heldout for one in some], ())


def _first_seen(examples: Iterable[Example], seen: set[bytes]) -> list[Example]:
    """The examples that are not in `seen`, which they are added to."""
    kept = []
    for example in examples:
        key = duplicate_key(example)
        if key not in seen:
            seen.add(key)
            kept.append(example)
    return kept


def duplicate_key(example: Example) -> bytes:
    """Equal for examples that differ in white space or in the context above the function."""
    name = example.entry_point.rpartition(".")[2]
    start = max(example.prompt.rfind(f"def {name}("), 0)
    return hashlib.sha256("".join((example.prompt[start:] + example.completion).split()).encode()).digest()


def _check(dataset: _Dataset) -> None:
    """Raises where there is nothing to train on, or nothing to measure with."""
    removed = sum(use.duplicates for use in dataset.uses)
    if not dataset.train:
        raise DataError(
            f"no training example is left ({removed} duplicates removed); add a source, or lower `heldout_fraction`"
        )
    if not dataset.heldout:
        raise DataError(
            f"no held-out example is left ({removed} duplicates removed); add a source, or raise `heldout_fraction`"
        )


def _write(dataset: _Dataset, out: Path) -> Manifest:
    """Writes beside `out`, then puts the whole folder in its place."""
    beside, before = out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")
    try:
        with locked(out.with_name(f".{out.name}.lock"), what=f"building `{out}`"):
            for left_over in (beside, before):  # of a process that was killed
                shutil.rmtree(left_over, ignore_errors=True)
            try:
                manifest = _write_files(dataset, beside)
                if out.is_dir():
                    out.rename(before)
                beside.rename(out)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"dataset `{out}` cannot be written: {error.strerror}; free the place or name another"
        ) from error
    return manifest


def _write_files(dataset: _Dataset, folder: Path) -> Manifest:
    write_examples(folder / "train.jsonl", dataset.train)
    write_examples(folder / "heldout.jsonl", dataset.heldout)
    documents = b"".join(msgspec.json.encode({"text": text}) + b"\n" for text in dataset.corpus)
    write_atomic(folder / "corpus.jsonl", documents)
    splits = (
        _split(folder, "train", len(dataset.train)),
        _split(folder, "heldout", len(dataset.heldout)),
        _split(folder, "corpus", len(dataset.corpus)),
    )
    digest = sha256_bytes("".join(f"{split.name} {split.digest}\n" for split in splits).encode())
    manifest = Manifest(digest, dataset.uses, splits)
    write_record(folder / "manifest.json", manifest)
    return manifest


def _split(folder: Path, name: str, examples: int) -> Split:
    path = folder / f"{name}.jsonl"
    return Split(name, examples, path.stat().st_size, sha256_file(path))
