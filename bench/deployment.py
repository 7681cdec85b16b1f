"""Next versions, for real: image build, start, and switches of traffic under load.

Deploys the registered version's weights as `hone-bench` into a temporary project with a router of its own; each next
version differs from the one before by a byte. All of it is stopped, and its images are removed, at the end.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from bench.load import JsonObject, LoadReport, describe, run_load
from bench.report import Row, measured, unmeasured
from bench.rollout import measure_rollout
from deployment.engines import Engine, choose_engine, free_port
from deployment.rollout import deploy, events, status, stop_all
from hone.errors import DeploymentError
from hone.layout import Layout
from hone.records import Deployment, ModelVersion, read_examples, read_record
from hone.settings import Settings
from pipelines.deploy import convert_version
from router.service import ensure_router, stop_router
from serving.weights import RECORD_FILE

MODEL = "hone-bench"
NEXT_VERSIONS = 3  # their median is reported
CLIENTS = 8
REQUESTS = 2000
ROLLBACKS = 5
ROLLBACK_REQUESTS = 100  # of one client, around each timed rollback
ANSWER_TOKENS = 16

Said = Callable[[str], None]


@dataclass(frozen=True)
class _Project:
    """The temporary project, and what is deployed there."""

    layout: Layout
    settings: Settings
    engine: Engine
    registered: ModelVersion
    weights: Path
    said: Said

    def deploy(self, number: int) -> Deployment:
        """Brings version `number` to traffic: the registered weights, with `number` newlines at the end of a file."""
        weights = self.layout.root / f"weights-{number}"
        shutil.copytree(self.weights, weights)
        with (weights / RECORD_FILE).open("a") as record:
            record.write("\n" * number)
        version = msgspec.structs.replace(self.registered, name=MODEL, version=str(number))
        return deploy(
            self.layout, self.settings, version, weights, engine=self.engine, progress=self.said, force="a benchmark"
        )

    def build_s(self, deployment: Deployment) -> float:
        """From the decision to start a new one until its image was there."""
        started = next(event for event in events(self.layout) if event.deployment.id == deployment.id)
        return started.at - deployment.started_at


def measure_deployment(layout: Layout, settings: Settings, *, said: Said) -> Iterator[Row]:
    """Yields rows as they are measured. Without a Docker engine those of the image are null."""
    registered = read_record(layout.registration, ModelVersion)
    weights = convert_version(layout, registered, lambda _to: layout.adapter, said)
    body: JsonObject = {
        "model": MODEL,
        "prompt": read_examples(layout.data / "heldout.jsonl")[0].prompt,
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0,
    }
    with _temporary_project(settings) as (own, own_settings):
        choice = choose_engine(own, own_settings.deployment)
        project = _Project(own, own_settings, choice.engine, registered, weights, said)
        said(f"deployment, engine {choice.why}")
        url = ensure_router(own, own_settings)
        first = project.deploy(1)
        following = [project.deploy(number) for number in range(2, 2 + NEXT_VERSIONS)]
        yield from _version_rows(project, first, following, why=choice.why)
        yield from _loaded_rows(project, url, body, len(following) + 2)
        yield _warm_rollback(project, url, body, said)


def _version_rows(project: _Project, first: Deployment, following: list[Deployment], *, why: str) -> Iterator[Row]:
    """The image's size, and what a next version takes."""
    size, build = ("served image without weights", "MB", "≤ 450"), ("next version: image build", "s", "≤ 3")
    if first.image_digest:
        weights_bytes = sum(path.stat().st_size for path in project.weights.rglob("*") if path.is_file())
        yield measured(size[0], (first.image_bytes - weights_bytes) / 1e6, *size[1:])
        yield measured(build[0], statistics.median(map(project.build_s, following)), *build[1:])
    else:
        yield unmeasured(*size, why)
        yield unmeasured(*build, why)
    ready_s = statistics.median(each.start_to_ready_s for each in following)
    yield measured(f"next version: start to ready ({first.engine})", ready_s, "s", "≤ 3")


def _loaded_rows(project: _Project, url: str, body: JsonObject, number: int) -> Iterator[Row]:
    """Deploys version `number` under load, then takes traffic back under load."""
    report = run_load(url, CLIENTS, REQUESTS, body, lambda: project.deploy(number), awaits_switch=True)
    project.said(describe(report))
    yield lost_row("a deploy", report)
    report = _rollback(project, url, body, to=number - 1, clients=CLIENTS, requests=REQUESTS)
    project.said(describe(report))
    yield lost_row("a rollback", report)
    if report.switch_ms is not None:
        yield measured(f"rollback under {CLIENTS} clients, from command to traffic", report.switch_ms, "ms", "")


def lost_row(what: str, report: LoadReport) -> Row:
    """Requests lost through a switch; no figure where the load was cut short or saw no switch."""
    name, unit, goal = f"requests lost through {what} under {CLIENTS} clients", f"of {report.requests:,}", "≤ 0"
    if report.requests < REQUESTS:
        return unmeasured(name, unit, goal, f"the load ended after {report.requests} requests")
    if report.switch_ms is None:
        return unmeasured(name, unit, goal, "no other version answered")
    return measured(name, report.lost, unit, goal)


def _warm_rollback(project: _Project, url: str, body: JsonObject, said: Said) -> Row:
    """The whole process of `hone deploy rollback`, to the first answer of the other version that one client sees."""
    times_ms: list[float] = []
    for turn in range(ROLLBACKS):
        warm = status(project.layout).warm[0].deployment
        report = _rollback(project, url, body, to=int(warm.model_version), clients=1, requests=ROLLBACK_REQUESTS)
        if report.switch_ms is None or report.lost:
            raise DeploymentError(f"a rollback failed under one client: {describe(report)}")
        said(f"warm rollback {turn + 1} of {ROLLBACKS}: {report.switch_ms:.0f} ms")
        times_ms.append(report.switch_ms)
    return measured("warm rollback, from command to traffic", statistics.median(times_ms), "ms", "≤ 300")


def _rollback(project: _Project, url: str, body: JsonObject, *, to: int, clients: int, requests: int) -> LoadReport:
    """`hone deploy rollback --to N` as a process, under load. Raises `DeploymentError` with what it said."""
    hone = str(Path(sys.executable).with_name("hone"))
    command = ["env", f"HONE_ROOT={project.layout.root}", hone, "deploy", "rollback", "--to", str(to)]
    try:
        return measure_rollout(url, command, body=body, clients=clients, requests=requests)
    except subprocess.CalledProcessError as error:
        raise DeploymentError(f"`hone deploy rollback` failed: {error.stderr.decode().strip()}") from error


@contextmanager
def _temporary_project(settings: Settings) -> Iterator[tuple[Layout, Settings]]:
    """A project on a free port that keeps one version warm. Leaves no process, container, image or file behind."""
    own = settings.model_copy(
        update={
            "deployment": settings.deployment.model_copy(update={"keep_warm": 1}),
            "router": settings.router.model_copy(update={"host": "127.0.0.1", "port": free_port()}),
        }
    )
    with tempfile.TemporaryDirectory(prefix="hone-bench-") as folder:
        layout = Layout(Path(folder).resolve(), Path(folder).resolve() / "artifacts")
        (layout.root / "configs").mkdir()
        (layout.root / "dvc.yaml").write_text("stages: {}\n")
        (layout.root / "configs" / "hone.yaml").write_text(yaml.safe_dump(own.model_dump()))
        try:
            yield layout, own
        finally:
            stop_router(layout)
            stop_all(layout, own, progress=lambda _line: None)
            _remove_images(layout)


def _remove_images(layout: Layout) -> None:
    references = {event.deployment.image_reference for event in events(layout)} - {""}
    if references:
        from deployment.engines.docker import connect

        client = connect()
        for reference in references:
            client.images.remove(reference, force=True)
