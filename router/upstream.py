"""Sends a request upstream and holds its answer back until the first bytes are here; until then it may be repeated.

What may be repeated, when and how long is decided here. Does not choose the target: it asks for it before each
attempt, so that a request follows a switch while it is under way.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from router.pointer import Target
from router.wire import Refusal, error_code

CONNECT_TIMEOUT_S = 2.0
PATIENCE_S = 10.0  # how long a request waits for a target that fails: a crashed deployment is up again within it
MAX_RESETS = 6  # a request that itself ends every connection (and perhaps its deployment) must not do so for ever
PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.2)  # after the first, second … failure on an unmoved target; then the last
IDLE_S = 4.0  # below uvicorn's 5 s: an idle connection is left before the other end closes it
WHOLE_BYTES = 8 * 2**20  # an answer that is no stream is read to its end before it is passed on, up to this size
PASSING = {"draining": "is shutting down", "loading": "is still loading"}  # a served model's codes with its 503
NO_DEPLOYMENT = Refusal(503, "no_deployment", "no deployment is serving; `hone deploy champion` starts one", 5)


@dataclass(slots=True)
class Call:
    """One request on its way, and how far it has come."""

    id: str
    method: str
    path: str  # with the query, as the client sent it
    headers: list[tuple[str, str]]
    body: bytes
    target: Target | None = None  # the last one tried
    attempts: int = 0
    failure: str = ""  # of the last attempt

    @property
    def where(self) -> str:
        """The last target, for messages."""
        return f"the deployment `{self.target.model_version}` at `{self.target.url}`" if self.target else "nobody"


@dataclass(frozen=True, slots=True)
class Answer:
    """The beginning of an upstream's answer."""

    response: aiohttp.ClientResponse
    head: bytes
    whole: bool  # `head` is the whole body
    events: bool  # a stream of server-sent events


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that may be repeated."""

    reason: str
    reset: bool = False  # the target took the request, and closed the connection instead of answering


class Upstream:
    """Connections to whatever `target_of` names."""

    def __init__(self, target_of: Callable[[Call], Target | None]) -> None:
        """Opens the connection pool; needs a running event loop."""
        self._target_of = target_of
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),  # the caller bounds the whole
        )

    async def close(self) -> None:
        """Ends all connections."""
        await self._session.close()

    async def answer(self, call: Call) -> Answer | Refusal:
        """The first answer that can be passed on; attempts are repeated while nothing has reached the client.

        The caller bounds the time. A target that fails is asked again for `PATIENCE_S`.
        """
        now = asyncio.get_running_loop().time
        first_failure_at, resets, failures = 0.0, 0, 0
        while (target := self._target_of(call)) is not None:
            call.target = target
            call.attempts += 1
            outcome = await self._attempt(call, target)
            if not isinstance(outcome, Failure):
                return outcome
            call.failure = outcome.reason
            first_failure_at = first_failure_at or now()
            resets += outcome.reset
            if resets >= MAX_RESETS or now() - first_failure_at >= PATIENCE_S:
                return _bad_gateway(call, outcome.reason)
            if self._target_of(call) is target:
                await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                failures += 1
        return NO_DEPLOYMENT

    async def _attempt(self, call: Call, target: Target) -> Answer | Failure | Refusal:
        response: aiohttp.ClientResponse | None = None
        answer: Answer | None = None
        try:
            response = await self._session.request(
                call.method,
                URL(target.url + call.path, encoded=True),
                headers=call.headers,
                data=call.body or None,
                allow_redirects=False,
            )
            answer = await _begin(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Failure(f"cannot be reached ({_line(error)})")
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            return Failure("closed the connection before it answered", reset=True)
        except aiohttp.ClientError as error:
            return _bad_gateway(call, f"did not answer in HTTP ({_line(error)})")
        finally:
            if response is not None and answer is None:
                response.close()
        if response.status == 503 and (reason := self._passes_soon(call, target, answer)):
            response.close()
            return Failure(reason)
        return answer

    def _passes_soon(self, call: Call, target: Target, answer: Answer) -> str:
        """Why a 503 is worth another attempt; empty where it is the answer."""
        moved = "is not the current one any more" if self._target_of(call) is not target else ""
        return PASSING.get(error_code(answer.head), moved)


async def _begin(response: aiohttp.ClientResponse) -> Answer:
    """Reads a stream's first bytes, or any other answer to its end (up to `WHOLE_BYTES`)."""
    headers = response.headers
    if response.status == 200 and headers.get("Content-Type", "").startswith("text/event-stream"):
        return Answer(response, await response.content.readany(), whole=False, events="Content-Encoding" not in headers)
    parts = [await response.content.readany()]
    size = len(parts[0])
    while size < WHOLE_BYTES and not response.content.at_eof():
        parts.append(await response.content.readany())
        size += len(parts[-1])
    return Answer(response, b"".join(parts), whole=response.content.at_eof(), events=False)


def _bad_gateway(call: Call, reason: str) -> Refusal:
    tried = f"{call.attempts} attempt{'s' if call.attempts > 1 else ''}"
    message = f"{call.where} {reason}, after {tried}; `hone deploy status` says more"
    return Refusal(502, "upstream_failed", message, retry_after_s=1)


def _line(error: Exception) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__
