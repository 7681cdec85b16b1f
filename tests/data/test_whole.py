"""Plans and lessons of the history stand in a dataset beside the examples of single files, on the right sides."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from data.config import DataConfig
from data.dataset import build_dataset
from data.split import is_heldout
from hone.records import Example, Manifest, read_examples
from tests.data.making import MIT_TEXT, git, write

MODULES = {f"shop/m{n}.py": "".join(f"import shop.m{k}\n" for k in range(max(0, n - 3), n)) for n in range(24)}
PAY = '\n\ndef pay_{0}(amount):\n    """Pay an amount at till {0}."""\n    return amount - 1 * rate_{0}\n\n\n'
REASON = "One euro was kept for nobody knows what, and so nobody who paid in full had ever really paid in full."
FRACTION = 0.4


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A checkout with a fix in every second file."""
    top = tmp_path / "shop"
    top.mkdir()
    git(top, "init", "-q")
    files = {path: f'"""Module {path}."""\n\n{text}{_own(path[6:-3])}' for path, text in MODULES.items()}
    write(top, {**files, "LICENSE": MIT_TEXT})
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "Start the shop today")
    for path in list(files)[::2]:
        write(top, {path: files[path].replace("amount - 1", "amount")})
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", f"Fix the sum of {path[5:-3]}\n\n{REASON if path == 'shop/m2.py' else ''}")
    return top


def _own(name: str) -> str:
    """A function, and enough else that no two modules look alike."""
    return PAY.format(name) + "".join(f"rate_{name}_{n} = limits_{name}({n} + {name})\n" for n in range(30))


def build(top: Path, **settings: object) -> tuple[Manifest, dict[str, list[Example]]]:
    source = {"kind": "repository", "path": str(top), "history": True, "heldout_fraction": FRACTION}
    lenient = {"workers": 0, "filters": {"characters_per_token": None, "comments": None}}
    tasks = {"plans": {"min_files": 2}, "history": {}}
    config = DataConfig.model_validate({"sources": [source], "tasks": tasks, **lenient, **settings})
    out = top.parent / "data"
    manifest = build_dataset(config, out, progress=lambda what, done, total: None, root=top.parent)
    return manifest, {side: read_examples(out / f"{side}.jsonl") for side in ("train", "heldout")}


def test_the_manifest_counts_what_is_made_of_the_whole(top: Path) -> None:
    manifest, examples = build(top)
    whole = next(use for use in manifest.sources if use.kind == "whole")
    assert whole.name == "shop, as a whole"
    assert whole.commit == git(top, "rev-parse", "HEAD")
    tasks = [one.task for side in examples.values() for one in side]
    assert whole.examples == sum(task in ("plan", "bug-fix", "commit-message") for task in tasks)
    assert {"plan", "bug-fix", "commit-message", "docstring-to-body"} == set(tasks)


def test_a_fix_stands_on_the_side_of_its_file(top: Path) -> None:
    _, examples = build(top)
    for side, some in examples.items():
        fixes = [one for one in some if one.task in ("bug-fix", "commit-message")]
        assert fixes
        assert all(is_heldout(one.origin.path, FRACTION) is (side == "heldout") for one in fixes)


def test_a_plan_names_files_of_one_side_alone(top: Path) -> None:
    _, examples = build(top)
    for side, some in examples.items():
        for plan in (one for one in some if one.task == "plan"):
            paths = [line.split("`")[1] for line in plan.turns[1].content.split("\n")]
            assert all(is_heldout(path, FRACTION) is (side == "heldout") for path in paths)


def test_what_holds_a_part_of_a_benchmark_is_left_out_of_the_history(top: Path) -> None:
    write(top.parent, {"suite.jsonl": json.dumps({"text": REASON}) + "\n"})
    counts = []
    for suites in ([], [{"format": "jsonl", "path": "suite.jsonl"}]):
        _, examples = build(top, decontaminate=suites)
        counts.append(sum(REASON in one.text for side in examples.values() for one in side))
    assert counts == [1, 0]


def test_history_is_refused_without_a_source_that_has_one() -> None:
    values = {"sources": [{"kind": "package", "package": "rich"}], "tasks": {"history": {}}}
    with pytest.raises(
        ValidationError, match=r"`tasks.history` needs a source of kind `repository` with `history: true`"
    ):
        DataConfig.model_validate(values)
