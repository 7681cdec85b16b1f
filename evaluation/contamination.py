"""Whether tasks of a suite stand in the training data: as text (13 words in a row), and as code with other names.

Says which tasks, so that scores of the clean ones can stand beside the full ones. Nothing is removed from either.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analysis.likeness import function_digests, shapes_of
from analysis.overlap import Document, TokenIndex
from evaluation.findings import Contamination, Overlap, TrainingFile
from evaluation.suites.records import Score
from hone.batches import batches
from hone.records import Record

WORDS = 13  # as Brown et al. 2020 (GPT-3, appendix C)
# Tasks from the same source as the training data share its phrasing without standing in it. Of the embedded recipe's
# held-out tasks all share 13 words with a training example, and none is one; of a repository's a sixth, and one in 160.
SAME_SOURCE_SHARE = 0.9
EXCERPT_CHARACTERS = 300
BATCH_CHARACTERS = 100_000  # looked up at once
COMMON_TASKS = 2  # 13 words that more tasks share are the suite's phrasing, and no task's content


class TaskText(Record, frozen=True):
    """A task as it could have been seen in training."""

    id: str
    text: str  # the question, tests included where they are known
    solution: str  # as a whole module, or empty


def find_contamination(
    tasks: Sequence[TaskText],
    documents: Iterable[Document],
    *,
    share: float = 0.0,
    data: tuple[TrainingFile, ...] = (),
) -> Contamination:
    """Compares every document with every task. Memory goes with the suite; documents may be a stream.

    `share`: of a task's words that one run must hold to count, where tasks come from the same source as the documents.
    `data` says where the documents come from.
    """
    texts = (Document(task.id, f"{task.text}\n{task.solution}") for task in tasks)
    index = TokenIndex(texts, WORDS, words=True, most_documents=COMMON_TASKS)
    needed = {task.id: share * index.size(task.id) for task in tasks}
    trees: dict[str, list[str]] = defaultdict(list)
    shapes = frozenset(shape for task in tasks for shape in shapes_of(task.solution))
    for task in tasks:
        for _, digest in function_digests(task.solution) or ():
            trees[digest].append(task.id)
    found: dict[tuple[str, str], Overlap] = {}
    touched: set[str] = set()
    seen = unparsed = 0
    for batch in batches(documents, lambda one: len(one.text), enough=BATCH_CHARACTERS):
        seen += len(batch)
        for number, hit in index.hits_in([document.text for document in batch]):
            touched.add(hit.document)
            if hit.tokens >= needed[hit.document]:
                document = batch[number]
                shared = " ".join(document.text[hit.start : hit.end].split())[:EXCERPT_CHARACTERS]
                found.setdefault((hit.document, "words"), Overlap(hit.document, document.id, "words", shared))
        for document in batch:
            functions = function_digests(document.text, shapes) if shapes else []
            unparsed += functions is None
            for name, digest in functions or ():
                for id in trees.get(digest, ()):
                    found.setdefault((id, "tree"), Overlap(id, document.id, "tree", name))
    overlaps = tuple(found[key] for key in sorted(found))
    return Contamination(len(tasks), seen, unparsed, overlaps, share, len(touched), data)


def clean_subset(scores: Sequence[Score], contamination: Contamination) -> tuple[Score, ...]:
    """The scores of tasks that no training document overlaps with."""
    overlapping = set(contamination.contaminated)
    return tuple(score for score in scores if score.id not in overlapping)
