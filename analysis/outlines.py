"""What is found in many files: from the cache what is known, the rest worked out in worker processes, in order."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from analysis.cache import Cache, key_of
from analysis.languages import language_of
from analysis.module import parse
from analysis.syntax import Fault, Syntax
from analysis.workers import MEMORY_BYTES, TIME_S, Outcome, Workers
from hone.batches import batches
from hone.errors import AnalysisError, HoneError
from hone.records import Record

MAX_FILE_BYTES = 10_000_000  # a longer one is data or generated
BATCH_FILES, BATCH_BYTES = 500, 30_000_000  # that are held at a time

Value = TypeVar("Value", bound=msgspec.Struct)
Task = tuple[str, bytes]  # language and content
_encode = msgspec.msgpack.Encoder().encode


class Outline(Record, frozen=True, gc=False):
    """What stands in a file, and where it is broken."""

    syntax: Syntax
    errors: tuple[Fault, ...] = ()


class Found(Record, Generic[Value], frozen=True):
    """What was worked out of one file, or the reason why nothing was."""

    path: Path
    language: str
    value: Value | None
    reason: str = ""  # empty where there is a value


class _Read(Record, frozen=True):
    """A file as it was at that moment; whoever changes it then changes nothing here."""

    path: Path
    language: str
    content: bytes = b""
    key: bytes = b""
    reason: str = ""


def outline(task: Task) -> bytes:
    """An `Outline` in MessagePack, by a worker."""
    language, content = task
    module = parse(content, language)
    return _encode(Outline(module.syntax, module.errors))


def outlines(
    paths: Iterable[Path],
    *,
    cache: Cache[Outline] | None = None,
    workers: int | None = None,
    time_s: float = TIME_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Found[Outline]]:
    """The outline of each file, in the order of the paths. With `workers=0` they are made here, without limits."""
    return work_out(paths, outline, Outline, cache=cache, workers=workers, time_s=time_s, memory_bytes=memory_bytes)


def work_out(
    paths: Iterable[Path],
    work: Callable[[Task], bytes],
    kind: type[Value],
    *,
    cache: Cache[Value] | None = None,
    workers: int | None = None,
    time_s: float = TIME_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Found[Value]]:
    """What `work` makes of each file whose name tells its language. `work` gives a `kind` in MessagePack, and stands in
    a module, for workers to import; its name is a part of the cache's keys."""
    decoder = msgspec.msgpack.Decoder(kind)
    with ExitStack() as stack:
        map_tasks: Callable[[Iterable[Task]], Iterator[Outcome[Task, bytes]]]
        if workers == 0:
            map_tasks = _here(work)
        else:
            pool = Workers(work, workers=workers, time_s=time_s, memory_bytes=memory_bytes)
            map_tasks = stack.enter_context(pool).map
        reads = (_read(path, work.__name__) for path in paths)
        for batch in batches(reads, lambda one: len(one.content), enough=BATCH_BYTES, most=BATCH_FILES):
            known = cache.get([one.key for one in batch if not one.reason]) if cache is not None else {}
            answers = map_tasks(
                [(one.language, one.content) for one in batch if not one.reason and one.key not in known]
            )
            for one in batch:
                if one.reason or one.key in known:
                    yield Found(one.path, one.language, known.get(one.key), one.reason)
                    continue
                answer = next(answers)
                if answer.value is None:
                    yield Found(one.path, one.language, None, answer.reason)
                    continue
                value = decoder.decode(answer.value)
                if cache is not None:
                    cache.put(one.key, value, answer.value)
                yield Found(one.path, one.language, value)


def _here(work: Callable[[Task], bytes]) -> Callable[[Iterable[Task]], Iterator[Outcome[Task, bytes]]]:
    def map_tasks(tasks: Iterable[Task]) -> Iterator[Outcome[Task, bytes]]:
        for task in tasks:
            try:
                yield Outcome(task, work(task))
            except HoneError as error:
                yield Outcome(task, None, str(error))

    return map_tasks


def _read(path: Path, what: str) -> _Read:
    language = language_of(path.name)
    if language is None:
        return _Read(path, "", reason="its name does not say its language")
    try:
        content = read_file(path)
    except AnalysisError as error:
        return _Read(path, language, reason=str(error))
    return _Read(path, language, content, key_of(what, language, content))


def read_file(path: Path) -> bytes:
    """A file's content. Raises `AnalysisError` with the reason where there is none, or too much of it."""
    try:
        if not path.is_file():  # a pipe would be waited for, a device never ends
            linked = path.is_symlink() and not path.exists()
            missing = "is a link that leads nowhere" if linked else "does not exist"
            raise AnalysisError("is not a regular file" if path.exists() else missing)
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise AnalysisError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    return checked(content)


def checked(content: bytes) -> bytes:
    """Gives content back. Raises `AnalysisError` with the reason where it is too long, or no text."""
    if len(content) > MAX_FILE_BYTES:
        raise AnalysisError(f"is longer than {MAX_FILE_BYTES / 1e6:g} MB")
    if b"\0" in content:
        raise AnalysisError("holds null bytes: it is binary, or no UTF-8")
    return content
