"""What a provider's error means: which kind of trouble it is, and how the client sees it.

Sources: the error pages of OpenAI's, Anthropic's, Google's, Groq's and DeepSeek's API references, and the servers of
vLLM, llama.cpp and Ollama. A message is passed on without anything that looks like a credential.
"""

import re
from typing import Any

import msgspec
from msgspec import Raw

from router.wires.forms import Problem, Trouble

TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context (length|window|size|limit)|maximum context|max_model_len|"
    r"prompt is too long|too long to fit|input is too long|input token count|request too large|"
    r"reduce the length of the (messages|prompt|input)",
    re.IGNORECASE,
)
QUOTA = re.compile(
    r"insufficient_quota|billing|credit balance|insufficient balance|current quota, please check your plan|perday|"
    r"spend(ing)?[ _]limit",
    re.IGNORECASE,
)
AUTH = re.compile(r"api[ _]key|authentication|unauthenticated|permission_denied", re.IGNORECASE)
MISSING = re.compile(r"model_not_found|model.{0,80}(not found|does not exist)|not_found_error", re.IGNORECASE)
BUSY = re.compile(r"overloaded|unavailable|server_error|api_error|internal|timeout|try again", re.IGNORECASE)
RATE = re.compile(r"rate[ _]limit|resource_exhausted|too many requests", re.IGNORECASE)
INVALID = re.compile(r"invalid_request|invalid_argument|bad ?request|invalid_prompt", re.IGNORECASE)
SECRET = re.compile(r"\b(sk|gsk|xai|pk|key)-[\w*.-]{6,}|\bgsk_\w{6,}|\bAIza[\w-]{10,}|\bBearer\s+\S+", re.IGNORECASE)
DELAY = re.compile(r'"retryDelay"\s*:\s*"([\d.]+)s"')
WAIT = re.compile(r"try again in (?:(\d+)m)?([\d.]+)(ms|s)\b", re.IGNORECASE)
LONGEST_MESSAGE = 600

STATUSES: dict[Trouble, int] = {"context": 400, "auth": 502, "quota": 503, "rate": 429, "missing": 404}
AUTH_MESSAGE = "the provider does not accept the router's credentials; whoever runs the router can mend that"


class _Error(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    status: str | None = None  # Google's name for the kind
    param: str | None = None


class _Body(msgspec.Struct, frozen=True):
    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    detail: Any = None


def problem_of(status: int, body: bytes) -> Problem:
    """What a provider's answer with an error means, by its status and its body (any of their forms, or none)."""
    error = _error(body) or _Error()
    message = _clean(error.message or _plain(status, body))
    code = error.code if isinstance(error.code, str) else ""
    if isinstance(error.code, int) and 400 <= error.code < 600 and not 400 <= status < 600:
        status = error.code
    kind = error.type or error.status or ""
    trouble = _trouble(status, f"{code} {kind} {message}", body)
    if trouble == "auth":
        message = AUTH_MESSAGE
    return Problem(
        trouble,
        _shown(trouble, status),
        "context_length_exceeded" if trouble == "context" else code or f"upstream_{trouble}",
        message,
        kind,
        error.param or "" if trouble == "client" else "",
        _retry_after(message, body),
    )


def in_band(error: Raw) -> Problem:
    """What an error object inside a 200 means, whole or streamed."""
    return problem_of(200, b'{"error":' + bytes(error) + b"}")


def malformed(what: str) -> Problem:
    """Of an answer that is not one."""
    return Problem("malformed", 502, "upstream_malformed", what)


def stray(rest: bytes) -> Problem | None:
    """What stands after the last event of a stream, where it is no event: an error as plain JSON, or half an event."""
    if rest.startswith((b"{", b"[")):
        error = _error(rest)
        return problem_of(200, rest) if error is not None else malformed("the provider's stream ended in the middle")
    return None


def _trouble(status: int, words: str, body: bytes) -> Trouble:
    if status in {401, 403} or (status == 400 and b"API_KEY_INVALID" in body):
        return "missing" if MISSING.search(words) else "auth"
    if status == 402:
        return "quota"
    if status == 429:
        return "quota" if QUOTA.search(words) or b"PerDay" in body else "rate"
    if status in {404, 405, 410}:
        return "missing"
    if status in {400, 413, 422}:
        return _of_request(status, words)
    if status >= 500 or status in {408, 409, 425, 499}:
        return "context" if status == 500 and "context_length_exceeded" in words else "transient"
    return _of_words(words) if not 400 <= status < 500 else "client"


def _of_request(status: int, words: str) -> Trouble:
    if TOO_LONG.search(words) or status == 413:
        return "context"
    if QUOTA.search(words):
        return "quota"
    return "missing" if MISSING.search(words) else "client"


def _of_words(words: str) -> Trouble:
    """Of an error without a status, inside an answer."""
    known: tuple[tuple[re.Pattern[str], Trouble], ...] = (
        (TOO_LONG, "context"),
        (QUOTA, "quota"),
        (RATE, "rate"),
        (MISSING, "missing"),
        (INVALID, "client"),
        (AUTH, "auth"),
    )
    return next((trouble for pattern, trouble in known if pattern.search(words)), "transient")


def _shown(trouble: Trouble, status: int) -> int:
    if trouble in STATUSES:
        return STATUSES[trouble]
    if trouble == "client":
        return status if 400 <= status < 500 else 400
    if status in {408, 504}:
        return 504
    return status if status in {503, 529} else 502


def _retry_after(message: str, body: bytes) -> float:
    """Google's RetryInfo, or what OpenAI and Groq write into the message."""
    if found := DELAY.search(body.decode(errors="replace")) if b"retryDelay" in body else None:
        return float(found[1])
    if waits := WAIT.search(message):
        seconds = float(waits[2]) / (1_000 if waits[3].lower() == "ms" else 1)
        return seconds + 60 * int(waits[1] or 0)
    return 0.0


def _error(body: bytes) -> _Error | None:
    """The error in a body, in any of the forms: an object, a list of one, a text, FastAPI's detail."""
    for kind in (_Body, list[_Body]):
        try:
            read: Any = msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        first: _Body | None = read if isinstance(read, _Body) else next(iter(read), None)
        return _of_body(first) if first is not None else None
    return None


def _of_body(body: _Body) -> _Error | None:
    if isinstance(body.error, str):
        return _Error(body.error, body.type, body.code)
    if body.error is not None:
        return body.error
    if body.message is not None:
        return _Error(body.message, body.type, body.code)
    if body.detail is not None:
        return _Error(body.detail if isinstance(body.detail, str) else msgspec.json.encode(body.detail).decode())
    return None


def _plain(status: int, body: bytes) -> str:
    """A message for a body that is none of the forms: a short plain text is shown, a page is not."""
    text = body[:LONGEST_MESSAGE].decode(errors="replace").strip()
    if text and not text.startswith(("<", "{", "[")):
        return f"the provider answered with {status}: {text}"
    return f"the provider answered with {status} and no message" if status else "the provider sent an error"


def _clean(message: str) -> str:
    """Without credentials, and not too long."""
    return SECRET.sub("[redacted]", message)[:LONGEST_MESSAGE]
