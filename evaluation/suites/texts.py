"""A suite's tasks as they could stand in training data, and its generations as the modules that they make. Pure."""

import textwrap
from collections.abc import Sequence

from evaluation.contamination import TaskText
from evaluation.static_checks import Program
from evaluation.suites.answers import completion_of
from evaluation.suites.bfcl_rows import BfclSuite
from evaluation.suites.code import CodeSuite
from evaluation.suites.fill_in_the_middle import FillSuite
from evaluation.suites.repository import Suite, body_of
from evaluation.suites.samples import Sample


def code_texts(suite: CodeSuite) -> list[TaskText]:
    """HumanEval and MBPP: the prompt with its assertions, and the solution."""
    return [
        TaskText(task.id, f"{task.prompt}\n{task.check.assertions}", task.prefix + task.solution)
        for task in suite.tasks
    ]


def fill_texts(suite: FillSuite) -> list[TaskText]:
    """Gaps: the whole module. A file that was seen in training holds its middle."""
    return [TaskText(task.id, "", task.prefix + task.middle + task.suffix) for task in suite.tasks]


def bfcl_texts(suite: BfclSuite) -> list[TaskText]:
    """Function calling: the question, and what is said of the functions."""
    texts = []
    for row in suite.rows:
        said = [message.content for message in row.messages]
        for function in row.functions:
            said += [function.name, function.description]
            said += [str(schema.get("description", "")) for schema in function.properties.values()]
        texts.append(TaskText(row.id, "\n".join(said), ""))
    return texts


def repository_texts(suite: Suite) -> list[TaskText]:
    """A repository's functions, each by itself: what stands around it is no part of the task."""
    texts = []
    for task in suite.tasks:
        lines = task.place.prefix.splitlines(keepends=True)[task.place.first_line - 1 :]
        texts.append(TaskText(task.place.id, "", textwrap.dedent("".join(lines) + task.place.body)))
    return texts


def code_programs(suite: CodeSuite, samples: Sequence[Sample], *, chat: bool) -> list[Program]:
    """The modules of HumanEval and MBPP that are run."""
    tasks = {task.id: task for task in suite.tasks}
    return [
        Program(
            id=one.id,
            sample=one.sample,
            source=tasks[one.id].prefix + completion_of(one.text, tasks[one.id], chat=chat),
            own=tasks[one.id].prefix + tasks[one.id].solution,
        )
        for one in samples
        if not one.problem
    ]


def fill_programs(suite: FillSuite, samples: Sequence[Sample]) -> list[Program]:
    """Whole modules, each with one gap filled."""
    tasks = {task.id: task for task in suite.tasks}
    return [
        Program(
            id=one.id,
            sample=one.sample,
            source=task.prefix + one.text + task.suffix,
            own=task.prefix + task.middle + task.suffix,
        )
        for one in samples
        if not one.problem and (task := tasks[one.id])
    ]


def repository_programs(suite: Suite, samples: Sequence[Sample], *, chat: bool) -> list[Program]:
    """The files of a repository, each with one body written anew."""
    places = {task.place.id: task.place for task in suite.tasks}
    return [
        Program(
            id=one.id,
            sample=one.sample,
            source=place.prefix + body_of(one.text, place, chat=chat) + place.suffix,
            own=place.prefix + place.body + place.suffix,
        )
        for one in samples
        if not one.problem and (place := places[one.id])
    ]
