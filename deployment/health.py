"""Asks a deployment over HTTP whether it is ready and whether it answers, and that it is the one we mean.

Standard library only: a rollback imports it. Knows nothing of engines beyond the two callables it is handed.
"""

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

from hone.errors import NeverHealthy
from hone.records import Deployment, Record

VERSION_HEADER = "x-hone-model-version"  # on every answer of our server
POLL_S = 0.05
PROBE_TIMEOUT_S = 2.0
SMOKE_TIMEOUT_S = 30.0
SMOKE_TOKENS = 4
EXCERPT_CHARACTERS = 300


class Answer(Record, frozen=True):
    """What came back; `version` is the model version that the server says it is."""

    status: int
    version: str
    body: bytes


class Died(NeverHealthy):
    """The new deployment ended before it was ready."""


def is_ready(deployment: Deployment, *, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether it takes requests now, and is that version and not somebody else on the same port."""
    try:
        answer = request(deployment.url, "GET", "/health/ready", timeout_s=timeout_s)
    except (OSError, HTTPException):
        return False
    return answer.status == 200 and answer.version == deployment.model_version


def wait_ready(deployment: Deployment, *, alive: Callable[[], bool], timeout_s: float) -> float:
    """Waits until ready; returns the seconds it took.

    Raises `Died` as soon as it is no longer alive, `NeverHealthy` at the deadline.
    """
    started = time.monotonic()
    while not is_ready(deployment):
        if not alive():
            raise Died(f"the new deployment of version {deployment.model_version} ended while starting")
        if time.monotonic() - started > timeout_s:
            raise NeverHealthy(
                f"the new deployment of version {deployment.model_version} was not ready within {timeout_s:g} s "
                "(`deployment.ready_timeout_s`)"
            )
        time.sleep(POLL_S)
    return time.monotonic() - started


def smoke(deployment: Deployment) -> None:
    """One real completion of a few tokens. Raises `NeverHealthy` saying what came back instead of one."""
    model = f"{deployment.model_name}:{deployment.model_version}"
    wanted = {"model": model, "prompt": "def", "max_tokens": SMOKE_TOKENS, "temperature": 0}
    try:
        answer = request(deployment.url, "POST", "/v1/completions", json.dumps(wanted), timeout_s=SMOKE_TIMEOUT_S)
        if answer.status == 200 and isinstance(json.loads(answer.body)["choices"][0]["text"], str):
            return
        problem = f"{answer.status} {answer.body[:EXCERPT_CHARACTERS].decode(errors='replace')}"
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
    raise NeverHealthy(
        f"version {deployment.model_version} is ready, but its first completion failed: {' '.join(problem.split())}"
    )


def request(url: str, method: str, path: str, body: str | None = None, *, timeout_s: float) -> Answer:
    """One request without a proxy; `url` is `http://HOST:PORT`."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=timeout_s)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return Answer(response.status, response.getheader(VERSION_HEADER, ""), response.read())
    finally:
        connection.close()
