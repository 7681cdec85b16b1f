"""What the two training stages share: the run's key, its MLflow run, and its loss curve as a file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import training
from hone.files import sha256_file, sha256_tree
from hone.layout import Layout
from hone.records import Manifest, read_record
from hone.settings import Settings
from pipelines.curves import write_curve
from pipelines.facts import git_commit
from pipelines.recipe import Recipe, chosen_recipe
from registry.server import ensure_server
from training.checkpoints import run_folder, run_key
from training.config import OptimizationConfig
from training.precision import NAMES, products_of
from training.tracking import RunFacts, Tracker
from training.trainer import Listener

Curve = list[dict[str, float]]


def training_key(*inputs: str) -> str:
    """The key of a training run: its inputs, and the code that trains."""
    return run_key(*inputs, sha256_tree(Path(training.__file__).parent, suffixes=(".py",)))


def tracked_run(
    layout: Layout,
    settings: Settings,
    recipe: Recipe,
    *,
    stage: str,
    section: OptimizationConfig,
    key: str,
    tags: dict[str, str],
    listeners: Sequence[Listener],
    run: Callable[[Sequence[Listener]], Curve],
    out: Path,
    also: Callable[[Tracker], None] = lambda _tracker: None,
) -> str:
    """Runs a training with its MLflow run around it; attaches curve, recipe and `out`. Returns the MLflow run id.

    `also` is called after it, to add what else there is to keep.
    """
    manifest = read_record(layout.data / "manifest.json", Manifest)
    recipe_file = chosen_recipe(layout)
    facts = RunFacts(
        name=f"{recipe.name}-{stage}",
        parameters={
            **{f"{stage}.{name}": value for name, value in flatten(section.model_dump()).items()},
            f"{stage}.precision": NAMES[products_of(section)],
        },
        tags={
            "hone.stage": stage,
            "hone.recipe": recipe_file.relative_to(layout.root).as_posix(),
            "hone.recipe_digest": sha256_file(recipe_file),
            "hone.dataset_digest": manifest.digest,
            "hone.git_commit": git_commit(layout.root),
            **tags,
        },
        dataset_name="+".join(source.name for source in manifest.sources),
        dataset_digest=manifest.digest,
    )
    uri = ensure_server(layout, settings)
    with Tracker(uri, settings.tracking.experiment, facts, run_folder(layout.checkpoints, stage, key)) as tracker:
        curve = run([*listeners, tracker])
        curve_file = layout.artifacts / "curves" / f"{stage}.csv"
        write_curve(curve_file, curve)
        tracker.complete(curve)
        tracker.measure({"final_loss": curve[-1]["loss"]}, int(curve[-1]["step"]))
        tracker.attach(recipe_file)
        tracker.attach(curve_file, "curves")
        for name in ("manifest.json", "statistics.json", "card.html"):
            tracker.attach(layout.data / name, "data")
        tracker.attach(out, stage)
        also(tracker)
    return tracker.run_id


def flatten(values: dict[str, object], prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted names, as MLflow's parameters are."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat
