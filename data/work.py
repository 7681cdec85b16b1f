"""What is done with each file on its own, in worker processes: licence, filters, signature, examples.

`curated` is pure; `do` reads a shard's files and writes what came of them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from data.allowed import is_allowed
from data.config import DataConfig
from data.examples import examples_of
from data.files import CodeFile
from data.filters import Facts, Rejection, rejected
from data.licences import licence_in
from data.reading import ReadFile, Unread, read_source
from data.shards import Row, earlier, key_of, read_rows, write_rows
from data.shingles import sign
from data.sources import FileSource
from data.trees import Entry, Tree
from hone.records import Example

EXAMPLE_KEY_BYTES = 8
_ENCODER = msgspec.json.Encoder()

Rows = dict[bytes, list[Row]]  # by the key of the entry; one row each, of a dataset's entry many


@dataclass(frozen=True)
class Work:
    """One shard that is to be made."""

    source: FileSource
    tree: Tree
    entries: tuple[Entry, ...]
    place: Path

    def key(self, entry: Entry) -> bytes:
        """See `key_of`."""
        return key_of(self.tree.name, self.tree.licence, entry)


def do(work: Work, config: DataConfig) -> int:
    """Makes a shard: takes over what an earlier one knows of the same files, and works on the others.

    Returns how many files those were. Raises `OSError` where the shard cannot be written.
    """
    rows = known(work)
    fresh = 0
    for key, file in unknown(work, rows, config):
        rows.setdefault(key, []).append(curated(key, file, work.source, config))
        fresh += 1
    finish(work, rows)
    return fresh


def known(work: Work) -> Rows:
    """What shards of an earlier state of the source say of the same files."""
    wanted = {work.key(entry) for entry in work.entries}
    found: Rows = {}
    for place in earlier(work.place.parent, work.place.name)[:1]:
        for row in read_rows(place):
            if row.key in wanted:
                found.setdefault(row.key, []).append(row)
    return found


def unknown(work: Work, rows: Rows, config: DataConfig) -> Iterator[tuple[bytes, ReadFile | Unread]]:
    """Reads the other files. Each with its entry's key."""
    entries = [entry for entry in work.entries if work.key(entry) not in rows]
    for number, file in read_source(work.source, work.tree, entries, config.filters):
        yield work.key(entries[number]), file


def finish(work: Work, rows: Rows) -> None:
    """Writes the shard."""
    keys = dict.fromkeys(work.key(entry) for entry in work.entries)
    write_rows(work.place, [row for key in keys for row in rows.get(key, [])])


def curated(key: bytes, read: ReadFile | Unread, source: FileSource, config: DataConfig) -> Row:
    """All that can be said of one file alone."""
    file = msgspec.structs.replace(read.file, licence=licence_in(read.file.text) or read.file.licence)
    refused = read.rejection if isinstance(read, Unread) else _refused(file, source, config)
    row = Row(
        key=key,
        path=file.path,
        repository=file.repository,
        commit=file.commit,
        language=file.language,
        licence=file.licence,
        digest=file.digest,
        size=read.bytes,
    )
    if refused:
        return msgspec.structs.replace(row, filter=refused.filter, why=refused.why)
    signed = sign([file.text.encode()])
    left_out: Counter[str] = Counter()
    examples = list(examples_of(file, config.tasks, left_out))
    return msgspec.structs.replace(
        row,
        text=file.text,
        text_digest=signed.digests,
        bands=signed.bands,
        documentation=Facts(file).comments,
        left_out=msgspec.json.encode(dict(sorted(left_out.items()))).decode(),
        examples=b"".join(_ENCODER.encode(example) + b"\n" for example in examples),
        example_keys=b"".join(example_key(example) for example in examples),
    )


def example_key(example: Example) -> bytes:
    """Equal for examples that differ in white space or in the context above the function."""
    name = example.entry_point.rpartition(".")[2]
    start = max(example.prompt.rfind(f"def {name}("), 0) if name else 0
    parts = [example.task, "".join((example.prompt[start:] + example.completion + example.suffix).split())]
    if example.turns:
        parts.append(msgspec.json.encode(example.turns).decode())
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=EXAMPLE_KEY_BYTES).digest()


def _refused(file: CodeFile, source: FileSource, config: DataConfig) -> Rejection | None:
    """By its licence, or else by the first filter."""
    stated = (source.licence,) if source.licence else ()
    if not is_allowed(file.licence, (*config.licences.allow, *stated), unknown=config.licences.unknown):
        return Rejection("licence", f"`{file.licence}` is not allowed" if file.licence else "nothing says its licence")
    return rejected(file, config.filters)
