"""Source trees: the files of a git commit, or of an installed package, as bytes with their commit and licence.

A commit is read from git's object store: no work tree, no attributes, no filters, no hooks. Nothing of a tree is run
or imported. What the files mean is read in `data.repository`.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from data.licences import is_licence_file, licence_of, recognise
from hone.errors import DataError
from hone.records import Record

MAX_FILE_BYTES = 1_000_000  # a longer file is data or generated; no hand-written module comes near
Wanted = Callable[[str], bool]  # a path within the tree → whether to read it

_TOO_LONG = f"longer than {MAX_FILE_BYTES:,} bytes"
_LOST = "missing from git's object store"


class SourceFile(Record, frozen=True):
    """One file: its path within the tree, with `/`."""

    path: str
    content: bytes


class SourceTree(Record, frozen=True):
    """What was read, sorted by path. `skipped` counts the wanted files that could not be, by reason."""

    name: str
    commit: str  # a git commit, or a package's version
    licence: str
    files: tuple[SourceFile, ...]
    skipped: dict[str, int]


def read_checkout(path: Path, commit: str | None, wanted: Wanted) -> SourceTree:
    """The wanted files of a local git repository (bare or not) at `commit`, or at HEAD where that is None.

    Raises `DataError` where the path is not a repository's top folder, or the commit is not in it.
    """
    top = _top_folder(path)
    pinned = _resolve(top, commit)
    skipped: Counter[str] = Counter()
    files: dict[str, str] = {}  # path → object id
    licences: list[str] = []
    for entry in _git(top, "ls-tree", "-r", "-l", "-z", "--full-tree", pinned).split(b"\0")[:-1]:
        facts, _, raw_name = entry.partition(b"\t")
        mode, _, identity, size = facts.decode().split()
        name = raw_name.decode(errors="replace")
        if is_licence_file(name) and mode.startswith("100"):
            licences.append(identity)
        if not wanted(name):
            continue
        if reason := _left_out(mode, size):
            skipped[reason] += 1
        else:
            files[name] = identity
    contents = _objects(top, [*licences, *files.values()])
    texts = [contents.get(identity, b"").decode(errors="replace") for identity in licences]
    found = [SourceFile(name, contents[identity]) for name, identity in sorted(files.items())]
    return SourceTree(top.name.removesuffix(".git"), pinned, recognise(texts), tuple(found), dict(skipped))


def read_package(name: str, wanted: Wanted) -> SourceTree:
    """The wanted files of a package that is installed beside Hone, by its distribution's or its import's name.

    Raises `DataError` where it is not installed, or only as a link to a checkout.
    """
    package = _distribution(name)
    listed = {path.as_posix(): Path(str(package.locate_file(path))) for path in package.files or ()}
    if any(path.startswith("__editable__") for path in listed):
        raise DataError(f"package `{name}` is installed as a link to its checkout; give that folder as `path` instead")
    skipped: Counter[str] = Counter()
    files = []
    for path, place in sorted(listed.items()):
        if path.startswith("..") or not wanted(path):
            continue
        content = _read(place)
        if isinstance(content, bytes):
            files.append(SourceFile(path, content))
        else:
            skipped[content] += 1
    return SourceTree(package.name, package.version, licence_of(package), tuple(files), dict(skipped))


def _read(place: Path) -> bytes | str:
    """A regular file's content, or the reason why it was left out."""
    try:
        if place.is_symlink():
            return "symbolic links"
        if not place.is_file():
            return "not regular files"
        return place.read_bytes() if place.stat().st_size <= MAX_FILE_BYTES else _TOO_LONG
    except OSError:
        return "unreadable"


def _left_out(mode: str, size: str) -> str:
    """Why an entry of a git tree is not read; empty where it is."""
    if mode == "120000":
        return "symbolic links"
    if mode == "160000":
        return "submodules"
    if not size.isdigit():  # git says `BAD`
        return _LOST
    return _TOO_LONG if int(size) > MAX_FILE_BYTES else ""


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        owners = metadata.packages_distributions().get(name, [])
    if not owners:
        raise DataError(f"package `{name}` is not installed here; install it, or give a git checkout as `path`")
    return metadata.distribution(owners[0])


def _top_folder(path: Path) -> Path:
    """The repository's own folder, checked."""
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"source `{path}` {problem}; `path` must name a local git checkout")
    top = path.resolve()
    inside = _git(top, "rev-parse", "--show-prefix").decode(errors="replace").strip()
    if inside:
        raise DataError(
            f"source `{path}` is the folder `{inside}` of a checkout; give the checkout, and narrow it with `include`"
        )
    return top


def _resolve(top: Path, commit: str | None) -> str:
    """A commit's full id."""
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", f"{commit or 'HEAD'}^{{commit}}").decode().strip()
    except DataError as error:
        if commit is None:
            raise DataError(f"source `{top}` has no commit yet; commit its files first", detail=error.detail) from error
        raise DataError(
            f"commit `{commit}` is not in source `{top}`; fetch it, or give one that `git log` shows",
            detail=error.detail,
        ) from error


def _objects(top: Path, identities: list[str]) -> dict[str, bytes]:
    """The contents of git objects by id; those that the store lacks are left out."""
    answer = _git(top, "cat-file", "--batch", stdin="".join(f"{identity}\n" for identity in identities).encode())
    contents: dict[str, bytes] = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        identity, kind, *size = answer[at:end].decode().split()
        at = end + 1
        if kind != "missing":
            contents[identity] = answer[at : at + int(size[0])]
            at += int(size[0]) + 1
    return contents


def _git(top: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Runs git on a repository. Its environment is ours alone: inside a hook, `GIT_DIR` would point elsewhere."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),  # for `safe.directory`
        "LC_ALL": "C",
        "GIT_NO_REPLACE_OBJECTS": "1",  # a replaced object is not the commit that was pinned
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(top), *arguments], input=stdin, capture_output=True, env=environment, check=False
        )
    except FileNotFoundError:
        raise DataError("`git` is not installed; install it (`apt install git`)") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise DataError(f"source `{top}` is not a git checkout; run `git init` and commit there, or name one")
        raise DataError(
            f"git cannot read source `{top}`: {said.splitlines()[0] if said else arguments[0]}", detail=said
        )
    return done.stdout
