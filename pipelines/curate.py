"""Stage `curate`: the recipe's sources → artifacts/data (train, held-out, corpus, manifest)."""

from collections.abc import Callable

from data.dataset import build_dataset
from hone.layout import Layout
from hone.records import Manifest
from pipelines.recipe import Recipe
from pipelines.timing import record_stage_seconds


def curate(layout: Layout, recipe: Recipe, *, progress: Callable[[str, int, int], None]) -> Manifest:
    """Builds the dataset; see `data.dataset.build_dataset`."""
    manifest = build_dataset(recipe.data, layout.data, progress=progress, root=layout.root, cache=layout.curation)
    record_stage_seconds(layout, "curate")
    return manifest
