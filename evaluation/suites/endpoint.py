"""A model behind an OpenAI-compatible address, as a target of suites.

Asks for a stream, to see when the first text comes, and for usage, to count tokens; a server that refuses either, or
keeps failing while it streams, is asked plainly. Tool calls are asked for whole: many servers put them together
otherwise when they stream, and a call that their stream broke would count against the model.
"""

import asyncio
import random
import time
from collections.abc import Sequence

import aiohttp
import structlog

from evaluation.suites.replies import ReplyReader, Unreadable, dollars, message_of
from evaluation.suites.targets import Answer, Ask, Call, OnAnswer, seed_of
from hone.errors import EvaluationError
from hone.fill_formats import FillFormat
from hone.records import Json, Record

TRIES, STREAMED_TRIES = 6, 3
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # before the second try, doubled each time; 6 tries wait half a minute in all
STOPS = 4  # strings that OpenAI takes; answers are cut at the others afterwards
RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
DECLINED = frozenset({400, 422, 501})  # how servers refuse what they do not know in a request
LONGEST_ERROR = 1 << 16  # bytes of an error's body that are read
COST_HEADER = "x-hone-cost-usd"  # our router's

log = structlog.get_logger()


class Endpoint(Record, frozen=True):
    """Where it is, how it is asked, and for how much at a time."""

    url: str  # up to and with /v1
    model: str
    max_tokens: int
    temperature: float
    seed: int = 0  # of sampling; every sample has its own, made of this one
    fill: FillFormat | None = None  # how gaps are asked for; None: by the field `suffix`
    api_key: str = ""
    at_once: int = 8  # requests in flight
    timeout_s: float = 120.0  # of one request
    first_wait_s: float = FIRST_WAIT_S

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        """See `Target.answer`."""
        asyncio.run(self._answer_all(asks, on_answer))

    async def _answer_all(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=min(10.0, self.timeout_s))
        waiting = iter(asks)
        # Without a limit of its own, so that no request waits in here and its wait counts as the server's.
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
            client = _Client(self, session)

            async def work() -> None:
                for ask in waiting:
                    on_answer(await client.persist(ask))

            tasks = [asyncio.create_task(work()) for _ in range(min(self.at_once, len(asks)))]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


class _Busy(Exception):
    """A failure that may pass, and how long the server wants to be left alone."""

    def __init__(self, trouble: str, wait_s: float) -> None:
        super().__init__(trouble)
        self.wait_s = wait_s


class _Declined(Exception):
    """A refusal of something that can be left out: it will be from now on."""


class _Client:
    """One run's requests, and what this server was found to take."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
        self._endpoint = endpoint
        self._session = session
        self._streams = True
        self._seeded = endpoint.temperature > 0
        self._told = False

    async def persist(self, ask: Ask) -> Answer:
        """Asks until there is an answer, waiting longer each time; what cannot become better is not tried again."""
        endpoint = self._endpoint
        trouble, wait_s, failed = "", 0.0, 0
        while failed < TRIES:
            await asyncio.sleep(min(wait_s, LONGEST_WAIT_S) * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            wait_s, least_s = 0.0, 0.0
            try:
                return await self._ask(ask, failed)
            except _Declined:
                continue
            except _Busy as busy:
                trouble, least_s = str(busy), busy.wait_s
            except aiohttp.InvalidURL as error:
                raise EvaluationError(
                    f"`{endpoint.url}` is no address; give one like `http://127.0.0.1:8100/v1`"
                ) from error
            except TimeoutError:
                trouble = f"no answer within {endpoint.timeout_s:g} s"
            except (aiohttp.ClientError, OSError, Unreadable) as error:
                trouble = str(error) or type(error).__name__
            wait_s = max(endpoint.first_wait_s * 2**failed, least_s)
            failed += 1
        raise EvaluationError(
            f"`{endpoint.url}` gave no answer in {TRIES} tries ({trouble[:200]}); what it answered before is kept: "
            "give the same command again to go on"
        )

    async def _ask(self, ask: Ask, failed: int) -> Answer:
        """One request."""
        stream, seeded = self._streams and not ask.tools and failed < STREAMED_TRIES, self._seeded
        path, body = request_of(ask, self._endpoint, stream=stream, seeded=seeded)
        asked_at, began, first_token_s = time.time(), time.monotonic(), None
        async with self._session.post(f"{self._endpoint.url.rstrip('/')}/{path}", json=body) as response:
            if response.status != 200:
                content = await _beginning(response)
                problem = self._refused(ask, response, content, stream=stream, seeded=seeded)
                return Answer(ask.id, ask.sample, "", time.monotonic() - began, problem, retries=failed)
            reader = ReplyReader(ask)
            async for part in response.content.iter_any():
                reader.feed(part)
                if first_token_s is None and reader.begun:
                    first_token_s = time.monotonic() - began
            reply, seconds = reader.end(), time.monotonic() - began
            self._tell_of_seeds(seeded)
            cost_usd = dollars(response.headers.get(COST_HEADER))
            call = Call(asked_at, first_token_s, reply.tokens, reply.cost_usd if cost_usd is None else cost_usd)
            fill = self._endpoint.fill if ask.suffix is not None else None
            text = fill.middle(reply.text) if fill else reply.text
            return Answer(ask.id, ask.sample, text, seconds, call=call, retries=failed)

    def _refused(
        self, ask: Ask, response: aiohttp.ClientResponse, content: bytes, *, stream: bool, seeded: bool
    ) -> str:
        """Why this one prompt cannot be answered. Raises what else a status may mean."""
        status, message = response.status, message_of(content)
        words = message.lower()
        if status in RETRIED:
            raise _Busy(f"{status} {message}".strip(), _seconds(response.headers.get("Retry-After", "")))
        if status in {400, 413, 422} and "context" in words and not (stream and "stream" in words):
            return f"the prompt does not fit the context: {message}"
        if status in DECLINED and seeded and (not stream or "seed" in words):
            self._seeded = False
            raise _Declined
        if status in DECLINED and stream:
            self._streams = False
            raise _Declined
        options = "--model, --api-key-env"
        if ask.suffix is not None and not self._endpoint.fill:
            options += ", and --fim-format for a server that takes no `suffix`"
        raise EvaluationError(
            f"`{self._endpoint.url}` refuses with {status}: {message or 'no reason given'}; see {options}"
        )

    def _tell_of_seeds(self, seeded: bool) -> None:
        if self._endpoint.temperature > 0 and not seeded and not self._told:
            self._told = True
            log.warning("the server takes no seed: this run cannot be repeated", url=self._endpoint.url)


def request_of(ask: Ask, endpoint: Endpoint, *, stream: bool, seeded: bool) -> tuple[str, Json]:
    """The path under /v1, and the body."""
    body: dict[str, Json] = {
        "model": endpoint.model,
        "max_tokens": endpoint.max_tokens,
        "temperature": endpoint.temperature,
    }
    if seeded:
        body["seed"] = seed_of(endpoint.seed, ask.id, ask.sample)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    prompt, stop = ask.prompt, ask.stop
    if ask.suffix is not None and endpoint.fill:
        prompt, stop = endpoint.fill.prompt(ask.prompt, ask.suffix), endpoint.fill.stop
    elif ask.suffix:
        body["suffix"] = ask.suffix
    if stop:
        body["stop"] = list(stop[:STOPS])
    if ask.tools:
        body["tools"] = list(ask.tools)
    if ask.messages:
        return "chat/completions", body | {"messages": list(ask.messages)}
    return "completions", body | {"prompt": prompt}


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Of an error's body, as much as a message may take."""
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) >= LONGEST_ERROR:
            break
    return bytes(content)


def _seconds(text: str) -> float:
    """A Retry-After in seconds; dates are passed over."""
    return float(text) if text.isdigit() else 0.0
