"""Every source's files through `data.work`, shard by shard, on all cores: what was done before is not done again.

A shard's file is named by what it depends on and lies in a folder named by the configuration and the code, so a build
that was killed goes on where it was, and a new commit costs the files that it changes.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import msgspec

import analysis
import data
from analysis.workers import map_files
from data.config import DataConfig
from data.reading import FETCHED, list_source, place_of
from data.shards import Row, name_of, read_rows, shards
from data.sources import FileSource
from data.suites import Suite
from data.trees import Tree
from data.work import Rules, Work, do, finish
from hone.errors import DataError
from hone.files import sha256_bytes, sha256_tree

SHARD_S = 300.0  # of CPU time; one of the largest takes some five
FILE_S = 20.0
MEMORY_BYTES = 700_000_000  # that a shard's files may take in a worker; at half of it, another one takes its place
STOPPED = "unprocessable"  # the filter's name for what was cut off
CONFIGURATIONS = 4  # whose shards are kept
_BEHIND = ("tree-sitter", "tree-sitter-language-pack", "rensa", "pyarrow", "numpy")

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all
Opened = tuple[FileSource, Tree]
Run = Callable[[Iterable[Work]], Iterator[tuple[Work, str]]]  # the works that were done, in their order, and why not


@dataclass(frozen=True)
class Curated:
    """One source whose shards are all there."""

    source: FileSource
    tree: Tree
    place: str  # as the recipe says it, without a login
    shards: tuple[Path, ...]
    skipped: Counter[str] = field(default_factory=Counter)  # wanted files that could not be listed, by reason

    @property
    def name(self) -> str:
        """What the dataset calls it."""
        return self.tree.name


def cache_folder(config: DataConfig, suites: Sequence[Suite], cache: Path) -> Path:
    """Where shards of this configuration lie: another one, or other code, could say something else of a file."""
    behind = {name: version(name) for name in _BEHIND}
    own = {"code": code_digest(), "behind": behind, "config": config.of_one_file(), "suites": suites}
    return cache / sha256_bytes(msgspec.json.encode(own, order="deterministic"))[7:23]


@cache
def code_digest() -> str:
    """Of all code that decides what is said of a file."""
    folders = [Path(package.__path__[0]) for package in (data, analysis)]
    return " ".join(sha256_tree(folder, suffixes=(".py", ".scm")) for folder in folders)


def curate_sources(opened: Iterable[Opened], folder: Path, run: Run, progress: Progress) -> list[Curated]:
    """Makes the shards that are missing in `folder`.

    Raises `DataError` where a source cannot be read, or a shard cannot be written; what was made stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()  # the last one that was used
    return [_curate(source, tree, folder, run, progress) for source, tree in opened]


def clean(folder: Path, used: Iterable[Path]) -> None:
    """Removes shards of an earlier state of the sources, and those of configurations long out of use."""
    keep = {place.name for place in used}
    for place in folder.iterdir():
        if place.name not in keep:
            place.unlink()
    others = [place for place in folder.parent.iterdir() if place.is_dir() and place.name != FETCHED]
    for place in sorted(others, key=lambda place: place.stat().st_mtime_ns)[:-CONFIGURATIONS]:
        shutil.rmtree(place, ignore_errors=True)


def here(rules: Rules) -> Run:
    """Runs shards in this process, without limits; for a handful of files that costs less than a worker's start."""

    def run(works: Iterable[Work]) -> Iterator[tuple[Work, str]]:
        for work in works:
            yield work, do(work, rules)

    return run


def in_workers(rules: Rules, workers: int | None) -> Run:
    """Runs shards in worker processes; a file that hangs or explodes there is cut off, and the others go on."""

    def run(works: Iterable[Work]) -> Iterator[tuple[Work, str]]:
        made = map_files(partial(do, rules=rules), works, workers=workers, time_s=SHARD_S, memory_bytes=MEMORY_BYTES)
        for outcome in made:
            yield outcome.item, outcome.value if outcome.value is not None else apart(outcome.item, rules)

    return run


def apart(work: Work, rules: Rules) -> str:
    """Makes a shard one file at a time, to find the one that is too much; that one is refused."""
    rows: list[Row] = []
    alone = [
        Work(work.source, work.tree, (entry,), work.place.with_suffix(f".{number}"))
        for number, entry in enumerate(work.entries)
    ]
    for outcome in map_files(partial(do, rules=rules), alone, time_s=FILE_S, memory_bytes=MEMORY_BYTES):
        one = outcome.item
        if outcome.value:
            return outcome.value
        rows += [_stopped(one, outcome.reason)] if outcome.value is None else read_rows(one.place)
        one.place.unlink(missing_ok=True)
    return finish(work, {}, rows)


def _stopped(work: Work, reason: str) -> Row:
    """The row of a file that was cut off; of a dataset, of the part that holds it."""
    entry, tree = work.entries[0], work.tree
    language = analysis.language_of(entry.path) or ""
    path = f"{entry.path}#{entry.row}" if entry.row else entry.path
    why = f"{reason}; with it go {entry.bytes:,} bytes of rows from this one on" if entry.row else reason
    return Row(work.key(entry), path, tree.name, tree.commit, language, tree.licence, "", entry.bytes, STOPPED, why)


def _curate(source: FileSource, tree: Tree, folder: Path, run: Run, progress: Progress) -> Curated:
    """One source. Listed twice, as a list of millions of files is not kept: the first time, to know how many."""
    total = sum(1 for _ in list_source(source, tree, Counter()))
    skipped: Counter[str] = Counter()
    places: list[Path] = []
    done = told = 0
    what = f"curating {tree.name}"

    def missing() -> Iterator[Work]:
        nonlocal done
        for entries in shards(list_source(source, tree, skipped)):
            work = Work(source, tree, entries, folder)
            place = folder / name_of(tree.name, [work.key(entry) for entry in entries], entries[0])
            places.append(place)
            if place.exists():
                done += len(entries)
            else:
                yield Work(source, tree, entries, place)

    for work, problem in run(missing()):
        if problem:
            raise DataError(
                f"shards of `{tree.name}` cannot be written: {problem}; free the place, and run again to go on"
            )
        done = told = done + len(work.entries)
        progress(what, done, max(done, total))
    if told < total:
        progress(what, total, total)
    return Curated(source, tree, place_of(source), tuple(places), skipped)
