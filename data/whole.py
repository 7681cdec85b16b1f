"""Examples of whole repositories: plans from how its files import each other, and lessons from its past commits.

Written beside the shards, each with its side. What touches a file that is held out is held out.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from data.build import Curated, Progress
from data.decide import Decided
from data.history import read_history
from data.shards import read_columns
from data.sources import RepositorySource, wants
from data.split import is_heldout
from data.tasks.history import HistoryConfig, history_examples
from data.tasks.plans import ModuleImports, plans
from data.work import Rules
from hone.files import write_atomic
from hone.records import Example

Sided = tuple[bool, Example]  # whether it is held out
Which = Callable[[str], bool]

_DECODER = msgspec.json.Decoder(Sided)


def make_wholes(
    sources: Sequence[Curated], decided: Decided, rules: Rules, folder: Path, progress: Progress
) -> dict[str, tuple[Path, ...]]:
    """For each source the files that hold its examples. Raises `DataError` where git cannot read a repository."""
    tasks = rules.config.tasks
    found: dict[str, tuple[Path, ...]] = {}
    first = 0
    for curated in sources:
        places: list[Path] = []
        held = _held(curated, rules)
        if isinstance(curated.source, RepositorySource) and curated.source.history and tasks.history:
            progress(f"reading the history of {curated.name}", 0, 1)
            places.append(_history(curated, curated.source, tasks.history, rules, folder))
            progress(f"reading the history of {curated.name}", 1, 1)
        if tasks.plans and curated.tree.kind != "dataset":
            made = plans(_modules(curated, decided, first), tasks.plans)
            places.append(_written(folder, "plans", curated, ((held(one.origin.path), one) for one in made), rules))
        first += sum(not row["filter"] for shard in curated.shards for row in read_columns(shard, "filter"))
        found[curated.name] = tuple(places)
    return found


def read_whole(place: Path) -> Iterator[Sided]:
    """What such a file holds."""
    with place.open("rb") as lines:
        for line in lines:
            yield _DECODER.decode(line)


def _held(curated: Curated, rules: Rules) -> Which:
    """Whether a file of a source is held out, as `data.decide` has it."""
    fraction = curated.source.heldout_fraction
    if rules.config.split_by == "repository":
        return lambda _path: is_heldout(curated.name, fraction)
    return lambda path: is_heldout(path, fraction)


def _history(curated: Curated, source: RepositorySource, config: HistoryConfig, rules: Rules, folder: Path) -> Path:
    """Past commits never change: what was made of them is kept as long as the last one is the same."""
    tree, held = curated.tree, _held(curated, rules)
    place = folder / _name("history", curated)
    if place.exists():
        return place

    def made() -> Iterator[Sided]:
        commits = read_history(
            Path(tree.place),
            tree.commit,
            lambda path: wants(source, path),
            most_commits=config.most_commits,
            max_files=config.max_files,
        )
        for commit in commits:
            side = any(held(change.path) for change in commit.changes)
            for example in history_examples([commit], config, source=tree.name, licence=tree.licence):
                yield side, example

    return _written(folder, "history", curated, made(), rules)


def _modules(curated: Curated, decided: Decided, first: int) -> Iterator[ModuleImports]:
    """What the files that were kept import."""
    number = first
    for shard in curated.shards:
        for row in read_columns(shard, "filter", "imports"):
            if row["filter"]:
                continue
            if row["imports"] and decided.kept[number] == number:
                yield msgspec.json.decode(row["imports"], type=ModuleImports)
            number += 1


def _written(folder: Path, kind: str, curated: Curated, examples: Iterable[Sided], rules: Rules) -> Path:
    """Writes those that no benchmark has a part of."""
    encoder = msgspec.json.Encoder()
    kept = [
        encoder.encode((side, example)) + b"\n"
        for side, example in examples
        if not any(rules.gate.findings(turn.content, python=False) for turn in example.turns)
    ]
    place = folder / _name(kind, curated)
    write_atomic(place, b"".join(kept))
    return place


def _name(kind: str, curated: Curated) -> str:
    tree = curated.tree
    source = curated.source.model_dump_json()
    what = f"{kind}\0{tree.name}\0{tree.commit}\0{tree.licence}\0{source}"
    return f"{kind}-{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}.jsonl"
