"""Past commits of a git repository: messages, and the files that they changed, before and after.

Read from the object store, newest first; merges are left out. What is made of them is said in `data.tasks.history`.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from analysis import language_of
from data.files import text_of
from data.git import objects, run_git
from hone.files import sha256_bytes
from hone.records import Record

LONGEST = 200_000  # bytes of a file before or after
AT_ONCE = 100  # commits whose files are held in memory
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BETWEEN, _WITHIN = b"\x1e", b"\x1f"  # that git is told to print around what it says of a commit
_FORMAT = "--format=%x1e%H%x1f%B%x1f"


class Change(Record, frozen=True):
    """One file that a commit changed. A text is empty where the file was not there."""

    path: str
    language: str
    before: str
    after: str
    digest: str  # of the bytes after; empty where the file is gone


class Commit(Record, frozen=True):
    """One commit. `changes` are of wanted files alone; `files` counts all that it changed."""

    id: str
    message: str
    changes: tuple[Change, ...]
    files: int


class _Listed(Record, frozen=True):
    """A commit on its way: its wanted files as paths with the ids of their contents."""

    id: str
    message: str
    paths: tuple[tuple[str, str, str], ...]  # path, before, after
    files: int


def read_history(
    top: Path, commit: str, wanted: Callable[[str], bool], *, most_commits: int, max_files: int
) -> Iterator[Commit]:
    """The newest `most_commits` commits that lead to `commit`, without those that change more than `max_files` files.

    Files that are not wanted, in no known language, too long, no text or missing from the store are left out of their
    commits. Raises `DataError` where git cannot read the repository.
    """
    newest = ("--no-merges", "-n", str(most_commits))
    raw = ("--raw", "-r", "-z", "--no-abbrev", "--no-renames")
    said = run_git(top, "-c", "log.showSignature=false", "log", *newest, _FORMAT, *raw, commit, "--")
    listed = (one for entry in said.split(_BETWEEN)[1:] if (one := _listed(entry, wanted)) and one.files <= max_files)
    while some := list(islice(listed, AT_ONCE)):
        identities = {identity for one in some for _, *both in one.paths for identity in both if identity.strip("0")}
        contents = objects(top, _short(top, sorted(identities)))
        yield from (_commit(one, contents) for one in some)


def _listed(entry: bytes, wanted: Callable[[str], bool]) -> _Listed | None:
    """Reads what git prints of one commit; None where a message holds what it must not."""
    identity, *middle, raw = entry.split(_WITHIN)
    if len(middle) != 1 or not _ID.fullmatch(identity.decode(errors="replace")):
        return None
    parts = raw.strip(b"\n\0").split(b"\0")
    facts, names = parts[::2], [name.decode(errors="replace") for name in parts[1::2]]
    paths = []
    for fact, name in zip(facts, names, strict=False):
        modes_and_ids = fact.decode(errors="replace").lstrip("\n:").split()
        if len(modes_and_ids) != 5:
            continue
        old_mode, new_mode, old, new, _ = modes_and_ids
        regular = all(mode.startswith("100") or not mode.strip("0") for mode in (old_mode, new_mode))
        if regular and language_of(name) and wanted(name):
            paths.append((name, old, new))
    return _Listed(identity.decode(), middle[0].decode(errors="replace").strip(), tuple(paths), len(names))


def _short(top: Path, identities: list[str]) -> list[str]:
    """Those whose contents are not too long to be read."""
    asked = "".join(f"{identity}\n" for identity in identities).encode()
    sizes = run_git(top, "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=asked)
    found = (line.split() for line in sizes.decode().splitlines())
    return [facts[0] for facts in found if len(facts) == 3 and facts[1] == "blob" and int(facts[2]) <= LONGEST]


def _commit(listed: _Listed, contents: dict[str, bytes]) -> Commit:
    changes = []
    for path, old, new in listed.paths:
        sides = [contents.get(identity) if identity.strip("0") else b"" for identity in (old, new)]
        language = language_of(path) or ""
        texts = [text_of(side, language) if side is not None else None for side in sides]
        before, after = texts
        if isinstance(before, str) and isinstance(after, str) and before != after:
            digest = sha256_bytes(sides[1]) if sides[1] else ""
            changes.append(Change(path, language, before, after, digest))
    return Commit(listed.id, listed.message, tuple(changes), listed.files)
