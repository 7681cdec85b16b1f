"""What goes wrong in the middle: mistyped recipes, killed training, an MLflow server that goes away, tampered files.

Each fault ends with one clear line and a non-zero exit, or is survived; what was good before stays good.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from hone import daemon
from hone.records import ModelVersion, read_record
from registry.server import DAEMON
from tests.integration.making import RECIPE, Project, stage_process, until

pytestmark = pytest.mark.slow

CHECKPOINTS = "train-*/checkpoint-*/sealed.json"
LONG = (("steps: 12", "steps: 160"), ("checkpoint_steps: 4", "checkpoint_steps: 20"))  # long enough to be killed in
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture
def project(faulty: Project) -> Iterator[Project]:
    """The tiny recipe as it was, before and after."""
    faulty.recipe.write_text(RECIPE)
    yield faulty
    faulty.recipe.write_text(RECIPE)


def lengthen(project: Project, seed: int) -> None:
    """A longer fine-tuning that no other test has begun."""
    for old, new in (*LONG, ("  steps: 160", f"  seed: {seed}\n  steps: 160")):
        project.change_recipe(old, new)


def checkpoints(project: Project) -> set[Path]:
    return set(project.layout.checkpoints.glob(CHECKPOINTS))


def final_loss(project: Project) -> float:
    last = (project.layout.artifacts / "curves" / "train.csv").read_text().splitlines()[-1]
    return float(last.split(",")[1])


def run_id_of(project: Project) -> str:
    newest = max(project.layout.checkpoints.glob("train-*/run.json"), key=lambda path: path.stat().st_mtime)
    return newest.read_text().split('"')[3]


@pytest.mark.parametrize("command", [("hone", "repro"), ("dvc", "repro")], ids=" ".join)
def test_a_mistyped_recipe_key_is_named_with_its_line(project: Project, command: tuple[str, ...]) -> None:
    project.change_recipe("batch_size: 4", "batchsize: 4")
    ended = project.run(*command)
    everything = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "tiny.yaml:18: `train.batchsize`: unknown key; did you mean `batch_size`?" in everything
    assert "Traceback" not in everything


def test_an_unknown_section_is_refused_although_no_stage_reads_it(project: Project) -> None:
    project.change_recipe("name: tiny", "name: tiny\ntraining: {}")
    assert "`training`: unknown key" in project.refused("hone", "repro")


def test_a_base_model_path_that_is_missing_is_named(project: Project) -> None:
    start, end = RECIPE.index("pretrain:"), RECIPE.index("train:\n  steps")
    project.recipe.write_text(
        RECIPE.replace(RECIPE[start:end], "pretrain: null\n").replace("model: null", "model: ./models/gone")
    )
    ended = project.run("hone", "repro")
    assert ended.returncode != 0
    assert "hone: base model `./models/gone` is neither a model folder here nor a hub name" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not project.layout.adapter.exists()


def test_an_empty_source_is_named(project: Project) -> None:
    (project.root / "empty").mkdir(exist_ok=True)
    project.change_recipe("{kind: generated, train: 64, heldout: 8}", "{kind: repository, path: empty}")
    ended = project.run("hone", "repro")
    assert ended.returncode != 0
    assert [line for line in ended.stderr.splitlines() if line.startswith("hone: ") and "empty" in line]
    assert "Traceback" not in ended.stderr


def test_a_killed_training_goes_on_and_ends_where_an_uninterrupted_one_does(project: Project) -> None:
    lengthen(project, seed=1)
    known = checkpoints(project)
    running = project.start("dvc", "repro", "train")
    until(lambda: checkpoints(project) - known, what="a checkpoint")
    stage = stage_process(running, "train", "adapter")
    assert stage is not None
    stage.suspend()
    second = project.run("dvc", "repro")  # meanwhile
    stage.kill()
    printed, _ = running.communicate(timeout=60)
    assert running.returncode != 0, printed
    assert "Traceback" not in printed
    assert not project.layout.adapter.exists()
    assert second.returncode != 0
    assert "is busy" in second.stderr or "Unable to acquire lock" in second.stderr
    assert "Traceback" not in second.stderr

    left = checkpoints(project) - known
    assert "fine-tuning: 2 of 160" not in project.done("dvc", "repro", "train")
    resumed = final_loss(project)
    for checkpoint in left | (checkpoints(project) - known):
        shutil.rmtree(checkpoint.parents[1], ignore_errors=True)
    assert "fine-tuning: 2 of 160" in project.done("hone", "train", "adapter")
    assert final_loss(project) == pytest.approx(resumed, abs=1e-3)


def test_training_survives_the_death_of_our_own_mlflow(project: Project) -> None:
    lengthen(project, seed=2)
    known = checkpoints(project)
    running = project.start("hone", "train", "adapter")
    until(lambda: checkpoints(project) - known, what="a checkpoint")
    server = daemon.process_id(project.layout, DAEMON)
    assert server is not None
    os.kill(server, 9)
    printed, _ = running.communicate(timeout=200)
    assert running.returncode == 0, printed
    assert daemon.process_id(project.layout, DAEMON) != server
    assert steps_in_mlflow(project) == list(range(2, 161, 2))


def test_a_server_that_goes_for_good_costs_no_training(project: Project, tmp_path: Path) -> None:
    lengthen(project, seed=3)
    project.done("hone", "up")
    theirs = project.write_settings(tmp_path / "theirs.yaml", tracking={"uri": project.mlflow})
    known = checkpoints(project)
    running = project.start("hone", "train", "adapter", HONE_CONFIG=str(theirs), **IMPATIENT)
    until(lambda: checkpoints(project) - known, what="a checkpoint")
    daemon.stop(project.layout, DAEMON)
    printed, _ = running.communicate(timeout=200)
    assert running.returncode == 1
    assert f"hone: the MLflow server at {project.mlflow} went away; the finished training is kept" in printed
    assert "Traceback" not in printed

    project.done("hone", "up")
    again = project.done("hone", "train", "adapter", HONE_CONFIG=str(theirs))
    assert " of 160" not in again  # nothing is trained
    assert steps_in_mlflow(project) == list(range(2, 161, 2))


def steps_in_mlflow(project: Project) -> list[int]:
    client = MlflowClient(project.mlflow)
    run = client.get_run(run_id_of(project))
    assert run.info.status == "FINISHED"
    assert "final_loss" in run.data.metrics
    assert any(name.startswith("system/") for name in run.data.metrics)
    return sorted({point.step for point in client.get_metric_history(run.info.run_id, "loss")})


def test_a_pickle_in_the_adapter_is_never_registered(project: Project) -> None:
    project.done("dvc", "repro")
    registered = read_record(project.layout.registration, ModelVersion)
    (project.layout.adapter / "extra.pkl").write_bytes(b"\x80\x04.")
    line = project.refused("hone", "registry", "register")
    (project.layout.adapter / "extra.pkl").unlink()
    assert "extra.pkl` can run code when it is read" in line
    assert read_record(project.layout.registration, ModelVersion) == registered


def test_a_port_that_another_program_has_is_named(project: Project, tmp_path: Path) -> None:
    theirs = project.write_settings(tmp_path / "taken.yaml", tracking={"port": project.router_port})
    project.done("hone", "up")
    line = project.refused("hone", "run", HONE_CONFIG=str(theirs))
    assert f"port {project.router_port} is taken by another program" in line
