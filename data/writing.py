"""The last pass over all shards: what was decided becomes the files of a dataset, in the order of the sources."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from data.build import Curated, Progress
from data.card import write_card
from data.corpus import build_corpus
from data.decide import Decided, Flags, apart, first_of_each, keys_of
from data.filters import FILTERS
from data.index import Index, Indexed, duplicate_of
from data.lines import Lines
from data.shards import read_columns, read_passed
from data.tally import Tally
from data.work import CONTAMINATED, NO_TREE, Rules, example_key
from hone.errors import DataError
from hone.files import sha256_bytes
from hone.records import Example, Manifest, SourceUse, write_record

SPLITS = ("train", "heldout", "corpus")
MADE = ("generated", "whole")  # kinds of sources without files
DUPLICATE, NEAR_DUPLICATE = "duplicate", "near_duplicate"  # beside the names of filters


@dataclass(frozen=True)
class Made:
    """A source whose examples are generated, or made of more than single files."""

    train: tuple[Example, ...]
    heldout: tuple[Example, ...]
    name: str = "generated"
    kind: str = "generated"
    commit: str = ""

    def all(self) -> Iterator[tuple[str, Example]]:
        """Each with its side, in the order in which they are written."""
        yield from (("heldout", example) for example in self.heldout)
        yield from (("train", example) for example in self.train)


Part = Made | Curated


@dataclass
class _Counts:
    """What one source gave."""

    files: int = 0
    examples: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


class _Out:
    """The open files, and how far each source has come."""

    def __init__(self, rules: Rules, folder: Path, held: ExitStack, decided: Decided, chosen: Flags) -> None:
        self.lines = {name: held.enter_context(Lines(folder / f"{name}.jsonl")) for name in SPLITS}
        self.rejected = held.enter_context(Lines(folder / "rejected.jsonl"))
        self.index = held.enter_context(Index(folder))
        self.files_in_corpus = bool(rules.config.corpus and rules.config.corpus.files)
        self.decided = decided
        self.tally = Tally()
        self._chosen = iter(chosen.tolist())
        self._sieve = rules.sieve

    def made(self, side: str, example: Example, counts: _Counts) -> None:
        """An example that was made of no single file, and did not pass the sieve with it."""
        findings = self._sieve.findings(example.text, python=True)
        if findings:
            next(self._chosen)
            self.tally.overlap(findings)
            counts.skipped[f"examples: {CONTAMINATED}"] += 1
        else:
            self.example(side, example, example.origin.commit, counts)

    def example(self, side: str, line: bytes | Example, commit: str, counts: _Counts) -> None:
        """Writes an example, or counts it where an equal one was chosen. It may have been made at another commit."""
        if not next(self._chosen):
            counts.duplicates += 1
            return
        example = msgspec.json.decode(line, type=Example) if isinstance(line, bytes) else line
        if example.origin.commit != commit:
            line = example = replace(example, origin=replace(example.origin, commit=commit))
        self.lines[side].write(line)
        self.tally.example(example, side)
        counts.examples += 1


def write_files(rules: Rules, parts: Sequence[Part], decided: Decided, folder: Path, progress: Progress) -> Manifest:
    """Writes all of them. Raises `DataError` where there is nothing to train on, or nothing to measure with."""
    config = rules.config
    with ExitStack() as held:
        out = _Out(rules, folder, held, decided, _chosen(parts, decided))
        uses = _write_examples(parts, out, progress)
        _check(uses, out)
        uses = (*uses, *_write_corpus(rules, out, progress))
    splits = tuple(lines.split() for lines in out.lines.values())
    digest = sha256_bytes("".join(f"{split.name} {split.digest}\n" for split in splits).encode())
    manifest = Manifest(digest, uses, splits)
    write_record(folder / "manifest.json", manifest)
    statistics = out.tally.statistics(digest, decided, config.filters, rules.suites)
    write_record(folder / "statistics.json", statistics)
    write_card(folder, statistics)
    return manifest


def _chosen(parts: Sequence[Part], decided: Decided) -> Flags:
    """Of all examples of kept files, in the order in which they are written: which are no duplicates."""
    keys: list[bytes] = []
    trees: list[bytes] = []
    sides: list[Flags] = []
    first = 0
    for part in parts:
        if isinstance(part, Made):
            found = list(part.all())
            keys += [example_key(example) for _, example in found]
            trees += [NO_TREE] * len(found)
            sides.append(np.array([side == "heldout" for side, _ in found], np.bool_))
            continue
        for shard in part.shards:
            passed = read_passed(shard, "example_keys", "example_trees")
            kept = [number for number in range(len(passed)) if decided.kept[first + number] == first + number]
            keys += [passed[number]["example_keys"] for number in kept]
            trees += [passed[number]["example_trees"] for number in kept]
            counts = [len(keys_of(passed[number]["example_keys"])) for number in kept]
            sides.append(np.repeat(decided.heldout[[first + number for number in kept]], counts))
            first += len(passed)
    heldout = np.concatenate([np.zeros(0, np.bool_), *sides])
    return apart(first_of_each(keys_of(b"".join(keys)), heldout), keys_of(b"".join(trees)), heldout)


def _write_examples(parts: Sequence[Part], out: _Out, progress: Progress) -> tuple[SourceUse, ...]:
    uses = []
    done, number = 0, 0
    total = sum(len(part.shards) for part in parts if isinstance(part, Curated))
    for part in parts:
        counts = _Counts()
        if isinstance(part, Made):
            for side, example in part.all():
                out.made(side, example, counts)
            uses.append(_use_of_made(part, counts))
            continue
        for shard in part.shards:
            for row in read_columns(shard, *_COLUMNS, *(["text"] if out.files_in_corpus else [])):
                _write_file(row, number, part, out, counts)
                number += not row["filter"]
            done += 1
            progress("writing examples", done, total)
        uses.append(_use_of_files(part, counts))
    return tuple(uses)


def _write_file(row: Mapping[str, Any], number: int, part: Curated, out: _Out, counts: _Counts) -> None:
    """One file's row of the index, and its examples where it was kept. `number` is its own where it passed filters."""
    filtered, why, decided = row["filter"], row["why"], out.decided
    if not filtered and decided.kept[number] != number:
        filtered = DUPLICATE if decided.same[number] else NEAR_DUPLICATE
        why = duplicate_of(decided.names[int(decided.kept[number])])
    side = "" if filtered else "heldout" if decided.heldout[number] else "train"
    commit = part.tree.commit or row["commit"]
    facts = {name: row[name] for name in _COPIED}
    indexed = Indexed(source=part.name, commit=commit, side=side, filter=filtered, why=why, **facts)
    out.index.add(indexed)
    near_heldout = filtered == NEAR_DUPLICATE and not decided.heldout[number] and decided.heldout[decided.kept[number]]
    out.tally.file(
        indexed, near_heldout=bool(near_heldout), overlaps=msgspec.json.decode(row["overlaps"], type=_OVERLAPS)
    )
    if filtered:
        counts.skipped[f"files: {filtered}"] += 1
        out.rejected.write(indexed)
        return
    counts.files += 1
    for task, reasons in msgspec.json.decode(row["left_out"], type=_LEFT_OUT).items():
        counts.skipped.update(reasons)
        out.tally.left_out(task, reasons)
    out.tally.redacted(msgspec.json.decode(row["redacted"]))
    for line in row["examples"].splitlines():
        out.example(side, line, commit, counts)
    if out.files_in_corpus and side == "train":
        out.lines["corpus"].write({"text": row["text"]})


def _write_corpus(rules: Rules, out: _Out, progress: Progress) -> tuple[SourceUse, ...]:
    """What a base model is pretrained on besides the files."""
    config = rules.config
    if config.corpus is None or not (config.corpus.library or config.corpus.generated_share):
        return ()
    progress("reading the corpus", 0, 1)
    corpus = build_corpus(config.corpus, config.seed, rules.sieve)
    out.tally.overlap(corpus.overlaps)
    for document in corpus.documents:
        out.lines["corpus"].write({"text": document})
    progress("reading the corpus", 1, 1)
    return corpus.sources


def _use_of_made(part: Made, counts: _Counts) -> SourceUse:
    licences = " AND ".join(sorted({example.origin.licence for _, example in part.all()}))
    skipped = dict(counts.skipped)
    return SourceUse(part.name, part.kind, part.commit, licences, 0, counts.examples, counts.duplicates, skipped)


def _use_of_files(part: Curated, counts: _Counts) -> SourceUse:
    tree = part.tree
    unlisted = {f"files: {reason}": count for reason, count in part.skipped.items()}
    skipped = dict(sorted((counts.skipped + Counter(unlisted)).items()))
    return SourceUse(
        tree.name, tree.kind, tree.commit, tree.licence, counts.files, counts.examples, counts.duplicates, skipped,
        part.place,
    )  # fmt: skip


def _check(uses: Sequence[SourceUse], out: _Out) -> None:
    """Raises where a source gave nothing, where there is nothing to train on, or nothing to measure with."""
    for use in uses:
        listed = "\n".join(f"{count:6} {reason}" for reason, count in sorted(use.skipped.items()))
        most = max(use.skipped.items(), key=lambda one: one[1], default=("", 0))[0]
        if not use.files and use.kind not in MADE:
            most = most.removeprefix("files: ")
            problem = f"all were left out, most by `{most}`" if most else "it has none in a known language"
            raise DataError(f"source `{use.name}` gave no file: {problem}; {_way_out(most)}", detail=listed)
    twins = (f"files: {DUPLICATE}", f"files: {NEAR_DUPLICATE}")
    removed = sum(use.duplicates + sum(use.skipped.get(twin, 0) for twin in twins) for use in uses)
    if not out.lines["train"].count:
        raise DataError(
            f"no training example is left ({removed} duplicates removed); add a source, or lower `heldout_fraction`"
        )
    if not out.lines["heldout"].count:
        raise DataError(
            f"no held-out example is left ({removed} duplicates removed); add a source, or raise `heldout_fraction`"
        )


def _way_out(reason: str) -> str:
    if reason == "licence":
        return "say under which it stands (`licence` of the source), or allow it in `licences`"
    return "see its `include` and `exclude`" + (f", or `filters.{reason}`" if reason in FILTERS else "")


_COPIED = ("repository", "path", "language", "licence", "digest", "size")
_COLUMNS = (*_COPIED, "commit", "filter", "why", "overlaps", "redacted", "left_out", "examples")
_OVERLAPS = list[tuple[str, str]]
_LEFT_OUT = dict[str, dict[str, int]]
