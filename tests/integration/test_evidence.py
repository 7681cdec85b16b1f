"""What the pipeline's evidence says beside its scores, and what a suite run finds out about this project's models."""

import json

import pytest

from hone.files import sha256_file
from hone.records import Evidence, ModelVersion, read_examples, read_record
from tests.integration.making import Project

pytestmark = pytest.mark.slow

SUITE = {
    "task_id": "T/0",
    "prompt": "def f(n):\n",
    "entry_point": "f",
    "canonical_solution": "    return n\n",
    "test": "def check(candidate):\n    assert candidate(1) == 1\n",
}


def evidence_of(project: Project) -> Evidence:
    return read_record(project.layout.evaluation / "evidence.json", Evidence)


def test_the_evidence_says_how_many_tasks_stand_in_the_training_data_and_what_leaks(finished: Project) -> None:
    evidence = evidence_of(finished)
    assert evidence.overlap
    assert evidence.leaks
    data = finished.layout.data
    texts = sum((data / name).read_bytes().count(b"\n") for name in ("train.jsonl", "corpus.jsonl"))
    assert (evidence.overlap.tasks, evidence.overlap.contaminated, evidence.overlap.documents) == (8, 0, texts)
    assert evidence.overlap.tuned == evidence.tuned
    assert (evidence.leaks.generations, evidence.leaks.secrets) == (8, 0)


def test_the_gate_gives_its_reasons_for_both(finished: Project) -> None:
    reasons = read_record(finished.layout.registration, ModelVersion).verdict.reasons
    assert any(reason.startswith("share of tasks in the training data 0.000 (0 of 8") for reason in reasons)
    assert "0 of 8 generations with what looks like a secret is at most 0" in reasons


def test_the_stages_page_and_comparison_tell_of_it(finished: Project) -> None:
    page = finished.layout.report.read_text()
    assert "0 of the tasks overlap the training data" in page
    assert "no type error, ty" in page
    assert "no task overlaps the training data" in finished.done("hone", "eval", "compare", "base", "tuned")
    assert "0 of 8 tasks stand in the training data" in finished.done("hone", "eval", "show")


def test_of_this_projects_own_models_the_training_data_is_known(finished: Project) -> None:
    task = read_examples(finished.layout.data / "train.jsonl")[0]
    rows = (SUITE, SUITE | {"task_id": "T/1", "prompt": task.prompt, "canonical_solution": task.completion})
    suite = finished.root / "artifacts" / "suite.jsonl"
    suite.write_text(
        "".join(json.dumps({**row, "entry_point": row["prompt"][4:].partition("(")[0]}) + "\n" for row in rows)
    )
    command = ("hone", "eval", "run", "--suite", "humaneval", "--data", str(suite), "--max-tokens", "8", "--json")
    names = {}
    for target in ("adapter", "base"):
        found = json.loads(finished.done(*command, "--target", target))
        names[target] = [one["name"] for one in found["contamination"]["training_data"]]
        assert found["leaks"]["repeating"] == 0
        if target == "adapter":
            assert [one["task"] for one in found["contamination"]["overlaps"] if one["kind"] == "tree"] == ["T/1"]
    assert names == {"adapter": ["train.jsonl", "corpus.jsonl"], "base": ["corpus.jsonl"]}


def test_evidence_of_a_held_out_loss_says_it_as_well(faulty: Project) -> None:
    faulty.change_recipe("suite: execution, tasks: 8, max_new_tokens: 24", "suite: loss, tasks: 8")
    before = sha256_file(faulty.layout.adapter / "adapter_model.safetensors")
    faulty.done("dvc", "repro", "evaluate")
    assert sha256_file(faulty.layout.adapter / "adapter_model.safetensors") == before
    evidence = evidence_of(faulty)
    assert evidence.overlap
    assert evidence.overlap.loss == evidence.loss
    assert "leaks" not in json.loads((faulty.layout.evaluation / "evidence.json").read_bytes())
    assert "0 of 8 held-out examples stand in the training data" in faulty.layout.report.read_text()
