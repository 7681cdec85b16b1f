"""The whole thing as a user drives it: `hone run` on a tiny recipe, again, a changed rank, a deploy, a rollback.

The tests of this file follow one story and stand in its order; each also holds when run alone.
"""

import json
import os
from pathlib import Path

import openai
import pytest
from mlflow import MlflowClient
from playwright.sync_api import Page

from deployment.engines.docker import connect
from hone import daemon
from hone.files import locked, sha256_file
from hone.records import ModelVersion, read_examples, read_record
from tests.integration.making import Project, make_project

pytestmark = pytest.mark.slow

PROMISED = {
    "base_pass_at_1", "tuned_pass_at_1", "tasks", "verdict", "reasons", "model_version", "image_digest", "image_bytes",
    "engine", "endpoint", "answer_ms", "stage_seconds", "total_seconds",
}  # fmt: skip
STAGES = ("curate", "pretrain", "train", "evaluate", "gate", "register")
MODEL = "hone-code"


def summary_of(project: Project) -> dict[str, object]:
    read: dict[str, object] = json.loads(project.layout.summary.read_bytes())
    return read


def served(project: Project) -> str:
    status = json.loads(project.done("hone", "deploy", "status", "--json"))
    return str(status["current"]["deployment"]["model_version"])


def written(project: Project, *folders: str) -> dict[str, int]:
    """When each file of some artifacts was last written."""
    files = (path for folder in folders for path in (project.layout.artifacts / folder).rglob("*"))
    return {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


@pytest.fixture(scope="session")
def tracked(finished: Project) -> MlflowClient:
    finished.done("hone", "up")
    return MlflowClient(finished.mlflow, finished.mlflow)


@pytest.fixture(scope="session")
def two_versions(finished: Project) -> tuple[str, Project]:
    """Another LoRA rank through DVC's experiments: what `dvc exp run` printed, and the project with version 2."""
    before = written(finished, "base", "data")
    printed = finished.done("dvc", "exp", "run", "-S", "configs/recipes/tiny.yaml:train.lora.rank=3")
    assert written(finished, "base", "data") == before
    return printed, finished


@pytest.fixture(scope="session")
def rolled_forward(two_versions: tuple[str, Project]) -> Project:
    """Version 2 deployed while version 1 stays warm."""
    project = two_versions[1]
    project.done("hone", "deploy", "champion")
    return project


def test_the_summary_has_what_was_promised(finished: Project) -> None:
    summary = summary_of(finished)
    assert summary.keys() >= PROMISED
    assert (summary["verdict"], summary["engine"], summary["tasks"]) == ("passed", "process", 8)
    assert summary["model_version"] == "hone-code:1"
    assert set(STAGES) < set(summary["stage_seconds"])  # type: ignore[call-overload]


def test_a_second_run_trains_nothing_and_starts_nothing(finished: Project) -> None:
    made = written(finished, "base", "adapter", "evaluation", "registration", "mlflow/artifacts")
    running = {name: daemon.process_id(finished.layout, name) for name in daemon.names(finished.layout)}
    printed = finished.done("hone", "run")
    assert "nothing changed" in printed
    assert "serves already" in printed
    assert written(finished, "base", "adapter", "evaluation", "registration", "mlflow/artifacts") == made
    assert {name: daemon.process_id(finished.layout, name) for name in daemon.names(finished.layout)} == running


def test_dvc_repro_by_hand_agrees_that_nothing_changed(finished: Project) -> None:
    printed = finished.done("dvc", "repro")
    assert [stage for stage in STAGES if f"Stage '{stage}' didn't change" not in printed] == []


def test_dvc_shows_metrics_and_plots(finished: Project) -> None:
    assert "tuned_pass_at_1" in finished.done("dvc", "metrics", "show")
    drawn = Path(finished.done("dvc", "plots", "show").strip().removeprefix("file://")).read_text()
    titles = ("Pretraining loss", "Fine-tuning loss", "Held-out score")
    assert [title for title in titles if title not in drawn] == []


def test_the_training_run_in_mlflow_tells_everything(finished: Project, tracked: MlflowClient) -> None:
    version = read_record(finished.layout.registration, ModelVersion)
    run = tracked.get_run(version.run_id)
    points = tracked.get_metric_history(version.run_id, "loss")
    assert run.info.status == "FINISHED"
    assert run.data.params["train.lora.rank"] in {"3", "4"}
    assert [point.step for point in points] == [2, 4, 6, 8, 10, 12]
    assert any(name.startswith("system/") for name in run.data.metrics)
    assert run.data.tags["hone.dataset_digest"] == version.dataset_digest
    assert run.data.tags["hone.git_commit"].removesuffix("-dirty")
    assert run.inputs.dataset_inputs[0].dataset.name
    files = {file.path for file in tracked.list_artifacts(version.run_id)}
    assert {"tiny.yaml", "curves", "data", "train"} <= files


def test_the_registered_version_has_aliases_and_lineage(finished: Project, tracked: MlflowClient) -> None:
    version = tracked.get_model_version(MODEL, "1")
    evidence = read_record(finished.layout.registration, ModelVersion)
    tags = set(version.tags.values())
    assert {evidence.base_digest, evidence.dataset_digest} <= tags
    assert set(tracked.get_registered_model(MODEL).aliases) >= {"champion", "challenger"}


def test_the_openai_sdk_gets_a_completion_and_a_stream(finished: Project) -> None:
    prompt = read_examples(finished.layout.data / "heldout.jsonl")[0].prompt
    client = openai.OpenAI(base_url=finished.router, api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    whole = client.completions.with_raw_response.create(model=model, prompt=prompt, max_tokens=8, temperature=0)
    assert whole.headers["x-hone-model-version"].startswith("hone-code:")
    with client.completions.create(model=model, prompt=prompt, max_tokens=8, temperature=0, stream=True) as stream:
        text = "".join(chunk.choices[0].text for chunk in stream if chunk.choices)
    assert text == whole.parse().choices[0].text


def test_why_walks_from_the_endpoint_to_the_commit(finished: Project) -> None:
    links = json.loads(finished.done("hone", "why", "endpoint", "--json"))
    assert {"endpoint", "deployment", "image", "version", "verdict", "run", "dataset", "commit"} <= {
        link["what"] for link in links
    }


def test_a_second_run_at_the_same_time_says_so_in_one_line(finished: Project) -> None:
    with locked(finished.layout.artifacts / ".run.lock", what="this test"):
        line = finished.refused("hone", "run")
    assert f"`hone run` is already running (process {os.getpid()})" in line


def test_a_changed_rank_runs_train_onward_and_nothing_before(two_versions: tuple[str, Project]) -> None:
    printed, _project = two_versions
    assert [stage for stage in STAGES if f"Running stage '{stage}'" in printed] == list(STAGES[2:])
    assert [stage for stage in STAGES if f"Stage '{stage}' didn't change" in printed] == list(STAGES[:2])


def test_an_adapter_changed_after_registration_is_never_deployed(two_versions: tuple[str, Project]) -> None:
    project = two_versions[1]
    before, adapter = served(project), sha256_file(project.layout.adapter / "adapter_model.safetensors")
    stored = [
        path
        for path in (project.layout.mlflow / "artifacts").rglob("adapter_model.safetensors")
        if sha256_file(path) == adapter
    ]
    content = stored[0].read_bytes()
    for path in stored:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    line = project.refused("hone", "deploy", "version", "2")
    for path in stored:
        path.write_bytes(content)
    assert "changed after it was registered" in line
    assert served(project) == before


def test_a_deploy_moves_traffic_and_a_rollback_takes_it_back(rolled_forward: Project) -> None:
    assert served(rolled_forward) == "2"
    rolled_forward.done("hone", "deploy", "rollback")
    assert served(rolled_forward) == "1"
    client = openai.OpenAI(base_url=rolled_forward.router, api_key="none")
    model = client.models.list().data[0].id
    answer = client.completions.with_raw_response.create(model=model, prompt="def one():", max_tokens=2)
    assert answer.headers["x-hone-model-version"] == "hone-code:1"


def test_a_refused_successor_is_registered_and_the_champion_serves_on(rolled_forward: Project) -> None:
    rolled_forward.write_policy(min_pass_at_1=1.0)
    printed = rolled_forward.done("hone", "run")
    rolled_forward.write_policy()
    summary = summary_of(rolled_forward)
    assert "Running stage 'train'" not in printed
    assert (summary["verdict"], summary["model_version"]) == ("failed", "hone-code:3")
    assert summary["serving_version"] == "hone-code:2"
    assert any("1.00" in reason for reason in summary["reasons"])  # type: ignore[attr-defined]


def test_a_refused_first_version_is_no_deployment_but_a_clear_line(rolled_forward: Project, tmp_path: Path) -> None:
    rolled_forward.write_policy(min_pass_at_1=0.9)
    settings = rolled_forward.write_settings(tmp_path / "other.yaml", registry={"model_name": "another"})
    line = rolled_forward.refused("hone", "run", HONE_CONFIG=str(settings))
    rolled_forward.write_policy()
    assert "version 1 of `another` did not pass the gate and there is no champion yet" in line


@pytest.mark.docker
def test_the_main_job_with_docker_says_which_image_serves(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", engine="docker")
    ended = project.run("hone", "deploy", "base-image")
    if ended.returncode and os.environ.get("CI") != "true":
        pytest.skip(ended.stderr.strip().splitlines()[-1])
    try:
        project.done("hone", "run")
        summary = summary_of(project)
        again = project.done("hone", "run")
    finally:
        project.run("hone", "down", "--all")
    connect().images.remove(str(summary["image_digest"]), force=True)
    assert str(summary["image_digest"]).startswith("sha256:")
    assert (summary["engine"], summary_of(project)["image_digest"]) == ("docker", summary["image_digest"])
    assert "serves already" in again


def test_the_mlflow_ui_draws_the_run_with_its_curve(finished: Project, tracked: MlflowClient, page: Page) -> None:
    run = tracked.get_run(read_record(finished.layout.registration, ModelVersion).run_id)
    page.goto(f"{finished.mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/model-metrics")
    page.get_by_text("tiny-train").first.wait_for(timeout=60_000)
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for(timeout=60_000)


def test_the_mlflow_ui_shows_the_version_with_its_aliases(finished: Project, tracked: MlflowClient, page: Page) -> None:
    champion = tracked.get_registered_model(MODEL).aliases["champion"]
    page.goto(f"{finished.mlflow}/#/models/{MODEL}/versions/{champion}")
    page.get_by_text(f"Version {champion}").first.wait_for(timeout=60_000)
    page.get_by_text("champion").first.wait_for(timeout=60_000)
    page.get_by_text("hone.dataset_digest").first.wait_for(timeout=60_000)


def test_the_evaluations_page_opens_from_the_mlflow_ui(finished: Project, tracked: MlflowClient, page: Page) -> None:
    run = tracked.get_run(read_record(finished.layout.registration, ModelVersion).run_id).info
    page.goto(f"{finished.mlflow}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/evaluation/report.html")
    shown = page.frame_locator("iframe").first
    shown.get_by_text("tuned against base").wait_for(timeout=60_000)
    shown.locator("svg.track circle.challenger").first.wait_for()
