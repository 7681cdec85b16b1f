"""What is found out about a run beside its scores, and added to its run.json. Joined here for every suite.

Tasks in the training data, training data and secrets in generations, static checks of the code.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from analysis.overlap import Document
from evaluation.checkers import linter, type_checker
from evaluation.contamination import TaskText, find_contamination
from evaluation.leaks import find_leaks, training_index
from evaluation.static_checks import Program, check_programs
from evaluation.suites.judging import Progress
from evaluation.suites.records import SuiteRun
from evaluation.suites.runs import RunFolder
from evaluation.suites.samples import Sample, SampleStore
from evaluation.training_data import TrainingData, read_training_data
from hone.layout import Layout
from hone.records import write_record

EVERY = 500  # documents between two words of progress


def training_data(layout: Layout, target: str, given: Sequence[Path]) -> TrainingData | None:
    """What the target is known to have been trained on: this project's data for its models, and what is given.

    None where nothing is known. Raises `DataError` where a file cannot be read as training data.
    """
    corpus, examples = layout.data / "corpus.jsonl", layout.data / "train.jsonl"
    own = {"adapter": (examples, corpus), "base": (corpus,)}.get(target, ())
    paths = [*(path for path in own if path.is_file() and path.stat().st_size), *given]
    return read_training_data(paths) if paths else None


def examine(
    run: SuiteRun,
    folder: RunFolder,
    *,
    training: TrainingData | None,
    texts: Sequence[TaskText],
    share: float = 0.0,
    proof: bool,
    programs: Callable[[Sequence[Sample]], Sequence[Program]] | None = None,
    environment: Path | None = None,
    progress: Progress,
) -> SuiteRun:
    """Looks, and writes run.json again. `texts` and `share` as of `find_contamination`.

    `proof`: no model wrote the samples. `programs` makes modules of samples, where the suite has code; `environment`
    is where their imports are looked up.
    """
    if training:
        scored = {score.id for score in run.scores}
        wanted = [text for text in texts if text.id in scored]
        watched = counted(training.documents, "tasks in the training data", progress)
        found = find_contamination(wanted, watched, share=share, data=training.files)
        run = replace(run, contamination=found, contaminated=found.contaminated)
    store = SampleStore(folder.samples)
    samples = [store[score.id, score.sample] for score in run.scores if (score.id, score.sample) in store]
    if not proof:
        # Tool calls are stored as they came over the wire; a score holds them as they read.
        whole = [
            replace(score, generation=store[score.id, score.sample].text) if programs else score for score in run.scores
        ]
        index = training_index(counted(training.documents, "training data in answers", progress)) if training else None
        run = replace(run, leaks=find_leaks(whole, index, data=training.files if training else ()))
    if programs and samples:
        types = type_checker(environment)
        checks, scores = check_programs(programs(samples), run.scores, lint=linter(), types=types, progress=progress)
        run = replace(run, checks=checks, scores=scores)
    write_record(folder.record, run)
    return run


def counted(documents: Sequence[Document], what: str, progress: Progress) -> Iterator[Document]:
    """The documents, with progress."""
    for number, document in enumerate(documents):
        if number % EVERY == 0:
            progress(what, number, len(documents))
        yield document
    progress(what, len(documents), len(documents))
