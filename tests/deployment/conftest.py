"""A project with a tiny standard-library server in place of `serving/`: its weights say how it misbehaves."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployment.engines import SOURCES
from deployment.engines.process import ProcessEngine
from deployment.rollout import deploy, stop_all
from deployment.sources import KERNEL
from hone import daemon
from hone.files import sha256_bytes
from hone.layout import Layout
from hone.records import Deployment, ModelVersion, Verdict
from hone.settings import DeploymentSettings, RouterSettings, Settings, Tracking
from hone.settings import Registry as RegistrySettings

SERVER = '''
"""Stands in for the real server: same environment, same paths."""
import json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

weights = Path(os.environ["HONE_SERVE_WEIGHTS"])
behaviour = (weights / "behaviour").read_text()
print(f"loading weights that say {behaviour!r}", flush=True)
if behaviour == "dies":
    sys.exit("out of luck")

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ready = behaviour != "never ready"
        self.answer(200 if ready else 503, {"status": "ready" if ready else "loading"})
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        wanted = json.loads(self.rfile.read(length))
        time.sleep(wanted.get("fake_seconds", 0))
        if behaviour == "cannot complete":
            self.answer(500, {"error": {"message": "the weights are broken"}})
        else:
            self.answer(200, {"choices": [{"text": os.environ["HONE_SERVE_VERSION"]}]})
    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Hone-Model-Version", os.environ["HONE_SERVE_VERSION"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = False  # requests in flight finish before the process ends
    allow_reuse_address = True

server = Server((os.environ["HONE_SERVE_HOST"], int(os.environ["HONE_SERVE_PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.02)
server.server_close()
'''
HEALTHCHECK = """
import os, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{os.environ['HONE_SERVE_PORT']}/health/ready")
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with the fake server where the real sources have `serving/`."""
    folder = tmp_path / "sources"
    (folder / "serving").mkdir(parents=True)
    (folder / "hone").mkdir()
    (folder / "serving" / "__init__.py").write_text("")
    (folder / "serving" / "__main__.py").write_text(SERVER)
    (folder / "serving" / "healthcheck.py").write_text(HEALTHCHECK)
    (folder / "serving" / "convert.py").write_text("raise ImportError('torch')")
    (folder / "serving" / "requirements.lock").write_text("# nothing\n")
    for name in KERNEL:
        (folder / "hone" / name).write_bytes((SOURCES / "hone" / name).read_bytes())
    return folder


@pytest.fixture
def settings() -> Settings:
    return make_settings()


def make_settings(**limits: float | str) -> Settings:
    """Short times, one deployment kept warm."""
    return Settings(
        tracking=Tracking(port=5000),
        registry=RegistrySettings(model_name="hone-code"),
        deployment=DeploymentSettings.model_validate(
            {"engine": "process", "ready_timeout_s": 20, "drain_timeout_s": 5, "memory_mb": 256, "cpus": 1} | limits
        ),
        router=RouterSettings(port=8100),
    )


@pytest.fixture
def with_limits() -> Callable[..., Settings]:
    return make_settings


@pytest.fixture
def layout(tmp_path: Path, settings: Settings) -> Iterator[Layout]:
    """An empty project; whatever still runs in it at the end is stopped."""
    root = tmp_path / "project"
    (root / "configs").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "configs" / "hone.yaml").write_bytes((SOURCES / "configs" / "hone.yaml").read_bytes())
    layout = Layout(root=root, artifacts=root / "artifacts")
    yield layout
    stop_all(layout, settings, progress=lambda _line: None)
    assert daemon.names(layout) == []


@pytest.fixture
def engine(layout: Layout, sources: Path) -> ProcessEngine:
    return ProcessEngine(layout, sources=sources)


def make_version(number: int, *, passed: bool = True) -> ModelVersion:
    adapter = sha256_bytes(b"adapter %d" % number)
    return ModelVersion(
        name="hone-code",
        version=str(number),
        run_id=f"run{number}",
        adapter_digest=adapter,
        base_digest=sha256_bytes(b"base"),
        dataset_digest=sha256_bytes(b"dataset"),
        git_commit="0" * 40,
        verdict=Verdict(
            passed=passed,
            reasons=("pass@1 0.31 is below the floor 0.80",) if not passed else ("pass@1 0.81 ≥ 0.80",),
            adapter_digest=adapter,
            evidence_digest=sha256_bytes(b"evidence"),
            policy_digest=sha256_bytes(b"policy"),
        ),
    )


@pytest.fixture
def version() -> Callable[..., ModelVersion]:
    return make_version


@pytest.fixture
def weights(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of weights for a version; `behaviour` is what the fake server does with them."""

    def make(number: int, behaviour: str = "answers") -> Path:
        folder = tmp_path / f"weights-{number}-{behaviour.replace(' ', '-')}"
        folder.mkdir(exist_ok=True)
        (folder / "behaviour").write_text(behaviour)
        (folder / "model.bin").write_bytes(os.urandom(64))
        return folder

    return make


@pytest.fixture
def deploy_version(
    tmp_path: Path, layout: Layout, settings: Settings, engine: ProcessEngine, weights: Callable[..., Path]
) -> Callable[..., Deployment]:
    """Deploys version N with the process engine."""

    def run(
        number: int,
        behaviour: str = "answers",
        *,
        weights_from: str = "",
        passed: bool = True,
        force: str | None = None,
        limits: Settings = settings,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> Deployment:
        return deploy(
            layout,
            limits,
            make_version(number, passed=passed),
            tmp_path / weights_from if weights_from else weights(number, behaviour),
            engine=engine,
            progress=progress,
            force=force,
        )

    return run
