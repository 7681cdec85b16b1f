"""Hone's router, LiteLLM's proxy and Portkey's gateway as processes: each one worker on a core of its own, before the
same upstream, asked for the same.

Peers are installed once, under artifacts/bench/peers-router.
"""

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from deployment.engines import free_port
from hone.errors import HoneError
from router.money import stored_keys
from router.money.database import Database
from router.money.keys import Key
from router.service import inherited_names

HERE = Path(__file__).parent
LITELLM = "1.106.12"  # the last one before 1.107.0, which was compromised
PORTKEY = "1.15.2"
HONE = "Hone"
PROVIDER, PROVIDER_KEY = "deepseek", "DEEPSEEK_API_KEY"  # whose address becomes the upstream's
ANSWER, LAST_EVENT = "def add", "[DONE]"  # what a whole answer, and a whole stream, of the upstream holds
POLL_S = 0.005
START_S = 180.0  # the slowest peer, on a busy machine
STOP_S = 20.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
QUESTION = {
    "messages": [
        {"role": "system", "content": "You are a careful programmer. Answer with code only."},
        {"role": "user", "content": "Write a Python function `add(a, b)` that returns the sum of both numbers."},
    ],
    "max_tokens": 256,
}
# Portkey's server has no option for its address: it would listen on every one.
LOOPBACK_ONLY = (
    'data:text/javascript,import net from "node:net";const l=net.Server.prototype.listen;net.Server.prototype.listen='
    'function(p,...m){return l.call(this,p,"127.0.0.1",...m.filter(x=>typeof x==="function"))}'
)


@dataclass(frozen=True)
class Cores:
    """For `taskset`: the gateway's one, and those of load and upstream. The same one where there is no other."""

    gateway: str
    load: str

    @classmethod
    def of_this_machine(cls) -> Self:
        """Of those that this process may use."""
        first, *others = map(str, sorted(os.sched_getaffinity(0)))
        return cls(first, ",".join(others) or first)


class Service:
    """A process on given cores, whose output goes into a file. Ends with the `with` block, and all that it started."""

    def __init__(self, argv: list[str], cores: str, log: Path, env: dict[str, str] | None = None) -> None:
        self._log = log
        self._argv = argv
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", cores, *argv],
                cwd=HERE.parent,
                env=env,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the bench, which then ends this
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace")

    @property
    def cpu_s(self) -> float:
        """User and system time of all its threads so far, to 1/100 s."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    @property
    def memory_mb(self) -> float:
        """Resident, shared pages included, in 10⁶ bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    def wait_for(self, port: int, path: str) -> None:
        """Until it answers with 200 there. Raises `HoneError` with what it printed."""
        until = time.monotonic() + START_S
        while _status(port, path) != 200:
            if self.process.poll() is not None or time.monotonic() > until:
                raise HoneError(f"`{Path(self._argv[0]).name}` did not come up", detail=self.output[-2000:])
            time.sleep(POLL_S)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True)
class Gateway:
    """One side, ready. `headers` are those that its requests need."""

    name: str
    service: Service
    port: int
    model: str
    headers: dict[str, str]
    ready_s: float = 0.0  # from the start of its process

    def request(self, *, stream: bool = False) -> bytes:
        """A whole HTTP request."""
        body = json.dumps({"model": self.model, **QUESTION} | ({"stream": True} if stream else {})).encode()
        headers = {
            "host": f"127.0.0.1:{self.port}",
            "content-type": "application/json",
            "content-length": str(len(body)),
        }
        lines = [f"{name}: {value}\r\n" for name, value in (headers | self.headers).items()]
        return f"POST /v1/chat/completions HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body


def build(folder: Path) -> None:
    """Compiles upstream and load client. Raises `HoneError`."""
    for name in ("upstream", "asker"):
        try:
            command = ["gcc", "-O2", "-o", str(folder / name), str(HERE / f"{name}.c")]
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise HoneError("`gcc` is not there; `apt-get install gcc libc6-dev`") from error
        except subprocess.CalledProcessError as error:
            raise HoneError(f"`bench/{name}.c` does not compile", detail=error.stderr) from error


@contextlib.contextmanager
def upstream(folder: Path, cores: Cores, *, gap_us: int = 0) -> Iterator[int]:
    """The upstream's port; `gap_us` stands between the events of its streams."""
    log = folder / f"upstream-{gap_us}.log"
    with Service([str(folder / "upstream"), "0", str(gap_us)], cores.load, log) as service:
        while not service.output.endswith("\n"):
            if service.process.poll() is not None:
                raise HoneError("the upstream did not start", detail=service.output)
            time.sleep(POLL_S)
        yield int(service.output)


def write_project(root: Path, configs: Path, upstream_port: int) -> str:
    """A project with the shipped configuration, one provider's address changed, and a key with every limit.

    Returns the key's token.
    """
    (root / "configs").mkdir(parents=True)
    (root / "artifacts" / "router").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    read: dict[str, Any] = {}
    for name in ("hone", "providers", "catalog", "routes"):
        read[name] = yaml.safe_load((configs / f"{name}.yaml").read_text(encoding="utf-8"))
    read["hone"]["router"] |= {"host": "127.0.0.1", "port": free_port(), "workers": 1, "database": None, "redis": None}
    read["providers"]["providers"][PROVIDER] |= {"url": f"http://127.0.0.1:{upstream_port}/v1"}
    for name, content in read.items():
        (root / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    limits = Key(
        id="", name="bench", rpm=10**9, tpm=10**12, concurrent=10_000, day_usd=1e6, month_usd=1e7
    )  # far off, and counted
    return stored_keys.create(Database(f"sqlite:///{root / 'artifacts' / 'router' / 'router.db'}"), limits)[1]


@contextlib.contextmanager
def hone(root: Path, token: str, cores: Cores) -> Iterator[Gateway]:
    """`hone router serve` in that project. Only the one provider has a key."""
    providers = root / "configs" / "providers.yaml"
    env = {name: value for name, value in os.environ.items() if name not in inherited_names(providers)}
    env |= {PROVIDER_KEY: "bench", "HONE_ROOT": str(root), "HONE_LOG": "json"}
    env.pop("HONE_CONFIG", None)
    port = yaml.safe_load((root / "configs" / "hone.yaml").read_text())["router"]["port"]
    argv = [sys.executable, "-c", "from hone.cli import main; main()", "router", "serve"]
    started = time.monotonic()
    with Service(argv, cores.gateway, root / "router.log", env) as service:
        service.wait_for(port, "/health/ready")
        took = time.monotonic() - started
        gateway = Gateway(HONE, service, port, "hone/auto", {"authorization": f"Bearer {token}"}, took)
        told = _ask_once(gateway)
        if told.get("x-hone-provider") != PROVIDER or float(told.get("x-hone-cost-usd", 0)) <= 0:
            raise HoneError(f"the router did not send the request where the bench meant it to: {told}")
        yield gateway


@contextlib.contextmanager
def litellm(peers: Path, folder: Path, upstream_port: int, cores: Cores) -> Iterator[Gateway]:
    """LiteLLM's proxy with a master key, and nothing else that costs time. Raises as `install_litellm`."""
    program = install_litellm(peers)
    url = f"http://127.0.0.1:{upstream_port}/v1"
    parameters = {"model": "openai/bench", "api_base": url, "api_key": "bench"}
    config = {
        "model_list": [{"model_name": "bench", "litellm_params": parameters}],
        "general_settings": {"master_key": "sk-bench"},
        "litellm_settings": {"telemetry": False},
    }
    (folder / "litellm.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    argv = [str(program), "--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    env = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_PROXY": "127.0.0.1"}
    env.pop("PYTHONPATH", None)
    with Service([*argv, "--num_workers", "1"], cores.gateway, folder / "litellm.log", env) as service:
        service.wait_for(port, "/health/liveliness")
        gateway = Gateway(f"LiteLLM {LITELLM}", service, port, "bench", {"authorization": "Bearer sk-bench"})
        _ask_once(gateway)
        yield gateway


@contextlib.contextmanager
def portkey(peers: Path, folder: Path, upstream_port: int, cores: Cores) -> Iterator[Gateway]:
    """Portkey's gateway, told by headers whom to ask. Raises as `install_portkey`."""
    script = install_portkey(peers)
    port = free_port()
    headers = {
        "authorization": "Bearer bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
    }
    argv = ["node", "--import", LOOPBACK_ONLY, str(script), f"--port={port}", "--headless"]
    env = os.environ | {"NODE_ENV": "production"}
    with Service(argv, cores.gateway, folder / "portkey.log", env) as service:
        service.wait_for(port, "/")
        gateway = Gateway(f"Portkey {PORTKEY}", service, port, "bench", headers)
        _ask_once(gateway)
        yield gateway


def install_litellm(peers: Path) -> Path:
    """The program, in an environment of its own. Raises `HoneError` where it does not install."""
    folder = peers / "litellm"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", f"litellm[proxy]=={LITELLM}"]
    _install(folder, LITELLM, "LiteLLM", [[sys.executable, "-m", "venv", "--clear", str(folder)], pip])
    return folder / "bin" / "litellm"


def install_portkey(peers: Path) -> Path:
    """The script for node. Raises `HoneError` where it does not install."""
    folder = peers / "portkey"
    package = f"@portkey-ai/gateway@{PORTKEY}"
    _install(
        folder,
        PORTKEY,
        "Portkey's gateway",
        [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), package]],
    )
    return folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def _install(folder: Path, version: str, name: str, commands: list[list[str]]) -> None:
    """Once for each version."""
    ready = folder / "ready"
    if ready.exists() and ready.read_text() == version:
        return
    folder.mkdir(parents=True, exist_ok=True)
    print(f"· installing {name} {version}", flush=True)
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise HoneError(f"{name} does not install: `{command[0]}` is not there") from error
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise HoneError(f"{name} {version} does not install: {said[:200]}", detail=error.stderr[-2000:]) from error
    ready.write_text(version)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _ask_once(gateway: Gateway) -> dict[str, str]:
    """The headers of a right answer. Raises `HoneError` where it is another."""
    head, _, body = gateway.request().partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", body, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise HoneError(f"{gateway.name} does not answer: {error}", detail=gateway.service.output[-2000:]) from error
    finally:
        connection.close()
    if response.status != 200 or ANSWER.encode() not in answer:
        raise HoneError(f"{gateway.name} answers with {response.status}: {answer[:200]!r}")
    return {name.lower(): value for name, value in response.getheaders()}
