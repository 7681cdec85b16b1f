"""The MLflow server: finds it, or starts Hone's own as the daemon `mlflow` on 127.0.0.1.

Imports no mlflow, so that finding a server that already runs takes milliseconds. A server is known as ours by a
header that names this project's artifacts folder: another checkout's MLflow on the same port is never taken for it.
"""

import http.client
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from hone import daemon
from hone.errors import ConfigError, TrackingUnavailable
from hone.layout import Layout
from hone.settings import Settings, settings_path

DAEMON = "mlflow"
DATABASE = "sqlite:///mlflow.db"  # within its working directory, `artifacts/mlflow/`
OWNER_HEADER = "X-Hone-Artifacts"
PROBE_TIMEOUT_S = 2.0  # a busy machine answers in a few milliseconds; an absent one is refused at once
START_TIMEOUT_S = 120.0  # the first start makes the database's schema

# How long an MLflow client keeps trying: it outlasts a restart of our server, and gives up within about ten seconds
# where nothing listens (MLflow's own defaults: over four minutes). What the user set in the environment wins.
CLIENT_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}
# What MLflow's AI Gateway takes from whoever starts the server: which upstreams it asks, what encrypts their keys.
GATEWAY_VARIABLES = (
    "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS",
    "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES",
    "MLFLOW_CRYPTO_KEK_PASSPHRASE",
)
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Answer:
    """What came back from `GET /health`. `status` 0: something listens that does not speak HTTP in time."""

    status: int
    owner: str = ""  # the artifacts folder that Hone's own server names


def ensure_server(layout: Layout, settings: Settings) -> str:
    """The tracking URI of a server that answers now; starts Hone's own where none is configured and none runs.

    Callers at the same time share one start. Raises `TrackingUnavailable` where somebody else's server does not
    answer or the port is taken, `DaemonError` with the log where our own does not come up.
    """
    configure_client()
    if settings.tracking.uri is not None:
        return _check_external(settings.tracking.uri, settings_path(layout))
    port, url = settings.tracking.port, settings.tracking_uri
    answer = probe(url)
    if _is_ours(answer, layout):
        return url
    if answer is not None and not (answer.status == 0 and _is_running(layout, url)):
        raise TrackingUnavailable(
            f"port {port} is taken by {_name_of(answer)}, so MLflow cannot start; "
            f"set `tracking.port` in `{settings_path(layout)}` to a free port"
        )
    spec = _spec(layout, port, url)
    daemon.start(layout, DAEMON, spec, ready=lambda: _is_ours(probe(url), layout), timeout_s=START_TIMEOUT_S)
    return url


def stop_server(layout: Layout) -> bool:
    """Stops Hone's own server; runs and versions stay on disk. Returns whether it was running."""
    return daemon.stop(layout, DAEMON)


def configure_client() -> None:
    """Sets this process's environment for MLflow clients: no telemetry, bounded retries, no proxy to loopback.

    To be called before mlflow is imported.
    """
    for name, value in CLIENT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])


def probe(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> Answer | None:
    """Asks a server for its health. None: nothing listens there."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.connect()
    except OSError:
        return None
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/health")
        response = connection.getresponse()
        return Answer(response.status, unquote(response.headers.get(OWNER_HEADER, "")))
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        connection.close()


def _check_external(uri: str, config: Path) -> str:
    """A server that somebody else runs: it must answer now."""
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port, or half an IPv6 address
        usable = False
    if not usable:
        raise ConfigError(f"`tracking.uri` in `{config}` must be an MLflow server's `http://` or `https://` address")
    if parts.username is not None:
        raise ConfigError(
            f"`tracking.uri` in `{config}` holds a user name; "
            "set `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` in the environment instead"
        )
    answer = probe(uri)
    if answer is None or answer.status != http.client.OK:
        said = f"gave status {answer.status} to its health check" if answer and answer.status else "does not answer"
        raise TrackingUnavailable(
            f"the MLflow server at `{uri}` {said}; start it, or let Hone run its own: "
            f"set `tracking.uri` in `{config}` to null"
        )
    return uri.rstrip("/")


def _is_ours(answer: Answer | None, layout: Layout) -> bool:
    return answer is not None and answer.status == http.client.OK and answer.owner == str(layout.artifacts)


def _is_running(layout: Layout, url: str) -> bool:
    """Whether our daemon runs at this address, even if it is too busy to answer."""
    spec = daemon.read_spec(layout, DAEMON)
    return spec is not None and spec.url == url and daemon.alive(layout, DAEMON)


def _name_of(answer: Answer) -> str:
    return f"the MLflow of another Hone project (`{answer.owner}`)" if answer.owner else "another program"


def _spec(layout: Layout, port: int, url: str) -> daemon.DaemonSpec:
    """One uvicorn process, no job execution, no telemetry, everything it writes under `artifacts/mlflow/`.

    The variables with a leading underscore are how `mlflow server` 3.17 hands its options to the application
    (`mlflow.server.constants`); docs/decisions/0002 says why its launcher is left out.
    """
    scratch = layout.mlflow / "tmp"  # uploads pass through it
    scratch.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "uvicorn", "--factory", "registry.mlflow_app:create_app"]
    argv += ["--app-dir", str(Path(__file__).resolve().parents[1]), "--host", "127.0.0.1", "--port", str(port)]
    argv += ["--no-access-log", "--header", f"{OWNER_HEADER}:{quote(str(layout.artifacts))}"]
    env = {
        "PATH": os.defpath,
        "HOME": str(layout.mlflow),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "_MLFLOW_SERVER_FILE_STORE": DATABASE,
        "_MLFLOW_SERVER_REGISTRY_STORE": DATABASE,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(layout.mlflow / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }
    return daemon.DaemonSpec(argv=tuple(argv), env=env, cwd=str(layout.mlflow), url=url, inherits=GATEWAY_VARIABLES)
