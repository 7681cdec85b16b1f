"""Git as a store of files: a commit's entries and contents, and how a repository elsewhere gets here.

A commit is read from git's object store: no work tree, no attributes, no filters, no hooks.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hone.errors import DataError

READ_BYTES = 1 << 16
OURS = {
    "LC_ALL": "C",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replaced object is not the commit that was pinned
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOGIN = re.compile(r"//[^/@\s]+@")


class GitEntry(NamedTuple):
    """One line of a commit's tree."""

    mode: str
    identity: str
    bytes: int | None  # None for a submodule, and for what the store has lost
    path: str


def top_folder(path: Path) -> Path:
    """A local repository's own folder, checked. Raises `DataError` where the path is none."""
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"source `{path}` {problem}; `path` must name a local git checkout")
    top = path.resolve()
    inside = run_git(top, "rev-parse", "--show-prefix").decode(errors="replace").strip()
    if inside:
        raise DataError(
            f"source `{path}` is the folder `{inside}` of a checkout; give the checkout, and narrow it with `include`"
        )
    return top


def resolve(top: Path, commit: str | None, *, called: str = "") -> str:
    """A commit's full id. Raises `DataError` where the repository has none such."""
    called = called or str(top)
    try:
        return run_git(top, "rev-parse", "--verify", "--quiet", f"{commit or 'HEAD'}^{{commit}}").decode().strip()
    except DataError as error:
        if commit is None:
            raise DataError(
                f"source `{called}` has no commit yet; commit its files first", detail=error.detail
            ) from error
        raise DataError(
            f"commit `{commit}` is not in source `{called}`; fetch it, or give one that `git log` shows",
            detail=error.detail,
        ) from error


def fetch(url: str, commit: str | None, folder: Path, *, history: bool) -> tuple[Path, str]:
    """Brings one commit of a repository elsewhere into a bare one below `folder`. Returns that one and the full id.

    A full id that is there already is not asked for again. Raises `DataError` with what git says.
    """
    shown = without_login(url)
    top = folder / hashlib.sha256(f"{url}\0{history}".encode()).hexdigest()[:16]
    if not (top / "HEAD").is_file():
        top.mkdir(parents=True, exist_ok=True)
        run_git(top, "init", "-q", "--bare", ".")
    if commit and _FULL_ID.fullmatch(commit):
        try:
            return top, resolve(top, commit)
        except DataError:
            pass
    depth = () if history else ("--depth=1",)
    try:
        _fetch(top, url, *depth, commit or "HEAD")
    except DataError as error:
        if not commit:
            raise _unfetched(shown, error, commit) from error
        try:  # a part of an id, or a server that hands out nothing but its branches
            _fetch(top, url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        except DataError as second:
            raise _unfetched(shown, second, commit) from second
        return top, resolve(top, commit, called=shown)
    return top, resolve(top, "FETCH_HEAD", called=shown)


def without_login(url: str) -> str:
    """A URL as it may be shown: a name or token before the host is nobody's business."""
    return _LOGIN.sub("//", url)


def entries(top: Path, commit: str, *paths: str, below: bool = True) -> Iterator[GitEntry]:
    """The files of a commit in the order of their paths, as git lists them; with `below`, those in folders too."""
    options = ["-r"] if below else []
    for line in _records(top, "ls-tree", *options, "-l", "-z", "--full-tree", commit, *paths):
        facts, _, name = line.partition(b"\t")
        mode, _, identity, size = facts.decode().split()
        yield GitEntry(mode, identity, int(size) if size.isdigit() else None, os.fsdecode(name))


def objects(top: Path, identities: Sequence[str]) -> dict[str, bytes]:
    """The contents of git objects by id; those that the store lacks are left out."""
    answer = run_git(top, "cat-file", "--batch", stdin="".join(f"{identity}\n" for identity in identities).encode())
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


def run_git(top: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Runs git on a repository and returns what it printed. Raises `DataError` with what it said."""
    return _run(top, arguments, _alone(), stdin)


def _fetch(top: Path, url: str, *what: str) -> None:
    """With the user's own settings: their keys, helpers and proxies are what lets them in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {name: os.environ[name] for name in ("GIT_SSH", "GIT_SSH_COMMAND") if name in os.environ}
    options = ("-q", "--no-tags", "--force", "--no-recurse-submodules")
    _run(top, ("fetch", *options, url, *what), environment | OURS)


def _run(top: Path, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes | None = None) -> bytes:
    """In an environment; without `stdin` it has ours."""
    try:
        done = subprocess.run(_command(top, *arguments), input=stdin, capture_output=True, env=environment, check=False)
    except FileNotFoundError:
        raise _no_git() from None
    if done.returncode:
        raise _failed(top, arguments[0], done.stderr)
    return done.stdout


def _records(top: Path, *arguments: str) -> Iterator[bytes]:
    """What git prints, cut at null bytes as it comes: a tree of millions of files need not lie in memory."""
    try:
        process = subprocess.Popen(
            _command(top, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_alone()
        )
    except FileNotFoundError:
        raise _no_git() from None
    assert process.stdout
    assert process.stderr
    with process:
        rest = b""
        while block := process.stdout.read(READ_BYTES):
            *whole, rest = (rest + block).split(b"\0")
            yield from whole
        said = process.stderr.read()
    if process.returncode:
        raise _failed(top, arguments[0], said)


def _command(top: Path, *arguments: str) -> list[str]:
    return ["git", "-C", str(top), *arguments]


def _alone() -> dict[str, str]:
    """An environment of our own: inside a hook, `GIT_DIR` would point elsewhere."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),  # for `safe.directory`
        **OURS,
    }


def _no_git() -> DataError:
    return DataError("`git` is not installed; install it (`apt install git`)")


def _failed(top: Path, command: str, stderr: bytes) -> DataError:
    said = _LOGIN.sub("//", stderr.decode(errors="replace").strip())
    if "not a git repository" in said and command != "fetch":
        return DataError(f"source `{top}` is not a git checkout; run `git init` and commit there, or name one")
    return DataError(f"git cannot read source `{top}`: {said.splitlines()[0] if said else command}", detail=said)


def _unfetched(shown: str, error: DataError, commit: str | None) -> DataError:
    pinned = commit is not None and _FULL_ID.fullmatch(commit)
    way_out = "" if pinned else "; a full commit id is fetched once and not asked for again"
    return DataError(f"git cannot fetch `{shown}`: {_said(error.detail)}{way_out}", detail=error.detail)


def _said(text: str) -> str:
    """The one line of git's that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))]
    line = (fatal or lines or ["it said nothing"])[0]
    return line.partition(": ")[2] or line
