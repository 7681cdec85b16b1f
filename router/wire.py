"""What goes over the wire, decided in pure functions: headers, errors in OpenAI's form, server-sent events.

Opens no connection and reads no clock.
"""

import re
import secrets
from dataclasses import dataclass

import msgspec

from router.pointer import Target

Headers = list[tuple[bytes, bytes]]

# The requests that are forwarded: path → method.
FORWARDED = {"/v1/models": "GET", "/v1/completions": "POST", "/v1/chat/completions": "POST"}

# RFC 9110, section 7.6.1: these speak of one connection, not of the message.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
# A client's credentials are for the router, never for what stands behind it; the rest is set anew for each hop.
NOT_FORWARDED = HOP_BY_HOP.union(
    b"authorization cookie host content-length expect x-request-id accept-encoding".split()
)
# uvicorn sets its own date; the stamps are the router's alone.
NOT_RETURNED = HOP_BY_HOP.union(
    b"date server x-hone-request-id x-hone-model-version x-hone-generation x-hone-attempts".split()
)
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class _Error(msgspec.Struct):
    code: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the router answers itself."""

    status: int
    code: str
    message: str
    retry_after_s: int = 0  # 0: no Retry-After header

    def body(self) -> bytes:
        """OpenAI's error object as JSON."""
        kind = "invalid_request_error" if self.status < 500 else "upstream_error"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return msgspec.json.encode({"error": error})

    def event(self) -> bytes:
        """The same as a server-sent event, for a stream that has begun; the official SDKs raise it as an error."""
        return b"data: " + self.body() + b"\n\n"

    def headers(self) -> Headers:
        """Its type, length and Retry-After."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body()))]
        if self.retry_after_s:
            headers.append((b"retry-after", b"%d" % self.retry_after_s))
        return headers


def refuse_path(method: str, path: str) -> Refusal:
    """Why a method and path are not served."""
    if path in FORWARDED:
        return Refusal(405, "method_not_allowed", f"`{path}` takes {FORWARDED[path]}, not {method}")
    return Refusal(404, "unknown_url", f"`{path}` is not served here; served: {', '.join(FORWARDED)}")


def error_code(body: bytes) -> str:
    """The code in an OpenAI error object; empty where there is none."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error.code or ""
    except msgspec.DecodeError:
        return ""


def header(headers: Headers, name: bytes) -> bytes:
    """The first header of that name (lower case), or nothing."""
    for key, value in headers:
        if key == name:
            return value
    return b""


def request_id(headers: Headers) -> str:
    """The client's own `x-request-id` where it is short and plain, else a new one."""
    given = header(headers, b"x-request-id")
    return given.decode() if SANE_REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def forwarded_headers(headers: Headers, request_id: str) -> list[tuple[str, str]]:
    """A request's headers for the next hop."""
    dropped = NOT_FORWARDED | _named_by_connection(headers)
    kept = [(name.decode(), value.decode(errors="replace")) for name, value in headers if name not in dropped]
    kept.append(("x-request-id", request_id))
    return kept


def returned_headers(headers: Headers) -> Headers:
    """An upstream response's headers for the client, without the stamps."""
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = NOT_RETURNED | _named_by_connection(lowered)
    return [pair for pair in lowered if pair[0] not in dropped]


def stamps(request_id: str, target: Target | None, attempts: int) -> Headers:
    """The headers by which an answer says where it comes from."""
    stamped = [(b"x-hone-request-id", request_id.encode()), (b"x-hone-attempts", b"%d" % attempts)]
    if target is not None:
        stamped.append((b"x-hone-model-version", target.model_version.encode()))
        stamped.append((b"x-hone-generation", b"%d" % target.generation))
    return stamped


def split_events(data: bytes) -> tuple[bytes, bytes]:
    """The whole server-sent events at the start of `data`, and the unfinished rest.

    Only whole events are passed on, so that an error event after a cut is never glued to half of another.
    """
    ends = [at + len(blank) for blank in (b"\n\n", b"\r\n\r\n") if (at := data.rfind(blank)) >= 0]
    end = max(ends, default=0)
    return data[:end], data[end:]


def ends_stream(events: bytes) -> bool:
    """Whether these are a stream's last events: OpenAI's streams end with `data: [DONE]`."""
    return events.endswith(b"[DONE]\n\n") or events.rstrip().endswith(b"[DONE]")


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    """Further hop-by-hop headers, which the `connection` header itself names."""
    named = header(headers, b"connection").lower()
    if named in (b"", b"keep-alive", b"close"):
        return frozenset()
    return frozenset(name.strip() for name in named.split(b","))
