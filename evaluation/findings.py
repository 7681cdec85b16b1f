"""What is found out about a run beside its scores: tasks in the training data, training data and secrets in
generations, and what static checks say of the code. Records alone."""

from collections import Counter

from hone.records import Record


class TrainingFile(Record, frozen=True):
    """Training data that was looked through."""

    name: str
    documents: int
    digest: str  # of the file, as in a dataset's manifest; of a folder, of what was read


class Overlap(Record, frozen=True):
    """One task that one training document overlaps with."""

    task: str
    document: str
    kind: str  # "words" | "tree"
    text: str  # what they share, cut to 300 characters; of a tree the function's name in the document


class Contamination(Record, frozen=True):
    """How far a suite and training data overlap."""

    tasks: int
    documents: int
    unparsed: int  # documents that are not Python: only their words were compared
    overlaps: tuple[Overlap, ...]  # the first of each kind for each task
    share: float = 0.0  # of a task's words that must stand in one run to count; 0: any run of 13
    touched: int = 0  # tasks that share 13 words in a row with a document, whether that counts or not
    data: tuple[TrainingFile, ...] = ()

    @property
    def contaminated(self) -> tuple[str, ...]:
        """The tasks' ids."""
        return tuple(sorted({overlap.task for overlap in self.overlaps}))

    @property
    def kinds(self) -> dict[str, int]:
        """How many tasks overlap in their words, and how many as code under other names; one can do both."""
        found = Counter(kind for _, kind in {(overlap.task, overlap.kind) for overlap in self.overlaps})
        return {kind: found[kind] for kind in ("words", "tree")}


class Repetition(Record, frozen=True):
    """A generation that repeats training data."""

    id: str  # the task's
    sample: int
    source: str  # the training document's id
    tokens: int  # words and single other characters, in one run
    text: str  # the run, cut to 2,000 characters


class Secret(Record, frozen=True):
    """A line of a generation that looks like it holds a secret."""

    id: str  # the task's
    sample: int
    kind: str  # in detect-secrets' words
    line: int  # 1-based


class Leaks(Record, frozen=True):
    """What the generations of one run give away."""

    generations: int
    repetitions: tuple[Repetition, ...] | None  # None where no training data is known
    secrets: tuple[Secret, ...]
    data: tuple[TrainingFile, ...] = ()  # that repetitions were looked for in

    @property
    def repeating(self) -> int | None:
        """How many generations repeat training data; None where nobody looked."""
        return None if self.repetitions is None else len({(one.id, one.sample) for one in self.repetitions})

    @property
    def telling(self) -> int:
        """How many generations hold what looks like a secret."""
        return len({(one.id, one.sample) for one in self.secrets})


class Share(Record, frozen=True):
    """Of how many samples something holds; the interval is over tasks, 95 %."""

    held: int
    samples: int
    rate: float
    low: float
    high: float


class CheckerReport(Record, frozen=True):
    """What one checker says of generated modules, beyond what it says of those of the suite's own solutions."""

    checker: str  # its name, with its version where it ran
    clean: Share | None = None  # samples that parse and to which it adds nothing; None where it did not run
    findings: int = 0
    commonest: tuple[tuple[str, int], ...] = ()  # rule, samples that it was found in
    unchecked: tuple[str, ...] = ()  # samples that it crashed on or had no time for, as `task sample`
    problem: str = ""  # why it did not run


class CodeChecks(Record, frozen=True):
    """Static checks of the generated code; nothing was run."""

    parses: Share
    lint: CheckerReport
    types: CheckerReport
    seconds: float
