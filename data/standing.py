"""Where a recipe's sources stand now: enough to tell whether the next build could find something else in them.

Of a repository that is its commit; of what has no commit, every file's name and last change, unread.
"""

import hashlib
import platform
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data import rows
from data.config import DataConfig
from data.generated import GeneratedSource
from data.reading import list_source, open_source, place_of
from data.sources import DatasetSource, FileSource
from data.trees import Entry, Tree
from hone.errors import DataError
from hone.files import sha256_file
from hone.records import Record


class Standing(Record, frozen=True):
    """One thing that a dataset is made from, as it is now."""

    name: str
    kind: str  # "repository", "package", "folder", "dataset", "benchmark" or "library"
    place: str  # as the recipe says it, without a login
    state: str  # a commit, or a version and a digest, or one of them


class Standings(Record, frozen=True):
    """`artifacts/sources.json`: all of a recipe's."""

    sources: tuple[Standing, ...]


def standings(config: DataConfig, root: Path, fetched: Path) -> Standings:
    """Looks at each source and benchmark; relative paths start at `root`, and branches elsewhere are fetched into
    `fetched`.

    Raises `DataError` where one is not there or cannot be read. What is generated follows from the recipe alone.
    """
    found = [_of_source(one, root, fetched) for one in config.sources if not isinstance(one, GeneratedSource)]
    found += [_of_benchmark(one.path, root) for one in config.decontaminate]
    if config.corpus is not None and config.corpus.library:
        found.append(Standing("library", "library", "Python's standard library", platform.python_version()))
    return Standings(tuple(found))


def _of_source(source: FileSource, root: Path, fetched: Path) -> Standing:
    tree = open_source(source, root, fetched)
    state = tree.commit if tree.kind == "repository" else _digest(source, tree)
    return Standing(tree.name, tree.kind, place_of(source), state)


def _digest(source: FileSource, tree: Tree) -> str:
    """Of everything that a build would read, behind a package's version. Of millions of files no list is held."""
    whole = hashlib.sha256(f"{tree.licence}\n".encode())
    for entry in _entries(source, tree):
        whole.update(f"{entry.path}\0{entry.identity}\n".encode())
    return f"{tree.commit} sha256:{whole.hexdigest()}".lstrip()


def _entries(source: FileSource, tree: Tree) -> Iterator[Entry]:
    return rows.files(tree) if isinstance(source, DatasetSource) else list_source(source, tree, Counter())


def _of_benchmark(path: str, root: Path) -> Standing:
    place = root / Path(path).expanduser()
    try:
        return Standing(place.name, "benchmark", path, sha256_file(place))
    except OSError as error:
        raise DataError(
            f"`{place}` cannot be read: {(error.strerror or str(error)).lower()}; see `decontaminate`"
        ) from error
