"""A recipe is read whole or refused with the line that is wrong; `params.yaml` says which one counts."""

import ast
from pathlib import Path

import pytest
import yaml

from hone.config import load_config
from hone.errors import ConfigError
from hone.layout import Layout
from pipelines.recipe import Recipe, choose_recipe, chosen_recipe, load_recipe

PROJECT = Path(__file__).parents[2]
STORING = {"checkpoints", "config", "saving"}  # of `training`: how things lie on disk, and what the recipe says anyway
SHIPPED = sorted((PROJECT / "configs" / "recipes").glob("*.yaml"))


def small(layout: Layout) -> Path:
    return layout.root / "configs" / "recipes" / "small.yaml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_chosen_recipe_is_loaded(layout: Layout) -> None:
    assert load_recipe(layout).name == "small"
    assert chosen_recipe(layout) == small(layout)


def test_an_unknown_key_names_file_and_line_and_suggests_the_nearest(layout: Layout) -> None:
    change(small(layout), "batch_size", "batchsize")
    with pytest.raises(ConfigError, match=r"small.yaml:15: `train.batchsize`: unknown key; did you mean `batch_size`"):
        load_recipe(layout)


def test_a_chosen_recipe_that_is_gone_lists_those_that_are_there(layout: Layout) -> None:
    (layout.root / "params.yaml").write_text("recipe: configs/recipes/gone.yaml\n")
    with pytest.raises(ConfigError, match=r"gone.yaml` does not exist; there are: configs/recipes/small.yaml"):
        load_recipe(layout)


def test_a_recipe_needs_one_base_model_and_not_two(layout: Layout) -> None:
    change(small(layout), "base_model: null", "base_model: somewhere")
    with pytest.raises(ConfigError, match="either `base_model`"):
        load_recipe(layout)


def test_pretraining_needs_a_corpus(layout: Layout) -> None:
    change(small(layout), "  corpus:\n    max_bytes: 200000\n", "")
    with pytest.raises(ConfigError, match=r"needs `data.corpus`"):
        load_recipe(layout)


def test_examples_may_not_be_longer_than_the_pretrained_context(layout: Layout) -> None:
    change(small(layout), "max_tokens: 256", "max_tokens: 512")
    with pytest.raises(ConfigError, match="more than `pretrain`'s context 256"):
        load_recipe(layout)


def test_choosing_a_recipe_is_remembered(layout: Layout) -> None:
    other = small(layout).with_name("other.yaml")
    other.write_text(small(layout).read_text().replace("name: small", "name: other"))
    choose_recipe(layout, other)
    assert load_recipe(layout).name == "other"


def test_choosing_a_broken_recipe_changes_nothing(layout: Layout) -> None:
    broken = small(layout).with_name("broken.yaml")
    broken.write_text("name: broken\n")
    with pytest.raises(ConfigError, match="required"):
        choose_recipe(layout, broken)
    assert load_recipe(layout).name == "small"


def test_a_recipe_outside_the_project_is_refused(layout: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_bytes(small(layout).read_bytes())
    with pytest.raises(ConfigError, match="lies outside the project"):
        choose_recipe(layout, outside)


def test_choosing_the_same_recipe_again_leaves_the_file_alone(layout: Layout) -> None:
    choose_recipe(layout, small(layout))
    before = (layout.root / "params.yaml").stat().st_mtime_ns
    choose_recipe(layout, small(layout))
    assert (layout.root / "params.yaml").stat().st_mtime_ns == before


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_valid_and_has_every_section_that_dvc_looks_for(path: Path) -> None:
    load_config(path, Recipe)
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"].values()
    wanted = {key for stage in stages for part in stage.get("params", []) for keys in part.values() for key in keys}
    assert wanted <= set(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(("stage", "entry"), [("pretrain", "pretrain"), ("train", "finetune")])
def test_a_training_stage_depends_on_all_code_that_decides_what_is_learnt(stage: str, entry: str) -> None:
    listed = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    needed, waiting = set[str](), [entry]
    while waiting:
        module = waiting.pop()
        if module not in needed | STORING:
            needed.add(module)
            tree = ast.parse((PROJECT / "training" / f"{module}.py").read_text())
            froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            waiting += [name.removeprefix("training.") for name in froms if name.startswith("training.")]
    assert {f"training/{module}.py" for module in needed} == {name for name in listed if name.startswith("training/")}
