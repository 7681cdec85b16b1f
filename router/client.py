"""A small client of the router for commands: its health, and one completion. Standard library only."""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from hone.errors import RouterError
from router.health import SERVICE, RouterHealth

HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Completion:
    """One answer through the router."""

    text: str
    model: str
    model_version: str  # name:version, from the answer's header
    request_id: str
    ms: float  # from the request to the answer's last byte


def read_health(url: str, path: str = "/health/live") -> RouterHealth | None:
    """What the router at `url` says of itself; None where nothing, or something else, answers."""
    try:
        _, _, body = _request(url, "GET", path, b"", HEALTH_TIMEOUT_S)
        health = msgspec.json.decode(body, type=RouterHealth)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    return health if health.service == SERVICE else None


def ask(url: str, prompt: str, *, max_tokens: int, timeout_s: float) -> Completion:
    """One deterministic completion (temperature 0) of the served model.

    Raises `RouterError` where the router does not answer, or answers with an error.
    """
    try:
        model = _model_of(_ask(url, "GET", "/v1/models", b"", timeout_s)[1])
        request = {"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0}
        started = time.perf_counter()
        headers, body = _ask(url, "POST", "/v1/completions", msgspec.json.encode(request), timeout_s)
        ms = 1000 * (time.perf_counter() - started)
        text = msgspec.json.decode(body, type=_Choices).choices[0].text
    except (msgspec.DecodeError, IndexError) as error:
        raise RouterError(f"the router at `{url}` passed on an answer that is not a completion: {error}") from error
    return Completion(text, model, headers["x-hone-model-version"] or "", headers["x-hone-request-id"] or "", ms)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Choice(msgspec.Struct):
    text: str


class _Choices(msgspec.Struct):
    choices: list[_Choice]


class _Error(msgspec.Struct):
    message: str


class _Errors(msgspec.Struct):
    error: _Error


def _model_of(body: bytes) -> str:
    return msgspec.json.decode(body, type=_Models).data[0].id


def _ask(url: str, method: str, path: str, body: bytes, timeout_s: float) -> tuple[http.client.HTTPMessage, bytes]:
    """A request that must be answered with 200."""
    try:
        status, headers, answer = _request(url, method, path, body, timeout_s)
    except (OSError, http.client.HTTPException) as error:
        raise RouterError(f"no router answers at `{url}` ({error}); start it with `hone up`") from error
    if status != 200:
        try:
            reason = msgspec.json.decode(answer, type=_Errors).error.message
        except msgspec.DecodeError:
            reason = answer[:200].decode(errors="replace")
        raise RouterError(f"the router answered {status}: {reason}")
    return headers, answer


def _request(
    url: str, method: str, path: str, body: bytes, timeout_s: float
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request(method, path, body or None, {"content-type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
