"""Stage `pretrain`: the corpus → artifacts/base; for a recipe with `base_model`, only the record of which one it is."""

import shutil
from collections.abc import Callable, Sequence

import msgspec

from hone.files import sha256_file
from hone.layout import Layout
from hone.settings import Settings
from pipelines.curves import write_curve
from pipelines.facts import BaseModel, record_base
from pipelines.recipe import Recipe
from pipelines.timing import record_stage_seconds
from pipelines.training_run import Curve, tracked_run, training_key
from training.pretrain import pretrain
from training.trainer import Listener


def make_base(
    layout: Layout, settings: Settings, recipe: Recipe, *, listeners: Sequence[Listener], said: Callable[[str], None]
) -> BaseModel:
    """Pretrains the base model, or records the one that the recipe names."""
    config = recipe.pretrain
    if config is None:
        shutil.rmtree(layout.base, ignore_errors=True)
        layout.base.mkdir(parents=True)
        write_curve(layout.artifacts / "curves" / "pretrain.csv", [])
        said(f"base model: {recipe.base_model}")
        return record_base(layout, recipe)
    corpus = layout.data / "corpus.jsonl"
    key = training_key(config.model_dump_json(), sha256_file(corpus))

    def run(heard: Sequence[Listener]) -> Curve:
        decoder = msgspec.json.Decoder(dict[str, str])
        documents = [decoder.decode(line)["text"] for line in corpus.read_bytes().splitlines()]
        return pretrain(
            documents, config, key=key, checkpoints=layout.checkpoints, out=layout.base, listeners=heard, said=said
        )

    tracked_run(
        layout,
        settings,
        recipe,
        stage="pretrain",
        section=config,
        key=key,
        tags={},
        listeners=listeners,
        run=run,
        out=layout.base,
    )
    record_stage_seconds(layout, "pretrain")
    return record_base(layout, recipe)
