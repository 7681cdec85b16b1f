"""What is done with each file on its own, in worker processes: licence, filters, signature, examples.

`rows_of` is pure; `do` reads a shard's files and writes what came of them.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analysis.likeness import MIN_NODES, likenesses
from data.config import DataConfig
from data.decontamination import Finding, Sieve, without
from data.examples import LeftOut, TaskConfig, examples_of
from data.files import CodeFile
from data.filters import Facts, Rejection, rejected
from data.licences import licence_in
from data.reading import ReadFile, Unread, meaning_of, read_source
from data.redaction import Redacted, redact
from data.shards import Row, earlier, key_of, read_rows, write_rows
from data.shingles import sign
from data.sources import FileSource
from data.suites import Suite
from data.tasks.bodies import TO_BODY
from data.tasks.plans import module_of
from data.trees import Entry, Tree
from hone.collector import uncollected
from hone.errors import DataError
from hone.records import Example

EXAMPLE_KEY_BYTES = 8
NO_TREE = bytes(EXAMPLE_KEY_BYTES)
_ENCODER = msgspec.json.Encoder()

CONTAMINATED = "contaminated"  # the filter's name for what stands in a benchmark
MOST_FINDINGS = 10  # that are told of one file

Rows = dict[bytes, list[Row]]  # by the key of the entry; one row each, of a dataset's entry many


@dataclass(frozen=True)
class Rules:
    """What decides on a file: the configuration, and the benchmarks that it keeps out, read."""

    config: DataConfig
    suites: tuple[Suite, ...]
    sieve: Sieve  # of the suites


@dataclass(frozen=True)
class Work:
    """One shard that is to be made."""

    source: FileSource
    tree: Tree
    entries: tuple[Entry, ...]
    place: Path

    def key(self, entry: Entry) -> bytes:
        """See `key_of`. A licence that the recipe states is allowed, one that was found may not be."""
        return key_of(self.tree.name, f"{self.tree.licence}\0{self.source.licence}\0{meaning_of(self.source)}", entry)


def do(work: Work, rules: Rules) -> str:
    """Makes a shard: takes over what an earlier one knows of the same files, and works on the others.

    Returns why it cannot be written; nothing where it is.
    """
    rows = known(work)
    return finish(work, rows, rows_of(unknown(work, rows, rules.config), work.source, rules))


def known(work: Work) -> Rows:
    """What shards of an earlier state of the source say of the same files."""
    wanted = {work.key(entry) for entry in work.entries}
    for place in earlier(work.place.parent, work.place.name)[:1]:
        with suppress(DataError):  # a damaged one is as good as none
            return _by_key(row for row in read_rows(place) if row.key in wanted)
    return {}


def unknown(work: Work, rows: Rows, config: DataConfig) -> Iterator[tuple[bytes, ReadFile | Unread]]:
    """Reads the other files. Each with its entry's key."""
    entries = [entry for entry in work.entries if work.key(entry) not in rows]
    for number, file in read_source(work.source, work.tree, entries, config.filters):
        yield work.key(entries[number]), file


def trouble(error: OSError) -> str:
    """What the system says; Parquet's own library says more, on lines of its own."""
    return os.strerror(error.errno) if error.errno else " ".join(str(error).split())


def finish(work: Work, rows: Rows, fresh: Iterable[Row]) -> str:
    """Writes the shard: what was known, and what was made. Returns why it cannot be written; nothing where it is."""
    rows = rows | _by_key(fresh)
    keys = dict.fromkeys(work.key(entry) for entry in work.entries)
    try:
        write_rows(work.place, [row for key in keys for row in rows.get(key, [])])
    except OSError as error:
        return trouble(error)
    return ""


def _by_key(rows: Iterable[Row]) -> Rows:
    found: Rows = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found


def rows_of(files: Iterable[tuple[bytes, ReadFile | Unread]], source: FileSource, rules: Rules) -> list[Row]:
    """All that can be said of each file alone, in their order; each comes with its entry's key."""
    with uncollected():  # there are no cycles in syntax trees, and to look for them takes a seventh of all
        rows = [_row(key, file, source, rules) for key, file in files]
        return _signed(rows)


def _signed(rows: list[Row]) -> list[Row]:
    """With the digests and signatures of the texts that passed: made together: a call costs something too."""
    numbers = [number for number, row in enumerate(rows) if not row.filter]
    signed = sign([rows[number].text.encode() for number in numbers])
    for number, digest, bands in zip(numbers, *signed.each(), strict=True):
        rows[number] = msgspec.structs.replace(rows[number], text_digest=digest, bands=bands)
    return rows


def _row(key: bytes, read: ReadFile | Unread, source: FileSource, rules: Rules) -> Row:
    """All that can be said of one file, but for its signature."""
    file = msgspec.structs.replace(read.file, licence=licence_in(read.file.text) or read.file.licence)
    refused = read.rejection if isinstance(read, Unread) else _refused(file, source, rules.config)
    findings = () if refused else rules.sieve.findings(file.text, python=file.language == "python")
    if large := [finding for finding in findings if not finding.small]:
        refused = _contaminated(large)
    elif findings:
        file = msgspec.structs.replace(file, text=without(file.text, findings))
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
    if findings:
        tasks = sorted({(finding.suite, finding.task) for finding in findings})
        row = msgspec.structs.replace(row, overlaps=msgspec.json.encode(tasks).decode())
    if refused:
        why = redact(refused.why).text if rules.config.redact else refused.why  # a filter may quote the file
        return msgspec.structs.replace(row, filter=refused.filter, why=why)
    redacted = redact(file.text) if rules.config.redact else Redacted(file.text, {})
    file = msgspec.structs.replace(file, text=redacted.text)
    left_out: LeftOut = defaultdict(Counter)
    examples = list(examples_of(file, rules.config.tasks, left_out))
    return msgspec.structs.replace(
        row,
        text=file.text,
        documentation=Facts(file).comments,
        redacted=msgspec.json.encode(dict(sorted(redacted.counts.items()))).decode(),
        left_out=msgspec.json.encode(
            {task: reasons for task, reasons in left_out.items() if reasons}, order="deterministic"
        ).decode(),
        imports=_imports(file, rules.config.tasks),
        examples=b"".join(_ENCODER.encode(example) + b"\n" for example in examples),
        example_keys=b"".join(example_key(example) for example in examples),
        example_trees=b"".join(_trees(file, examples)),
    )


def _imports(file: CodeFile, tasks: TaskConfig) -> str:
    found = module_of(file) if tasks.plans else None
    return msgspec.json.encode(found).decode() if found else ""


def example_key(example: Example) -> bytes:
    """Equal for examples that differ in white space, or of a function and its body in the context above it."""
    name = example.entry_point.rpartition(".")[2]
    start = max(example.prompt.rfind(f"def {name}("), 0)
    parts = [example.prompt[start:] + example.completion]
    if example.task != TO_BODY:  # where one part ends tells such examples apart
        turns = msgspec.json.encode(example.turns).decode()
        parts = [example.task, example.prompt, example.completion, example.suffix, turns]
    joined = "\0".join("".join(part.split()) for part in parts)
    return hashlib.blake2b(joined.encode(), digest_size=EXAMPLE_KEY_BYTES).digest()


def _trees(file: CodeFile, examples: Sequence[Example]) -> Iterator[bytes]:
    """Of each example that is a whole Python function of some size, what it has in common with others like it."""
    ends = {example.origin.last_line for example in examples if example.task == TO_BODY}
    found = likenesses(file.text, ending=ends) if ends and file.language == "python" else None
    known = {(one.name, one.last_line): one.digest for one in found or () if one.nodes >= MIN_NODES}
    for example in examples:
        name = example.entry_point.rpartition(".")[2]
        digest = known.get((name, example.origin.last_line), "") if example.task == TO_BODY else ""
        yield bytes.fromhex(digest[7 : 7 + 2 * EXAMPLE_KEY_BYTES]) if digest else NO_TREE


def _refused(file: CodeFile, source: FileSource, config: DataConfig) -> Rejection | None:
    """By its licence, or else by the first filter."""
    if not config.licences.allows(file.licence, stated=source.licence):
        return Rejection("licence", f"`{file.licence}` is not allowed" if file.licence else "nothing says its licence")
    return rejected(file, config.filters)


def _contaminated(findings: Sequence[Finding]) -> Rejection:
    said = [
        f"lines {one.first_line}-{one.last_line} are of {one.suite} {one.task} ({one.kind})"
        for one in findings[:MOST_FINDINGS]
    ]
    more = [f"and {len(findings) - MOST_FINDINGS} more"] if len(findings) > MOST_FINDINGS else []
    return Rejection(CONTAMINATED, "; ".join([*said, *more]))
