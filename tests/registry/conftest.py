"""One real MLflow server for all tests of the registry, in a project of its own, and an adapter to register in it."""

import json
import os
import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from hone.files import sha256_tree
from hone.layout import Layout
from hone.records import Evidence, PairedTest, PassRate, Verdict
from hone.settings import Registry, RouterSettings, Settings, Tracking
from registry.gate import evidence_digest
from registry.server import configure_client, ensure_server, stop_server

CONFIGS = Path(__file__).parents[2] / "configs"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def settings_with(*, port: int | None = None, uri: str | None = None) -> Settings:
    return Settings(
        tracking=Tracking(uri=uri, port=port or free_port()),
        registry=Registry(model_name="hone-code"),
        router=RouterSettings(port=free_port()),
    )


def project(root: Path, port: int) -> Layout:
    """A project folder as the command line finds it."""
    (root / "configs").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copy(CONFIGS / "gate.yaml", root / "configs")
    text = (CONFIGS / "hone.yaml").read_text()
    (root / "configs" / "hone.yaml").write_text(text.replace("port: 5000", f"port: {port}"))
    return Layout(root=root, artifacts=root / "artifacts")


@dataclass(frozen=True)
class Server:
    layout: Layout
    settings: Settings

    def ensure(self) -> str:
        return ensure_server(self.layout, self.settings)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    server = Server(project(tmp_path_factory.mktemp("project") / "a project", port), settings_with(port=port))
    server.ensure()
    yield server
    stop_server(server.layout)


@pytest.fixture
def server(started: Server) -> Server:
    """The server, started again where an earlier test has killed it."""
    started.ensure()
    return started


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the settings of MLflow's client within one test, and failing tests short."""
    for name in os.environ.keys() & {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "HONE_CONFIG", "HONE_ROOT"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    configure_client()


@pytest.fixture
def store(server: Server):
    from registry.store import Store

    return Store(server.ensure())


@pytest.fixture
def model_name(request: pytest.FixtureRequest) -> str:
    """A registered model of this test's own."""
    return f"of-{abs(hash(request.node.nodeid))}"


@pytest.fixture
def run_id(server: Server) -> str:
    """A training run."""
    from mlflow import MlflowClient

    client = MlflowClient(server.ensure())
    found = client.get_experiment_by_name("hone")
    experiment = found.experiment_id if found else client.create_experiment("hone")
    return str(client.create_run(experiment).info.run_id)


def write_safetensors(path: Path, content: bytes) -> None:
    """The smallest file of that format: header length, header, data."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    write_safetensors(folder / "adapter_model.safetensors", os.urandom(64))
    (folder / "adapter_config.json").write_text('{"r": 16}')
    return folder


def rate(passed: int, tasks: int) -> PassRate:
    share = passed / tasks
    return PassRate(passed=passed, tasks=tasks, rate=share, low=max(0.0, share - 0.04), high=min(1.0, share + 0.04))


def evidence_of(adapter_digest: str, passed: int = 330) -> Evidence:
    return Evidence(
        suite="generated",
        adapter_digest=adapter_digest,
        base_digest="sha256:base",
        dataset_digest="sha256:dataset",
        isolation="bubblewrap",
        base=rate(0, 400),
        tuned=rate(passed, 400),
        paired=PairedTest(wins=passed, losses=0, p_value=1e-9),
        measured_at=1.5,
    )


def verdict_on(evidence: Evidence, *, passed: bool = True) -> Verdict:
    return Verdict(
        passed=passed,
        reasons=("pass@1 0.825 is at least 0.70", "there is no champion to compare with"),
        adapter_digest=evidence.adapter_digest,
        evidence_digest=evidence_digest(evidence),
        policy_digest="sha256:policy",
        decided_at=1234.5,
    )


@pytest.fixture
def register(store, model_name: str, run_id: str, adapter: Path):
    """Registers the adapter, with a verdict as wanted."""

    def act(*, passed: bool = True, decided_at: float = 1234.5, progress: Callable[[str], None] = lambda _: None):
        evidence = evidence_of(sha256_tree(adapter))
        verdict = msgspec.structs.replace(verdict_on(evidence, passed=passed), decided_at=decided_at)
        return store.register(
            adapter,
            model_name=model_name,
            run_id=run_id,
            git_commit="c0ffee",
            evidence=evidence,
            verdict=verdict,
            progress=progress,
        )

    return act


@pytest.fixture
def judged(adapter: Path) -> tuple[Evidence, Verdict]:
    """What was measured of the adapter, and a verdict that it passed."""
    evidence = evidence_of(sha256_tree(adapter))
    return evidence, verdict_on(evidence)
