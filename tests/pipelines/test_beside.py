"""The training data is looked through in a process beside the stage."""

import os
from pathlib import Path

import psutil
import pytest

from evaluation.results import TaskResult
from hone.errors import EvaluationError
from hone.layout import Layout
from hone.records import Example, Origin, write_records
from pipelines.beside import TrainingLook

BODY = "".join(f"    value_{number} = first_{number} + second_{number}\n" for number in range(20))


def example(id: str, body: str) -> Example:
    return Example(id, f'def {id}(xs):\n    """What {id} does."""\n', body, id, Origin("test"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path / "artifacts")
    write_records(made.data / "heldout.jsonl", [example("seen", BODY), example("unseen", "    return xs\n")])
    write_records(made.data / "train.jsonl", [example("seen", BODY), example("other", "    return len(xs)\n")])
    return made


def told(text: str) -> TaskResult:
    return TaskResult("seen", "", text, "fail", "", "pass", "")


def test_it_finds_held_out_tasks_and_answers_that_stand_in_the_training_data(layout: Layout) -> None:
    with TrainingLook(layout) as look:
        found = look.overlap()
        leaks = look.leaks([told(BODY), told("    return xs\n")])
    assert found is not None
    assert (found.contaminated, found.documents) == (("seen",), 2)
    assert leaks is not None
    assert (leaks.generations, leaks.repeating) == (2, 1)


def test_where_no_training_data_is_known_it_says_nothing(layout: Layout) -> None:
    (layout.data / "train.jsonl").unlink()
    with TrainingLook(layout) as look:
        assert look.overlap() is None
        assert look.leaks([told(BODY)]) is None


def test_data_that_cannot_be_read_is_named(layout: Layout) -> None:
    (layout.data / "train.jsonl").write_text('{"neither": 1}\n')
    with TrainingLook(layout) as look, pytest.raises(EvaluationError, match=r"train\.jsonl.* has no `text`"):
        look.overlap()


@pytest.fixture
def children() -> list[psutil.Process]:
    return psutil.Process(os.getpid()).children()


def running(before: list[psutil.Process]) -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process(os.getpid()).children()
        if one not in before and "spawn_main" in str(one.cmdline())
    ]


def test_its_process_ends_with_it_also_before_it_has_answered(layout: Layout, children: list[psutil.Process]) -> None:
    with TrainingLook(layout):
        assert len(running(children)) == 1
    assert running(children) == []


def test_a_process_that_was_killed_is_told_of(layout: Layout, children: list[psutil.Process]) -> None:
    with TrainingLook(layout) as look:
        look.overlap()
        running(children)[0].kill()
        with pytest.raises(EvaluationError, match="ended with -9; is the machine out of memory"):
            look.leaks([told(BODY)])
