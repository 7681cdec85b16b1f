"""A request that the router answers itself."""

import math
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the router answers itself."""

    status: int
    code: str
    message: str
    retry_after_s: float = 0.0  # 0: no Retry-After header

    def body(self) -> bytes:
        """OpenAI's error object as JSON."""
        kind = "invalid_request_error" if self.status < 500 else "upstream_error"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return msgspec.json.encode({"error": error})

    def event(self) -> bytes:
        """The same as a server-sent event, for a stream that has begun; the official SDKs raise it as an error."""
        return b"data: " + self.body() + b"\n\n"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Its type, length and Retry-After."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body()))]
        if self.retry_after_s:
            headers.append((b"retry-after", b"%d" % math.ceil(self.retry_after_s)))
        return headers
