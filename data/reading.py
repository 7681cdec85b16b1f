"""Sources → files: each kind is opened, listed, and read in parts, and what cannot be read says why."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from analysis import LANGUAGES, language_of
from analysis.python import Fault
from data import rows, trees
from data.files import CodeFile, text_of
from data.filters import FilterConfig, Rejection, too_large
from data.git import without_login
from data.sources import DatasetSource, FileSource, PackageSource, RepositorySource, wants
from data.trees import Entry, Skipped, Tree
from hone.errors import DataError
from hone.files import sha256_bytes
from hone.records import Record

FETCHED = "git"  # the folder, below what is kept of single files, of repositories from elsewhere
Which = Callable[[str], bool]


class Unread(Record, frozen=True):
    """A file that has no text, and the filter that says so. Its text is empty."""

    file: CodeFile
    bytes: int
    rejection: Rejection


class ReadFile(Record, frozen=True):
    """A file with its text."""

    file: CodeFile
    bytes: int


def open_source(source: FileSource, root: Path, fetched: Path) -> Tree:
    """Finds a source; relative paths start at `root`, and what is elsewhere is fetched into `fetched`.

    Raises `DataError` where it is not there, with the way out.
    """
    try:
        tree = _opened(source, root, fetched)
    except PermissionError as error:  # of its licence too: one that cannot be read could forbid everything
        raise DataError(
            f"source `{place_of(source)}`: `{error.filename}` may not be read; give this user the right"
        ) from error
    return msgspec.structs.replace(tree, name=source.name or tree.name, licence=source.licence or tree.licence)


def place_of(source: FileSource) -> str:
    """Where a source is, as the recipe says it, without a login."""
    if isinstance(source, PackageSource):
        return source.package
    url = source.url if isinstance(source, RepositorySource) else None
    return without_login(url) if url else str(source.path)


def meaning_of(source: FileSource) -> str:
    """What else of a source decides how its bytes are read: of a dataset, which column is what."""
    if not isinstance(source, DatasetSource):
        return ""
    return source.model_dump_json(include={"columns", "language"})


def list_source(source: FileSource, tree: Tree, skipped: Skipped) -> Iterator[Entry]:
    """What there is to read, in an order that does not change. Raises `DataError` for a dataset that is broken."""
    if isinstance(source, DatasetSource):
        return rows.parts(tree, source)
    chosen = source
    return trees.listing(tree, lambda path: wants(chosen, path), skipped)


def read_source(
    source: FileSource, tree: Tree, entries: Sequence[Entry], filters: FilterConfig
) -> Iterator[tuple[int, ReadFile | Unread]]:
    """The files of some entries, each with its entry's number."""
    if isinstance(source, DatasetSource):
        for number, entry in enumerate(entries):
            for row in rows.rows(tree, entry, source):
                yield number, _from_row(row, tree, filters)
    else:
        found = trees.contents(tree, entries, filters.max_bytes)
        for number, (entry, raw) in enumerate(zip(entries, found, strict=True)):
            yield number, _from_bytes(raw, entry.bytes, tree, filters)


def _opened(source: FileSource, root: Path, fetched: Path) -> Tree:
    if isinstance(source, PackageSource):
        return trees.open_package(source.package)
    if isinstance(source, RepositorySource):
        if source.url:
            return trees.open_remote(source.url, source.commit, fetched, history=source.history)
        return trees.open_checkout(_place(root, source.path or ""), source.commit)
    place = _place(root, source.path)
    return rows.open_dataset(place) if isinstance(source, DatasetSource) else trees.open_folder(place)


def _place(root: Path, path: str) -> Path:
    return root / Path(path).expanduser()


def _from_bytes(raw: trees.Raw, size: int, tree: Tree, filters: FilterConfig) -> ReadFile | Unread:
    language = language_of(raw.path) or ""
    digest = sha256_bytes(raw.content) if not raw.problem and size <= filters.max_bytes else ""
    file = CodeFile(tree.name, tree.name, tree.commit, raw.path, language, tree.licence, digest, "")
    if refused := too_large(size, filters):
        return Unread(file, size, refused)
    if raw.problem:
        return Unread(file, size, Rejection("unreadable", raw.problem))
    return _with_text(file, size, text_of(raw.content, language))


def _from_row(row: rows.Row, tree: Tree, filters: FilterConfig) -> ReadFile | Unread:
    language = _NAMES.get(row.language, row.language) or language_of(row.path) or ""
    content = row.text.encode(errors="replace")
    digest = "" if row.problem else sha256_bytes(content)
    licence = row.licence or tree.licence
    file = CodeFile(tree.name, row.repository, row.commit or tree.commit, row.path, language, licence, digest, "")
    if row.problem:
        return Unread(file, 0, Rejection("unreadable", row.problem))
    if language not in LANGUAGES:
        said = f"`{language}` is none that analysis knows" if language else "nothing says which"
        return Unread(file, len(content), Rejection("language", said))
    if refused := too_large(len(content), filters):
        return Unread(file, len(content), refused)
    text = text_of(content, "")  # its bytes are ours: what it declares of its encoding was true elsewhere
    return _with_text(file, len(content), text)


def _with_text(file: CodeFile, size: int, text: str | Fault) -> ReadFile | Unread:
    if isinstance(text, Fault):
        return Unread(file, size, Rejection(text.reason, " ".join(text.message.split())))
    return ReadFile(msgspec.structs.replace(file, text=text), size)


_NAMES = {"c#": "csharp", "c++": "cpp", "js": "javascript", "ts": "typescript"}  # how datasets call some languages
