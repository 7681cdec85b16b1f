"""What is found out about the stage's tasks and completions, and found again where it was written."""

from analysis.overlap import Document
from evaluation.findings import Contamination, Overlap
from evaluation.heldout import check_completions, execution_overlap, find_overlap, leak_count, tuned_leaks
from evaluation.leaks import training_index
from evaluation.results import StageFindings, TaskResult
from evaluation.statistics import wilson
from evaluation.stored import read_stage
from hone.files import write_atomic
from hone.records import Evidence, Example, Origin, to_json, write_record

STEPS = "first take all of them in hand, then look at each one by itself, then put every second one away again"


def example(id: str, completion: str = "    return xs\n") -> Example:
    return Example(id, f'def solve(xs):\n    """{id}: {STEPS}"""\n', completion, "solve", Origin("test"))


def result(id: str, base: str = "", tuned: str = "", *, status: str = "pass") -> TaskResult:
    return TaskResult(id, base, tuned, "fail", "", status, "")


def test_a_task_that_shares_phrasing_is_clean_and_one_that_is_there_is_not():
    tasks = [example("one"), example("two", "    return [x for x in xs if x > 3][::-1][:2]\n")]
    training = [Document("phrasing", STEPS), Document("copy", tasks[1].prompt + tasks[1].completion)]
    found = find_overlap(tasks, training, ())
    assert found.contaminated == ("two",)
    assert found.touched == 2


def test_scores_of_the_clean_tasks_stand_beside_and_none_where_none_is_clean():
    results = [result("a"), result("b", status="fail"), result("c")]
    known = Contamination(3, 9, 0, (Overlap("a", "d", "tree", "f"),))
    found = execution_overlap(results, known)
    assert (found.tuned, found.base, found.paired.wins) == (wilson(1, 2), wilson(0, 2), 1)
    every = Contamination(3, 9, 0, tuple(Overlap(id, "d", "tree", "f") for id in "abc"))
    assert execution_overlap(results, every).tuned is None


def test_only_the_tuned_models_completions_can_leak():
    text = " ".join(f"w{number}" for number in range(60))
    found = tuned_leaks([result("a", base=text), result("b", tuned=text)], training_index([Document("d", text)]), ())
    assert [(one.id, one.tokens) for one in found.repetitions] == [("b", 60)]
    assert leak_count(found) == leak_count(found).__class__(2, 1, 0)


def test_completions_are_checked_as_whole_functions():
    results = [result("a", base="    return ys\n", tuned="    return xs\n")]
    examples = {"a": example("a")}
    base, results = check_completions(results, examples, tuned=False, progress=lambda *_: None)
    tuned, results = check_completions(results, examples, tuned=True, progress=lambda *_: None)
    assert (base.lint.commonest, tuned.lint.commonest) == ((("F821", 1),), ())
    assert (results[0].base_measures["lint_findings"], results[0].tuned_measures["lint_findings"]) == (1, 0)


def test_what_was_found_is_read_back_as_part_of_either_models_run(tmp_path):
    known = Contamination(1, 9, 0, (Overlap("a", "d", "tree", "f"),))
    leaks = tuned_leaks([result("a")], training_index([]), ())
    stage(tmp_path, StageFindings(contamination=known, leaks=leaks))
    base, tuned = (read_stage(tmp_path, side, name=side) for side in ("base", "tuned"))
    assert (base.contaminated, tuned.contamination) == (("a",), known)
    assert (base.leaks, tuned.leaks) == (None, leaks)


def test_a_folder_of_before_is_read_as_one_where_nobody_looked(tmp_path):
    stage(tmp_path, None)
    run = read_stage(tmp_path, "tuned", name="old")
    assert (run.contaminated, run.contamination, run.leaks, run.checks) == (None, None, None, None)


def stage(folder, found: StageFindings | None) -> None:
    """What the stage `evaluate` leaves."""
    digests = {"adapter_digest": "sha256:a", "base_digest": "sha256:b", "dataset_digest": "sha256:d"}
    write_record(folder / "evidence.json", Evidence("execution", isolation="", tuned=wilson(1, 1), **digests))
    write_atomic(folder / "results.jsonl", to_json(result("a")).replace(b"\n", b"") + b"\n")
    if found:
        write_record(folder / "findings.json", found)
