"""Examples that need more of a source than one file: plans of its modules, and lessons of its history.

Made in this process after all files are decided on. No plan has files of both sides, and no past change of a held-out
file is trained on. What holds a part of a benchmark is left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from data.build import Curated, Progress
from data.config import DataConfig
from data.decide import Decided
from data.history import Commit, read_history
from data.redaction import redact
from data.shards import read_passed
from data.sources import RepositorySource, wants
from data.split import SplitBy, is_heldout
from data.tasks.history import HistoryConfig, history_examples
from data.tasks.plans import ModuleImports, plans
from data.work import Rules
from data.writing import Made
from hone.records import Example


def whole_examples(curated: Sequence[Curated], decided: Decided, rules: Rules, progress: Progress) -> list[Made]:
    """One part for each source that gives any. Raises `DataError` where git cannot read a history."""
    parts = []
    for one, first in zip(curated, decided.firsts, strict=True):
        examples = [*_planned(one, decided, first, rules.config), *_lessons(one, rules, progress)]
        if examples:
            sides = [[example for side, example in examples if side is held] for held in (False, True)]
            name = f"{one.name}, as a whole"
            parts.append(Made(tuple(sides[0]), tuple(sides[1]), name, "whole", one.tree.commit))
    return parts


def _planned(one: Curated, decided: Decided, number: int, config: DataConfig) -> Iterator[tuple[bool, Example]]:
    """Plans with whether they are held out. `number`: of the source's first file that passed the filters."""
    if not config.tasks.plans:
        return
    modules: defaultdict[tuple[str, bool], list[ModuleImports]] = defaultdict(list)
    for shard in one.shards:
        for row in read_passed(shard, "repository", "imports"):
            held, kept = bool(decided.heldout[number]), decided.kept[number] == number
            number += 1
            if kept and row["imports"]:
                found = msgspec.json.decode(row["imports"], type=ModuleImports)
                commit = one.tree.commit or found.origin.commit  # the file may not have changed since another one
                found = replace(found, origin=replace(found.origin, commit=commit))
                modules[row["repository"], held].append(found)
    for (_, held), some in sorted(modules.items()):
        yield from ((held, example) for example in plans(some, config.tasks.plans))


def _lessons(one: Curated, rules: Rules, progress: Progress) -> Iterator[tuple[bool, Example]]:
    """Examples of past commits with whether they are held out."""
    source, wanted = one.source, rules.config.tasks.history
    if not isinstance(source, RepositorySource) or not source.history or not wanted:
        return
    if not rules.config.licences.allows(one.tree.licence, stated=source.licence):
        return
    commits = read_history(
        Path(one.tree.place),
        one.tree.commit,
        lambda path: wants(source, path),
        most_commits=wanted.most_commits,
        max_files=wanted.max_files,
    )
    for number, commit in enumerate(commits, start=1):
        progress(f"reading the history of {one.name}", number, wanted.most_commits)
        for held, part in _by_side(commit, one, rules.config.split_by):
            yield from ((held, example) for example in _clean([part], wanted, one, rules))
    progress(f"reading the history of {one.name}", wanted.most_commits, wanted.most_commits)


def _clean(commits: Sequence[Commit], wanted: HistoryConfig, one: Curated, rules: Rules) -> Iterator[Example]:
    for example in history_examples(commits, wanted, source=one.name, licence=one.tree.licence):
        if not rules.sieve.findings(example.text, python=False):
            yield _redacted(example) if rules.config.redact else example


def _redacted(example: Example) -> Example:
    turns = tuple(replace(turn, content=redact(turn.content).text) for turn in example.turns)
    return replace(example, turns=turns)


def _by_side(commit: Commit, one: Curated, by: SplitBy | None) -> Iterator[tuple[bool, Commit]]:
    """A commit as its training and its held-out files; `files` still counts all, so that its message is not asked for
    where it has both."""
    fraction = one.source.heldout_fraction
    held = {
        change.path: is_heldout(one.name if by == "repository" else change.path, fraction) for change in commit.changes
    }
    for side in (False, True):
        changes = tuple(change for change in commit.changes if held[change.path] is side)
        if changes:
            yield side, replace(commit, changes=changes)
