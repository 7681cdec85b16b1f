"""Source trees: the files of a git commit, of an installed package, or of a folder; first listed, then read in parts.

Nothing of a tree is run or imported, and no link is followed. What the files mean is not read here.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from data import git
from data.licences import is_licence_file, licence_of, recognise
from hone.errors import DataError
from hone.records import Record

Wanted = Callable[[str], bool]  # a path within the tree → whether to read it
Skipped = Counter[str]  # why → how many of the wanted files

LOST = "missing from git's object store"
CHANGED = "changed while it was read"
UNREADABLE = "unreadable"
LINK, IRREGULAR, SUBMODULE = "symbolic links", "not regular files", "submodules"
NAMELESS = "names that are not UTF-8"


class Tree(Record, frozen=True):
    """A source that was found: what pins it, and where it lies."""

    name: str
    kind: str  # "repository", "package", "folder" or "dataset"
    place: str  # a path on this machine
    commit: str = ""  # a git commit, or a package's version
    licence: str = ""
    url: str = ""  # where a repository came from, without a login


class Entry(Record, frozen=True):
    """One file of a tree, or a part of a dataset's. `identity` changes with the content."""

    path: str
    identity: str  # git's object id, or a file's facts
    bytes: int
    start: int = 0  # of a dataset's part: where its rows begin, in the unit of the format
    end: int = 0
    row: int = 0  # of a dataset's part: the number of its first row


class Raw(Record, frozen=True):
    """One file as bytes; or why there are none."""

    path: str
    content: bytes
    problem: str = ""


def open_checkout(path: Path, commit: str | None) -> Tree:
    """A local git repository (bare or not) at `commit`, or at HEAD where that is None.

    Raises `DataError` where the path is not a repository's top folder, or the commit is not in it.
    """
    top = git.top_folder(path)
    pinned = git.resolve(top, commit)
    return Tree(top.name.removesuffix(".git"), "repository", str(top), pinned, _licence_at(top, pinned))


def open_remote(url: str, commit: str | None, folder: Path, *, history: bool) -> Tree:
    """The same of a repository elsewhere, fetched into `folder`. Raises `DataError` with what git says."""
    top, pinned = git.fetch(url, commit, folder, history=history)
    shown = git.without_login(url)
    name = shown.rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    return Tree(name, "repository", str(top), pinned, _licence_at(top, pinned), shown)


def open_package(name: str) -> Tree:
    """A package that is installed beside Hone, by its distribution's or its import's name.

    Raises `DataError` where it is not installed, or only as a link to a checkout.
    """
    package = _distribution(name)
    if any(path.as_posix().startswith("__editable__") for path in package.files or ()):
        raise DataError(f"package `{name}` is installed as a link to its checkout; give that folder as `path` instead")
    place = str(package.locate_file(""))
    return Tree(package.name, "package", place, package.version, licence_of(package))


def open_folder(path: Path) -> Tree:
    """A folder as it is. Raises `DataError` where there is none."""
    if not path.is_dir():
        raise DataError(f"source `{path}` {'is not a folder' if path.exists() else 'does not exist'}; name a folder")
    top = path.resolve()
    texts = [
        place.read_text(errors="replace")
        for place in sorted(top.iterdir())
        if is_licence_file(place.name) and place.is_file() and not place.is_symlink()
    ]
    return Tree(top.name, "folder", str(top), "", recognise(texts))


def listing(tree: Tree, wanted: Wanted, skipped: Skipped) -> Iterator[Entry]:
    """The wanted files in the order of their paths. What is none is counted in `skipped`."""
    if tree.kind == "repository":
        return _committed(Path(tree.place), tree.commit, wanted, skipped)
    if tree.kind == "package":
        return _installed(tree, wanted, skipped)
    return _below(Path(tree.place), wanted, skipped)


def contents(tree: Tree, entries: Sequence[Entry], most_bytes: int) -> Iterator[Raw]:
    """The files' bytes, but for those that are longer than `most_bytes`, in the entries' order."""
    if tree.kind == "repository":
        found = git.objects(Path(tree.place), [entry.identity for entry in entries if entry.bytes <= most_bytes])
        for entry in entries:
            content = found.get(entry.identity)
            lost = content is None and entry.bytes <= most_bytes
            yield Raw(entry.path, content or b"", LOST if lost else "")
    else:
        for entry in entries:
            yield _read(Path(tree.place), entry, most_bytes)


def _committed(top: Path, commit: str, wanted: Wanted, skipped: Skipped) -> Iterator[Entry]:
    for mode, identity, size, path in git.entries(top, commit):
        if mode == "160000":
            skipped[SUBMODULE] += 1
        elif not wanted(path):
            continue
        elif not _is_text(path):
            skipped[NAMELESS] += 1
        elif mode == "120000":
            skipped[LINK] += 1
        elif size is None:
            skipped[LOST] += 1
        else:
            yield Entry(path, identity, size)


def _installed(tree: Tree, wanted: Wanted, skipped: Skipped) -> Iterator[Entry]:
    for path in sorted(path.as_posix() for path in metadata.distribution(tree.name).files or ()):
        if not path.startswith("..") and wanted(path):
            yield from _entry(Path(tree.place, path), path, skipped)


def _below(top: Path, wanted: Wanted, skipped: Skipped) -> Iterator[Entry]:
    """Folders sort as with a slash behind their names, so that whole paths come in their order."""
    waiting = [""]  # the last one is next; folders can lie deeper than Python can call
    while waiting:
        path = waiting.pop()
        if path and not path.endswith("/"):
            yield from _entry(top / path, path, skipped)
            continue
        for name in reversed(_names(top / path, skipped)):
            if name == ".git/":
                continue
            if not _is_text(name):
                skipped[NAMELESS] += 1
            elif name.endswith("/") or wanted(path + name):
                waiting.append(path + name)


def _names(folder: Path, skipped: Skipped) -> list[str]:
    """What lies in a folder, sorted; other folders end with a slash."""
    try:
        with os.scandir(folder) as found:
            return sorted((f"{one.name}/" if one.is_dir(follow_symlinks=False) else one.name) for one in found)
    except OSError:
        skipped[f"folders: {UNREADABLE}"] += 1
        return []


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8; JSON cannot carry others."""
    return name.isprintable() or name.encode(errors="replace").decode() == name


def _entry(place: Path, path: str, skipped: Skipped) -> Iterator[Entry]:
    try:
        facts = place.lstat()
    except OSError:
        skipped[UNREADABLE] += 1
        return
    if stat.S_ISLNK(facts.st_mode):
        skipped[LINK] += 1
    elif not stat.S_ISREG(facts.st_mode):
        skipped[IRREGULAR] += 1
    else:
        yield Entry(path, identity_of(facts), facts.st_size)


def identity_of(facts: os.stat_result) -> str:
    """Changes with every write: no program can set the time of a file's last change of state."""
    return f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ctime_ns}-{facts.st_ino}"


def _read(top: Path, entry: Entry, most_bytes: int) -> Raw:
    """Once, and whole: what changed since it was listed, or while it was read, is refused."""
    if entry.bytes > most_bytes:
        return Raw(entry.path, b"")
    try:
        handle = os.open(top / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
            before = identity_of(os.fstat(handle))
            content = file.read() if before == entry.identity else b""
            after = identity_of(os.fstat(handle))
    except OSError:
        return Raw(entry.path, b"", UNREADABLE)
    return Raw(entry.path, content) if before == after == entry.identity else Raw(entry.path, b"", CHANGED)


def _licence_at(top: Path, commit: str) -> str:
    """By the texts at the top of a commit."""
    found = [one for one in git.entries(top, commit, below=False) if one.mode.startswith("100")]
    identities = [one.identity for one in found if is_licence_file(one.path)]
    return recognise(content.decode(errors="replace") for content in git.objects(top, identities).values())


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        owners = metadata.packages_distributions().get(name, [])
    if not owners:
        raise DataError(f"package `{name}` is not installed here; install it, or give a git checkout as `path`")
    return metadata.distribution(owners[0])
