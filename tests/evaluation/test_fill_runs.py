"""Fill-in-the-middle from tasks to run.json: what is left out, asked for, kept, and scored."""

import pytest

from evaluation.suites.fill_in_the_middle import FillSuite, FillTask, summarise
from evaluation.suites.fill_runs import run_fill_suite
from evaluation.suites.judging import Judge
from evaluation.suites.records import SuiteRun
from evaluation.suites.runs import RunFolder, Settings
from evaluation.suites.targets import Answer, Ask, OnAnswer, Written
from hone.records import TestCase, read_record

SETTINGS = Settings("fim", "sha256:d", "test", "", "sha256:t", temperature=0.0, max_tokens=9, chat=False)
PLAIN = FillTask("plain", "x = ", "\n", "1")
TESTED = FillTask("tested", "def f(n):\n", "    return m\n", "    m = n\n", "f", (TestCase((3,), 3),))
FAILING = FillTask("failing", "def f(n):\n", "    return m\n", "    m = 7\n", "f", (TestCase((3,), 3),))
BROKEN = FillTask("broken", "x = (", "\n", "1")


class Recorder:
    def __init__(self, text: str, stop_after: int = 1000) -> None:
        self.asked: list[Ask] = []
        self._text = text
        self._stop_after = stop_after

    def answer(self, asks: list[Ask], on_answer: OnAnswer) -> None:
        for ask in asks:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append(ask)
            on_answer(Answer(ask.id, ask.sample, self._text, 0.5))


def fill(tmp_path, target, sandbox, *tasks, samples=1) -> SuiteRun:
    return run_fill_suite(
        FillSuite("sha256:d", tasks),
        target,
        Judge(sandbox, lambda what, done, total: None) if sandbox else None,
        RunFolder(tmp_path, "one"),
        SETTINGS,
        samples=samples,
        clock=lambda: 7.0,
        progress=lambda what, done, total: None,
    )


def test_a_run_passes_with_the_middles_themselves_and_is_found_again(tmp_path, best_sandbox):
    target = Written({task.id: task.middle for task in (PLAIN, TESTED)})
    run = fill(tmp_path, target, best_sandbox, PLAIN, TESTED)
    assert [score.result for score in run.scores] == ["pass", "pass"]
    assert (run.suite, run.template_digest, run.isolation) == ("fim", "sha256:t", best_sandbox.isolation)
    summary = summarise(run.scores)
    assert (summary.exact_match.value, summary.executed, summary.passed) == (1.0, 1, 1)
    assert read_record(tmp_path / "one" / "run.json", SuiteRun) == run


def test_a_target_is_given_what_stands_before_and_after_the_gap(tmp_path, best_sandbox):
    target = Recorder("    m = n + 0\n")
    run = fill(tmp_path, target, best_sandbox, TESTED)
    assert target.asked == [Ask("tested", 0, prompt=TESTED.prefix, suffix=TESTED.suffix)]
    assert (run.scores[0].result, run.scores[0].measures["exact_match"]) == ("pass", 0.0)


def test_tasks_that_their_own_middle_does_not_solve_are_left_out_with_the_reason(tmp_path, best_sandbox):
    target = Recorder("1")
    run = fill(tmp_path, target, best_sandbox, PLAIN, FAILING, BROKEN)
    assert [ask.id for ask in target.asked] == ["plain"]
    assert [one.id for one in run.excluded] == ["broken", "failing"]
    assert run.excluded[0].reason.startswith("its own middle does not parse when joined")
    assert run.excluded[1].reason == "its own solution: fail, call 1 returned 7, expected 3"


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    tasks = [FillTask(str(number), "x = ", "\n", "1") for number in range(3)]
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Recorder("1", stop_after=2), None, *tasks)
    rest = Recorder("1")
    run = fill(tmp_path, rest, None, *tasks)
    assert [ask.id for ask in rest.asked] == ["2"]
    assert [score.result for score in run.scores] == ["pass"] * 3
    assert run.isolation == ""
