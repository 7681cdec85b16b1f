"""A recipe: the one YAML file that fully determines a training run. Each section belongs to the folder that uses it."""

from pathlib import Path

from pydantic import model_validator

from data.config import DataConfig
from evaluation.config import EvaluationConfig
from hone.config import Config, load_config
from hone.errors import ConfigError
from hone.files import write_atomic
from hone.layout import Layout
from training.config import PretrainConfig, TrainConfig

CHOICE = "params.yaml"  # DVC's own file: `recipe: PATH` says which recipe the stages read


class Recipe(Config):
    """The whole file."""

    name: str
    base_model: str | None = None
    """A local path or hub name; null: pretrain one as `pretrain` says."""
    data: DataConfig
    pretrain: PretrainConfig | None = None
    train: TrainConfig
    evaluation: EvaluationConfig

    @model_validator(mode="after")
    def _one_base(self) -> "Recipe":
        if (self.base_model is None) == (self.pretrain is None):
            raise ValueError(
                "give either `base_model` (a path or hub name) or `pretrain` (train one here), not both or neither"
            )
        if self.pretrain is not None and self.data.corpus is None:
            raise ValueError("`pretrain` needs `data.corpus`, the text to pretrain on")
        if self.pretrain is not None and self.train.max_tokens > self.pretrain.architecture.context:
            context = self.pretrain.architecture.context
            raise ValueError(f"`train.max_tokens` {self.train.max_tokens} is more than `pretrain`'s context {context}")
        return self


class Choice(Config):
    """`params.yaml`."""

    recipe: str


def chosen_recipe(layout: Layout) -> Path:
    """The recipe that `params.yaml` names. Raises `ConfigError` where it does not exist."""
    path = layout.root / load_config(layout.root / CHOICE, Choice).recipe
    if not path.is_file():
        known = ", ".join(
            sorted(
                str(found.relative_to(layout.root)) for found in (layout.root / "configs" / "recipes").glob("*.yaml")
            )
        )
        raise ConfigError(f"{CHOICE}: `recipe`: `{path}` does not exist; there are: {known}")
    return path


def choose_recipe(layout: Layout, recipe: Path) -> None:
    """Makes `recipe` the one that the stages read. Raises `ConfigError` where it is no valid recipe."""
    load_config(recipe, Recipe)
    try:
        relative = recipe.resolve().relative_to(layout.root)
    except ValueError:
        raise ConfigError(
            f"recipe `{recipe}` lies outside the project `{layout.root}`; copy it to configs/recipes/"
        ) from None
    text = f"# Which recipe `dvc repro` runs; `hone repro --recipe PATH` changes it.\nrecipe: {relative.as_posix()}\n"
    if (layout.root / CHOICE).read_text() != text:
        write_atomic(layout.root / CHOICE, text.encode())


def load_recipe(layout: Layout, path: Path | None = None) -> Recipe:
    """The recipe at `path`; without it, the chosen one."""
    return load_config(path or chosen_recipe(layout), Recipe)
