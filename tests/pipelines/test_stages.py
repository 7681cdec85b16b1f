"""Small parts of the stages: parameters for MLflow, seconds, curves, the run's key."""

import os
from pathlib import Path

from hone.layout import Layout
from pipelines.curves import write_curve
from pipelines.timing import record_stage_seconds, stage_seconds
from pipelines.training_run import flatten, training_key


def test_nested_parameters_become_dotted_names() -> None:
    assert flatten({"steps": 12, "lora": {"rank": 4, "targets": ("a", "b")}}) == {
        "steps": "12",
        "lora.rank": "4",
        "lora.targets": "('a', 'b')",
    }


def test_seconds_of_stages_come_in_the_order_in_which_they_ran(layout: Layout) -> None:
    for second, stage in enumerate(("train", "curate")):
        record_stage_seconds(layout, stage)
        os.utime(layout.artifacts / "timings" / f"{stage}.json", (second, second))
    assert list(stage_seconds(layout)) == ["train", "curate"]
    assert all(seconds > 0 for seconds in stage_seconds(layout).values())


def test_before_any_stage_there_are_no_seconds(layout: Layout) -> None:
    assert stage_seconds(layout) == {}


def test_a_curve_without_points_still_has_the_columns_that_a_plot_needs(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", [])
    assert (tmp_path / "curve.csv").read_text().split() == ["step,loss,grad_norm,learning_rate"]


def test_a_curve_has_one_row_a_point_and_leaves_out_what_it_does_not_draw(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", [{"step": 2, "loss": 5.5, "epoch": 0.1}])
    assert (tmp_path / "curve.csv").read_text().splitlines()[1] == "2,5.5,,"


def test_another_input_is_another_training_run() -> None:
    assert training_key("recipe", "data") == training_key("recipe", "data") != training_key("recipe", "other")
