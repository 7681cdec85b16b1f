"""From a pair of models to evidence, on real parts."""

import pytest

from evaluation.config import EvaluationConfig
from evaluation.findings import Contamination, Overlap
from evaluation.measure import (
    Digests,
    FileResult,
    LossExample,
    by_file,
    evenly_spaced,
    execute,
    execution_evidence,
    measure_execution,
    measure_loss,
    metrics_of,
)
from evaluation.models import load_models
from evaluation.results import TaskResult
from hone.errors import EvaluationError
from hone.records import Example, Origin

DIGESTS = Digests(adapter="sha256:a", base="sha256:b", dataset="sha256:d")
CONFIG = EvaluationConfig(suite="execution", max_new_tokens=24, bootstrap_resamples=100)
UNTESTED = Example(id="no tests", prompt="x", completion="y", entry_point="", origin=Origin(source="test"))


def ignore(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def pair(learned):
    base, adapter = learned
    return load_models(str(base), adapter, dtype="float32")


def test_an_adapter_that_learned_its_task_passes_where_the_base_model_fails(pair, task, best_sandbox):
    evidence, results = measure_execution(
        pair, [UNTESTED, task, task], CONFIG, best_sandbox, DIGESTS, clock=lambda: 5.0, progress=ignore
    )
    assert [(result.base_status == "pass", result.tuned_status) for result in results] == [(False, "pass")] * 2
    assert results[0].tuned_completion == task.completion
    assert (evidence.suite, evidence.adapter_digest, evidence.measured_at) == ("execution", "sha256:a", 5.0)
    assert evidence.isolation.startswith(best_sandbox.isolation)
    assert (evidence.base.rate, evidence.tuned.rate, evidence.tuned.tasks) == (0, 1, 2)
    assert (evidence.paired.wins, evidence.paired.losses) == (2, 0)
    assert metrics_of(evidence).tuned_pass_at_1 == 1
    assert evidence.flaky == ()


def test_tasks_whose_verdict_changes_between_runs_are_named_in_the_evidence():
    results = [
        TaskResult("steady", "", "", "fail", "", "pass", ""),
        TaskResult("base", "", "", "fail", "", "pass", "", base_flaky=("fail", "pass", "fail")),
        TaskResult("tuned", "", "", "fail", "", "pass", "", tuned_flaky=("pass", "timeout", "pass")),
    ]
    assert execution_evidence(results, DIGESTS, "namespaces", now=0.0).flaky == ("base", "tuned")


def test_progress_names_each_part_and_reaches_its_end(pair, task, best_sandbox):
    last: dict[str, tuple[int, int]] = {}
    measure_execution(
        pair,
        [task],
        CONFIG,
        best_sandbox,
        DIGESTS,
        clock=lambda: 0.0,
        progress=lambda what, done, total: last.update({what: (done, total)}),
    )
    executed = {"sandboxed runs": (2, 2), "second runs": (1, 1)}  # of the base model's text, which is no Python
    assert last == {"base completions": (1, 1), "tuned completions": (1, 1)} | executed


def test_a_completion_is_run_together_with_its_prompt(task, best_sandbox):
    completed = [(task, task.completion), (task, "    return 8\n"), (task, "return 7\n"), (task, "")]
    statuses = [verdict.run.status for verdict in execute(completed, best_sandbox, ignore)]
    assert statuses == ["pass", "fail", "error", "error"]


def test_examples_without_tests_cannot_be_executed(pair, best_sandbox):
    with pytest.raises(EvaluationError, match="none of the 1 held-out examples has tests"):
        measure_execution(pair, [UNTESTED], CONFIG, best_sandbox, DIGESTS, clock=lambda: 0.0, progress=ignore)


@pytest.fixture
def encoded(tokenizer, task):
    prompt, completion = tokenizer(task.prompt)["input_ids"], tokenizer(task.completion)["input_ids"]
    ids = [*prompt, *completion, tokenizer.eos_token_id]
    rows = [("b.py", "one", "body"), ("a.py", "two", "fill"), ("b.py", "three", "fill")]
    return [LossExample((ids, ((len(prompt), len(ids)),)), *row) for row in rows]


def test_an_adapter_that_learned_a_text_has_less_loss_on_it(pair, encoded):
    evidence, results, losses = measure_loss(
        pair, encoded, CONFIG, DIGESTS, max_tokens=64, clock=lambda: 0.0, progress=ignore
    )
    assert [(loss.task, loss.tokens) for loss in losses] == [("body", 14), ("fill", 28)]
    assert sum(loss.tuned_loss for loss in losses) == pytest.approx(42 * evidence.loss.tuned)
    assert [(result.path, result.tokens) for result in results] == [("a.py", 14), ("b.py", 28)]
    assert evidence.loss.tuned < 0.5 < evidence.loss.base
    assert evidence.loss.high < 0
    assert (evidence.loss.tokens, evidence.loss.files, evidence.isolation) == (42, 2, "")
    assert metrics_of(evidence).tuned_loss == evidence.loss.tuned


def contamination(*ids: str) -> Contamination:
    return Contamination(3, 40, 0, tuple(Overlap(id, "seen", "words", "") for id in ids))


@pytest.mark.parametrize(("known", "files"), [(("one",), 2), (("one", "two", "three"), None)])
def test_the_loss_on_what_stands_in_no_training_text_is_measured_beside(pair, encoded, known, files):
    evidence, _, _ = measure_loss(
        pair,
        encoded,
        CONFIG,
        DIGESTS,
        max_tokens=64,
        contamination=contamination(*known),
        clock=lambda: 0.0,
        progress=ignore,
    )
    found = evidence.overlap
    assert (found.tasks, found.contaminated) == (3, len(known))
    assert (found.loss.files if found.loss else None) == files
    assert evidence.loss.tokens == 42


def test_examples_longer_than_the_limit_are_left_out_and_none_left_is_an_error(pair, encoded):
    with pytest.raises(EvaluationError, match="none of the 3 held-out examples has at most `max_tokens: 20`"):
        measure_loss(pair, encoded, CONFIG, DIGESTS, max_tokens=20, clock=lambda: 0.0, progress=ignore)


def test_losses_are_added_up_by_file():
    assert by_file(["b", "a", "b"], [(1.0, 2), (2.0, 3), (4.0, 5)], [(0.5, 2), (1.0, 3), (1.5, 5)]) == [
        FileResult("a", 3, 2.0, 1.0),
        FileResult("b", 7, 5.0, 2.0),
    ]


@pytest.mark.parametrize(("most", "taken"), [(0, [0, 1, 2, 3, 4, 5]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4, 5])])
def test_a_selection_is_spread_over_all(most, taken):
    assert evenly_spaced(range(6), most) == taken
