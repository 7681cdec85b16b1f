"""Sends requests to providers: which connection, which credentials, which headers. Decides nothing about retries."""

import ssl
from urllib.parse import urlsplit

from router.choose import Provider
from router.connection import Connection
from router.exchange import Headers
from router.kinds import Hop
from router.origin import Origin
from router.wires import Outgoing

OURS = "hone"  # the provider name of our own deployments
# RFC 9110, section 7.6.1: these speak of one connection, not of the message.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
# A client's credentials are for the router, never for what stands behind it; the rest is set anew for each hop.
NOT_FORWARDED = HOP_BY_HOP.union(
    b"authorization api-key x-api-key x-goog-api-key cookie host content-length content-type expect x-request-id "
    b"accept-encoding user-agent".split()
)
# What a provider that is not ours may see of a client's headers: what changes the answer.
FOR_OTHERS = frozenset((b"anthropic-beta", b"openai-beta"))
MOST_HEADS = 4096
CONNECT_TIMEOUT_S = 2.0  # to our own deployments


class Upstreams:
    """All connections of one worker."""

    def __init__(self) -> None:
        """Needs a running event loop."""
        self._tls = ssl.create_default_context()
        self._origins: dict[str, Origin] = {}
        self._heads: dict[tuple[str, str, str], bytes] = {}
        self.in_flight: dict[str, int] = {}  # provider → requests

    async def ask(
        self, provider: Provider | None, hop: Hop, outgoing: Outgoing, *, forwarded: bytes, query: str
    ) -> Connection:
        """Sends one request, and returns when its answer's head is here. Raises `UpstreamError`."""
        path = f"{outgoing.path}?{query}" if query else outgoing.path
        head = self._heads.get((hop.provider, hop.url, path)) or self._head(provider, hop, outgoing, path)
        body = outgoing.body
        connect_s = provider.connect_timeout_s if provider is not None else CONNECT_TIMEOUT_S
        return await self._origin(hop.url, connect_s).ask(
            b"%scontent-length: %d\r\n%s\r\n%s" % (head, len(body), forwarded, body)
        )

    async def get(self, url: str, path: str) -> int:
        """The status of a GET. Raises `UpstreamError`."""
        head = f"GET {path} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\nuser-agent: hone-router\r\n\r\n"
        connection = await self._origin(url, CONNECT_TIMEOUT_S).ask(head.encode("latin-1"))
        try:
            await connection.whole()
            return connection.status
        finally:
            connection.abandon()

    def origin_changed(self) -> None:
        """Providers or their keys changed: heads are made anew, kept connections stay."""
        self._heads.clear()

    def drop_idle(self) -> None:
        """Ends connections that were idle for too long."""
        for origin in self._origins.values():
            origin.drop_idle()

    def close(self) -> None:
        """Ends every idle connection."""
        for origin in self._origins.values():
            origin.close()

    def _origin(self, url: str, connect_s: float) -> Origin:
        found = self._origins.get(url)
        if found is None:
            found = self._origins[url] = Origin(url, self._tls, connect_s)
        return found

    def _head(self, provider: Provider | None, hop: Hop, outgoing: Outgoing, path: str) -> bytes:
        """Everything above the length: the request line, the host, the credentials."""
        parts = urlsplit(hop.url)
        lines = [f"POST {parts.path.rstrip('/')}{path} HTTP/1.1", f"host: {parts.netloc.rpartition('@')[2]}"]
        if provider is not None and provider.key is not None:
            secret = provider.key.reveal()
            lines.append(
                {
                    "openai": f"authorization: Bearer {secret}",
                    "anthropic": f"x-api-key: {secret}",
                    "gemini": f"x-goog-api-key: {secret}",
                }[hop.wire]
            )
        lines += [f"{name}: {value}" for name, value in outgoing.headers]
        lines += ["accept-encoding: identity", "user-agent: hone-router"]
        head = ("\r\n".join(lines) + "\r\n").encode("latin-1")
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[hop.provider, hop.url, path] = head
        return head


def forwarded_headers(headers: Headers, hop: Hop, request_id: str) -> bytes:
    """The client's headers that go on to a hop, as lines: to our own deployments all but credentials."""
    lines = [b"x-request-id: ", request_id.encode(), b"\r\n"]
    if hop.provider == OURS:
        dropped = NOT_FORWARDED
        for name, value in headers:
            if name == b"connection":
                dropped = NOT_FORWARDED | _named_by(value)
        for name, value in headers:
            if name not in dropped:
                lines += (name, b": ", value, b"\r\n")
    else:
        for name, value in headers:
            if name in FOR_OTHERS and (hop.wire == "anthropic") == name.startswith(b"anthropic"):
                lines += (name, b": ", value, b"\r\n")
    return b"".join(lines)


def _named_by(connection: bytes) -> frozenset[bytes]:
    """Further hop-by-hop headers, which the `connection` header itself names."""
    named = connection.lower()
    if named in (b"keep-alive", b"close"):
        return frozenset()
    return frozenset(name.strip() for name in named.split(b","))
