"""What the pipeline's evidence says beside its scores, and what a suite run finds out about this project's models."""

import json
from pathlib import Path

import pytest

from hone.records import Evidence, ModelVersion, read_examples, read_record
from tests.integration.making import Project, copy_project
from tests.ray_cluster import started_cluster, with_two_nodes

pytestmark = pytest.mark.slow


def row(number: int, prompt: str, completion: str) -> str:
    """A line of a benchmark: a function that must not raise."""
    return json.dumps(
        {
            "task_id": f"T/{number}",
            "prompt": prompt,
            "entry_point": prompt[4:].partition("(")[0],
            "canonical_solution": completion,
            "test": "def check(candidate):\n    candidate([1, 2, 3])\n",
        }
    )


def evidence_of(project: Project) -> Evidence:
    return read_record(project.layout.evaluation / "evidence.json", Evidence)


def verdicts_of(project: Project) -> list[tuple[str, str, str]]:
    """Of each task the verdicts on what both models wrote."""
    results = map(json.loads, (project.layout.evaluation / "results.jsonl").read_text().splitlines())
    return [(one["id"], one["base_status"], one["tuned_status"]) for one in results]


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
    suite = finished.root / "artifacts" / "suite.jsonl"
    ours, other = row(1, task.prompt, task.completion), row(0, 'def f(n):\n    """Back."""\n', "    return n\n")
    suite.write_text(f"{other}\n{ours}\n")
    command = ("hone", "eval", "run", "--suite", "humaneval", "--data", str(suite), "--max-tokens", "8", "--json")
    names = {}
    for target in ("adapter", "base"):
        found = json.loads(finished.done(*command, "--target", target))
        names[target] = [one["name"] for one in found["contamination"]["training_data"]]
        assert found["leaks"]["repeating"] == 0
        if target == "adapter":
            assert [one["task"] for one in found["contamination"]["overlaps"] if one["kind"] == "tree"] == ["T/1"]
    assert names == {"adapter": ["train.jsonl", "corpus.jsonl"], "base": ["corpus.jsonl"]}


def test_evidence_of_a_held_out_loss_says_it_as_well(finished: Project, tmp_path: Path) -> None:
    project = copy_project(finished, tmp_path / "project")
    project.change_recipe("suite: execution, tasks: 8, max_new_tokens: 24", "suite: loss, tasks: 8")
    project.done("dvc", "repro", "--single-item", "evaluate")
    evidence = evidence_of(project)
    assert evidence.overlap
    assert evidence.overlap.loss == evidence.loss
    assert "leaks" not in json.loads((project.layout.evaluation / "evidence.json").read_bytes())
    assert "0 of 8 held-out examples stand in the training data" in project.layout.report.read_text()


def test_the_stages_on_a_ray_cluster_find_what_they_find_here(finished: Project, tmp_path: Path) -> None:
    project = copy_project(finished, tmp_path / "project")
    here, verdicts = evidence_of(project), verdicts_of(project)
    project.change_recipe("data:\n", "data:\n  engine: ray\n")
    project.change_recipe("suite: execution,", "suite: execution, engine: ray,")
    with started_cluster() as ray:
        with_two_nodes(ray, cpus=1)
        printed = project.done("dvc", "repro", "evaluate", RAY_ADDRESS=ray.address)
    assert [stage for stage in ("curate", "evaluate") if f"Running stage '{stage}'" not in printed] == []
    assert "Stage 'train' didn't change" in printed, "the dataset is the same to the byte"
    assert evidence_of(project).isolation == f"ray, 2 nodes: {here.isolation}"
    assert verdicts_of(project) == verdicts
