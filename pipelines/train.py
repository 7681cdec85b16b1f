"""Stage `train`: training examples and the base model → artifacts/adapter."""

from collections.abc import Callable, Sequence

from hone.files import sha256_file
from hone.layout import Layout
from hone.records import Record, read_examples, write_record, write_records
from hone.settings import Settings
from pipelines.facts import base_location, read_base
from pipelines.recipe import Recipe
from pipelines.timing import record_stage_seconds
from pipelines.training_run import Curve, tracked_run, training_key
from training.encoding import Selection
from training.finetune import finetune
from training.tracking import Tracker
from training.trainer import Listener

RUN_FILE, LEFT_OUT_FILE = "training_run.json", "left_out.jsonl"


class TrainingRun(Record, frozen=True):
    """Which MLflow run trained the adapter: the later stages log to it."""

    run_id: str


def make_adapter(
    layout: Layout, settings: Settings, recipe: Recipe, *, listeners: Sequence[Listener], said: Callable[[str], None]
) -> TrainingRun:
    """Fine-tunes the adapter."""
    base = read_base(layout)
    location = base_location(layout, base.name)
    examples_file = layout.data / "train.jsonl"
    key = training_key(recipe.train.model_dump_json(), sha256_file(examples_file), base.digest)

    selections: list[Selection] = []
    left_out_file = layout.artifacts / "training" / LEFT_OUT_FILE

    def run(heard: Sequence[Listener]) -> Curve:
        examples = read_examples(examples_file)
        return finetune(
            location,
            examples,
            recipe.train,
            base_name=base.name,
            key=key,
            checkpoints=layout.checkpoints,
            out=layout.adapter,
            listeners=heard,
            said=said,
            selected=selections.append,
        )

    def keep_left_out(tracker: Tracker) -> None:
        (selection,) = selections
        write_records(left_out_file, selection.left_out)
        tracker.measure(selection.measures)
        tracker.attach(left_out_file, "data")

    run_id = tracked_run(
        layout,
        settings,
        recipe,
        stage="train",
        section=recipe.train,
        key=key,
        tags={"hone.base_model": base.name, "hone.base_digest": base.digest},
        listeners=listeners,
        run=run,
        out=layout.adapter,
        also=keep_left_out,
    )
    made = TrainingRun(run_id=run_id)
    write_record(layout.artifacts / "training" / RUN_FILE, made)
    record_stage_seconds(layout, "train")
    return made
