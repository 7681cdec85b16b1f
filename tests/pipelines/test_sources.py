"""`dvc repro` sees what DVC does not watch, a new commit or another benchmark: with the real DVC, on two stages."""

import subprocess
from pathlib import Path

import pytest
import yaml

from hone.layout import Layout
from hone.records import Manifest, read_record
from pipelines.recipe import load_recipe
from pipelines.repro import dvc, stage_environment
from pipelines.sources import look_at_sources, sources_moved
from tests.data.making import commit, documented, git, write

PROJECT = Path(__file__).parents[2]
RECIPE = """\
name: small
base_model: null
data:
  sources:
    - {kind: repository, path: shop, licence: MIT, heldout_fraction: 0.5}
  decontaminate:
    - {format: humaneval, path: suite.jsonl}
  tasks: {docstring_to_body: {}}
  corpus: {max_bytes: 200000}
  filters: {characters_per_token: null}
  workers: 0
pretrain: {tokens: 16384, learning_rate: 3.0e-3}
train: {steps: 12, batch_size: 4, max_tokens: 256, learning_rate: 2.0e-3, lora: {rank: 4, alpha: 8}}
evaluation: {suite: loss}
"""
TASK = '{"task_id": "T/0", "prompt": "def task(left, right):\\n", "canonical_solution": "    return left * right\\n"}\n'


@pytest.fixture
def project(layout: Layout) -> Layout:
    """A project that trains on the repository `shop`, with the real first two stages."""
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    real = {name: stages[name] for name in ("sources", "curate")}
    real["curate"]["deps"].remove("analysis")
    real["curate"]["deps"].remove("data")
    write(
        layout.root,
        {
            "dvc.yaml": yaml.safe_dump({"stages": real}),
            "configs/recipes/small.yaml": RECIPE,
            "suite.jsonl": TASK,
            "shop/shop/a.py": documented("one", "return [value, 1]"),
            "shop/shop/b.py": documented("two", "return {value: 2}"),
            "shop/shop/c.py": documented("three", "return value - 3"),
            "shop/shop/d.py": documented("four", "return not value"),
        },
    )
    git(layout.root / "shop", "init", "-q")
    commit(layout.root / "shop")
    _dvc(layout, "init", "--no-scm", "-q")
    return layout


def test_dvc_curates_again_after_a_commit_or_with_another_benchmark_and_not_otherwise(project: Layout) -> None:
    assert "Running stage 'curate'" in _dvc(project, "repro")
    write(project.root / "shop", {"shop/e.py": documented("five", "return value / 5")})
    assert "Stage 'curate' didn't change" in _dvc(project, "repro"), "what is not committed is not read"

    second = commit(project.root / "shop")
    assert "Running stage 'curate'" in _dvc(project, "repro")
    assert read_record(project.data / "manifest.json", Manifest).sources[0].commit == second

    write(project.root, {"suite.jsonl": TASK + TASK.replace("T/0", "T/1")})
    assert "Running stage 'curate'" in _dvc(project, "repro")


def test_what_moved_since_the_stage_ran_is_known_without_dvc(project: Layout) -> None:
    recipe = load_recipe(project)
    assert sources_moved(project, recipe), "never looked at"
    look_at_sources(project, recipe)
    assert not sources_moved(project, recipe)
    commit(project.root / "shop")
    assert sources_moved(project, recipe)


def test_what_was_written_and_cannot_be_read_counts_as_moved(project: Layout) -> None:
    recipe = load_recipe(project)
    look_at_sources(project, recipe)
    project.sources.write_text("{")
    assert sources_moved(project, recipe)


def _dvc(layout: Layout, *arguments: str) -> str:
    done = subprocess.run(
        [*dvc(), *arguments], cwd=layout.root, env=stage_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
