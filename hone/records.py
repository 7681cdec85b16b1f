"""The frozen records that cross folders, and how they are read and written as JSON.

They hold facts only. Who makes a record and who reads it is said in its docstring. Times are seconds since
the epoch, UTC. Digests are `sha256:` and 64 hex digits.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from hone.errors import DataError
from hone.files import write_atomic

Json = Any  # a value that JSON can carry
R = TypeVar("R", bound=msgspec.Struct)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value; unknown fields in JSON are errors."""


class Origin(Record, frozen=True, omit_defaults=True):
    """Where an example comes from: data → everyone."""

    source: str  # "generated", or the repository's or package's name
    commit: str = ""  # git commit or package version; empty for generated
    path: str = ""  # file within the source
    first_line: int = 0  # 1-based, inclusive
    last_line: int = 0
    licence: str = ""  # SPDX identifier where known
    language: str = ""  # by `analysis`'s name
    digest: str = ""  # of the whole file's bytes


class TestCase(Record, frozen=True):
    """One call of the function under test and what it must return. JSON values only."""

    __test__ = False  # not a pytest class

    arguments: tuple[Json, ...]
    expected: Json


class ToolCall(Record, frozen=True):
    """One call that an assistant makes."""

    name: str
    arguments: dict[str, Json]


class Turn(Record, frozen=True, omit_defaults=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    calls: tuple[ToolCall, ...] = ()


class Example(Record, frozen=True, omit_defaults=True):
    """What a model learns from, or is measured on: data → training, evaluation.

    A text: `prompt`, then `completion`, which alone is trained on. A gap (`task` "fill"): `prompt` is before it,
    `suffix` behind it, `completion` in it. A conversation: `turns`, of which the assistant's are trained on; prompt and
    completion are empty. `tests` is empty where the code cannot be executed by itself (repository sources).
    """

    id: str
    prompt: str
    completion: str
    entry_point: str
    origin: Origin
    tests: tuple[TestCase, ...] = ()
    task: str = "docstring-to-body"
    suffix: str = ""
    suffix_first: bool = False  # of a gap: SPM and not PSM (Bavarian et al. 2022, section 3)
    turns: tuple[Turn, ...] = ()
    tools: tuple[Json, ...] = ()  # that a conversation may call, as OpenAI's `tools` describe them

    @property
    def text(self) -> str:
        """All that is given and said in it, in the order of the source: for comparing with other texts."""
        calls = [msgspec.json.encode(call.arguments).decode() for turn in self.turns for call in turn.calls]
        return self.prompt + self.completion + self.suffix + "\n".join([*(turn.content for turn in self.turns), *calls])


class Split(Record, frozen=True):
    """One file of a dataset."""

    name: str  # "train" | "heldout" | "corpus"
    examples: int
    bytes: int
    digest: str


class SourceUse(Record, frozen=True):
    """What one source gave to a dataset."""

    name: str
    kind: str  # "generated" | "repository" | "package" | "folder" | "dataset" | "library"
    commit: str
    licence: str
    files: int
    examples: int
    duplicates: int  # exact duplicates removed
    skipped: dict[str, int] = {}  # reason → files left out
    place: str = ""  # where it was read from, as the recipe says it


class Manifest(Record, frozen=True):
    """What a dataset is made of: data → training, evaluation, registry."""

    digest: str  # over the splits' digests
    sources: tuple[SourceUse, ...]
    splits: tuple[Split, ...]


class PassRate(Record, frozen=True):
    """Tasks passed out of tasks tried, with the Wilson 95 % interval."""

    passed: int
    tasks: int
    rate: float
    low: float
    high: float


class PairedTest(Record, frozen=True):
    """Exact McNemar test of tuned against base on the same tasks."""

    wins: int  # tuned passes, base fails
    losses: int  # base passes, tuned fails
    p_value: float


class LossDifference(Record, frozen=True):
    """Held-out loss in nats per token; `difference` is tuned minus base with a paired bootstrap over files."""

    base: float
    tuned: float
    difference: float
    low: float
    high: float
    tokens: int
    files: int


class TrainingOverlap(Record, frozen=True):
    """How many of the measured tasks stand in the training data, and the scores on the others, each as beside the full.

    A score is None where no other task is left, or it was not measured at all.
    """

    tasks: int
    contaminated: int
    documents: int  # of the training data that was looked through
    base: PassRate | None = None
    tuned: PassRate | None = None
    paired: PairedTest | None = None
    loss: LossDifference | None = None


class LeakCount(Record, frozen=True):
    """What the tuned model's generations give away, in generations."""

    generations: int
    repeating: int  # 50 tokens or more of the training data, word for word
    secrets: int  # what looks like a secret


class Evidence(Record, frozen=True):
    """What was measured of an adapter: evaluation → registry. Bound to exact bytes by its digests.

    A field that is unset was not looked for, and is not written: so evidence of before it was there keeps its digest.
    """

    suite: str
    adapter_digest: str
    base_digest: str
    dataset_digest: str
    isolation: str  # which sandbox ran the code; empty where nothing was executed
    base: PassRate | None = None
    tuned: PassRate | None = None
    paired: PairedTest | None = None
    loss: LossDifference | None = None
    measured_at: float = 0.0
    flaky: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET  # tasks with a verdict that changed between runs
    overlap: TrainingOverlap | msgspec.UnsetType = msgspec.UNSET
    leaks: LeakCount | msgspec.UnsetType = msgspec.UNSET


class Verdict(Record, frozen=True):
    """The gate's answer for one adapter: registry → pipelines, deployment."""

    passed: bool
    reasons: tuple[str, ...]  # one line per check, passed or not
    adapter_digest: str
    evidence_digest: str
    policy_digest: str
    champion_version: str = ""  # who it was compared with, empty if nobody
    decided_at: float = 0.0


class ModelVersion(Record, frozen=True):
    """A registered model version with its lineage: registry → pipelines, deployment."""

    name: str
    version: str
    run_id: str
    adapter_digest: str
    base_digest: str
    dataset_digest: str
    git_commit: str
    verdict: Verdict
    aliases: tuple[str, ...] = ()
    source: str = ""  # MLflow's URI of the logged adapter


class Image(Record, frozen=True):
    """A built image: deployment → pipelines. For the process engine there is none."""

    reference: str  # name:tag
    digest: str  # the image's content digest (`docker inspect` Id)
    bytes: int
    weights_bytes: int


class Deployment(Record, frozen=True):
    """One model version running somewhere: deployment → router, pipelines."""

    id: str
    model_name: str
    model_version: str
    adapter_digest: str
    engine: str  # "docker" | "process"
    url: str  # http://127.0.0.1:PORT
    handle: str  # the engine's own name for it: container or daemon name
    image_digest: str = ""
    image_reference: str = ""
    image_bytes: int = 0
    started_at: float = 0.0
    start_to_ready_s: float = 0.0
    weights_digest: str = ""  # of the converted weights' folder
    spec_digest: str = ""  # over everything that makes it what it is: equal ones answer alike
    verdict: str = ""  # the gate's on these bytes: "passed" or "failed"
    chat: bool = True  # it has a chat template


class Endpoint(Record, frozen=True):
    """Where traffic goes now. The router reads it; only a switch writes it, and each switch raises `generation`."""

    generation: int
    deployment: Deployment


def to_json(record: msgspec.Struct | list[Any] | dict[str, Any]) -> bytes:
    """Indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Writes the record atomically: a reader sees the old file or the new one, never a part."""
    write_atomic(path, to_json(record))


def read_record(path: Path, kind: type[R]) -> R:
    """Reads one record. Raises `DataError` naming the file where it is missing or not such a record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise DataError(f"`{path}` is missing; run the stage that writes it (`hone repro`)") from None
    except (msgspec.DecodeError, OSError) as error:
        raise DataError(f"`{path}` is not a readable {kind.__name__}: {error}") from error


def write_records(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """One JSON object a line, written atomically; an empty file of none."""
    encoder = msgspec.json.Encoder()
    write_atomic(path, b"".join(encoder.encode(record) + b"\n" for record in records))


def read_examples(path: Path) -> list[Example]:
    """Reads a JSONL file of examples. Raises `DataError` naming the file and the line that is wrong."""
    decoder = msgspec.json.Decoder(Example)
    examples: list[Example] = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    examples.append(decoder.decode(line))
                except msgspec.DecodeError as error:
                    raise DataError(f"`{path}` line {number} is not an example: {error}") from error
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}; run `hone repro` to write it") from error
    return examples
