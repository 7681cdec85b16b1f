"""From an example back to its lines: what became of its file, and the lines as they stand in the source."""

import mmap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from data import rows
from data.filters import MOST_BYTES, FilterConfig
from data.index import Indexed, find, removed_for
from data.reading import Unread, open_source, read_source
from data.redaction import redact
from data.sources import DatasetSource, FileSource, RepositorySource
from data.trees import Entry, Tree, listing
from hone.errors import DataError
from hone.records import Example, Manifest, Origin, Record, SourceUse, read_record

_ANY_SIZE = FilterConfig(max_bytes=MOST_BYTES)


class Trace(Record, frozen=True):
    """What a dataset knows of an example, or of a file of its sources."""

    use: SourceUse  # its source
    example: Example | None = None  # None where a file was asked for
    side: str = ""  # of the example
    file: Indexed | None = None  # None where the example was generated
    removed: tuple[str, ...] = ()  # files that were left out as duplicates of it: SOURCE/PATH


def trace(folder: Path, identity: str) -> Trace:
    """An example of the dataset in `folder` by its id, or a file by SOURCE/PATH. Raises `DataError` where none is."""
    uses = {use.name: use for use in read_record(folder / "manifest.json", Manifest).sources}
    found = next(_examples(folder, identity), None)
    if found is None:
        name, _, path = identity.partition("/")
        file = find(folder, name, path)
        if file is None or name not in uses:
            raise DataError(
                f"neither an example nor a file is called `{identity}`; `hone data show 20` lists examples, and "
                "files are called SOURCE/PATH"
            )
        return Trace(uses[name], file=file, removed=removed_for(folder, file))
    side, example = found
    file = _file_of(folder, example.origin, side) if example.origin.path else None
    return Trace(uses[example.origin.source], example, side, file, removed_for(folder, file) if file else ())


def lines_of(source: FileSource, file: Indexed, root: Path, fetched: Path) -> list[str]:
    """A file's lines, read from its source again and redacted.

    Raises `DataError` where it is gone, not the same, or no text.
    """
    pinned = source.model_copy(update={"commit": file.commit}) if isinstance(source, RepositorySource) else source
    tree = open_source(pinned, root, fetched)
    for _, one in read_source(pinned, tree, list(_entry(pinned, tree, file.path)), _ANY_SIZE):
        if one.file.path != file.path or file.digest not in ("", one.file.digest):  # a file not read has no digest
            continue
        if isinstance(one, Unread):
            raise DataError(f"`{file.path}` has none: {one.rejection.why}")
        return redact(one.file.text).text.split("\n")
    raise DataError(f"`{file.path}` is not in source `{file.source}` any more as it was; build the dataset again")


def _file_of(folder: Path, origin: Origin, side: str) -> Indexed:
    """The file as the example knows it; of the history, at another commit than the dataset's, or gone since."""
    file = find(folder, origin.source, origin.path) or Indexed(
        source=origin.source,
        repository=origin.source,
        commit=origin.commit,
        path=origin.path,
        language=origin.language,
        licence=origin.licence,
        digest=origin.digest,
        size=0,
        side=side,
        filter="",
        why="",
    )
    return replace(file, commit=origin.commit, digest=origin.digest or file.digest)


def _entry(source: FileSource, tree: Tree, path: str) -> Iterator[Entry]:
    """What has to be read to have one file."""
    if not isinstance(source, DatasetSource):
        return listing(tree, lambda one: one == path, Counter())
    name, _, rest = path.partition("#")
    number = int(rest.partition("/")[0])
    parts = [one for one in rows.parts(tree, source) if one.path == name and one.row <= number]
    return iter(parts[-1:])


def _examples(folder: Path, identity: str) -> Iterator[tuple[str, Example]]:
    """Those of this id, with their side. Finds them in the bytes: decoding a whole dataset takes minutes."""
    start = b'{"id":' + msgspec.json.encode(identity) + b","
    for side in ("train", "heldout"):
        path = folder / f"{side}.jsonl"
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                at = content.find(start)
                if at >= 0:
                    end = content.find(b"\n", at)
                    yield side, msgspec.json.decode(content[at:end], type=Example)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise DataError(f"`{path}` cannot be read: {error}; run `hone data build` to write it") from error
