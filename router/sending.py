"""One attempt at one place: sends, waits, and passes the answer on. What it returns was not answered; what it has begun
to pass on is ended here, honestly."""

import asyncio
import time
from collections.abc import Callable

from router.call import Call
from router.choose import Provider, cost_usd
from router.connection import Connection, UpstreamError
from router.exchange import STOPPING, header_value
from router.hedge import Tails
from router.kinds import Hop, Usage
from router.refusal import Refusal
from router.retry import Failure, retry_after_s
from router.upstream import OURS, Upstreams
from router.watch import Watch
from router.wires import Outgoing, Problem, Stream, answer_for, open_stream, problem_of

Measured = Callable[[Hop, float, float], None]  # hop, seconds to the first token (0: not known), seconds a token
Whole = Callable[[Call, bytes, bytes], None]  # call, content type, body

EVENT_STREAM = b"text/event-stream"
TOKENS_AN_EVENT = 4  # at most, as providers send them: what a stream without usage is charged for
BYTES_A_TOKEN = 4
KEPT_STREAM_BYTES = 2**20  # of a stream that the cache may want


class Sender:
    """Sends requests to places. One for each worker."""

    def __init__(self, upstreams: Upstreams, measured: Measured, whole: Whole | None) -> None:
        """`whole` gets every whole answer, where somebody keeps them."""
        self._upstreams = upstreams
        self._measured = measured
        self._whole_answer = whole
        self.tails = Tails()
        self._now = asyncio.get_running_loop().time

    async def attempt(  # noqa: PLR0917
        self,
        call: Call,
        hop: Hop,
        provider: Provider | None,
        outgoing: Outgoing,
        forwarded: bytes,
        watch: Watch,
        last: bool,
    ) -> Failure | None:
        """None: the client has its answer, whole or cut. Else nothing has reached it."""
        in_flight = self._upstreams.in_flight
        under_way = in_flight.get(hop.provider, 0)
        if provider is not None and under_way >= provider.max_in_flight:
            busy = f"`{hop.provider}` has {under_way} requests under way, as many as it may"
            return Failure(busy, problem=Problem("rate", 429, "provider_busy", busy))
        in_flight[hop.provider] = under_way + 1
        call.asked_at = self._now()
        watch.start(call.asked_at, provider, streams=call.asked.stream, last=last)
        connection: Connection | None = None
        try:
            query = call.query if hop.provider == OURS else ""
            connection = await self._upstreams.ask(provider, hop, outgoing, forwarded=forwarded, query=query)
            if call.asked.stream and connection.status == 200 and _streams(connection):
                return await self._stream(call, hop, connection, watch)
            return await self._one_piece(call, hop, connection)
        except UpstreamError as error:
            problem = Problem("malformed", 502, "upstream_malformed", error.reason) if error.garbled else None
            return Failure(error.reason, problem=problem, reset=error.reset or error.began)
        except asyncio.CancelledError:
            if call.exchange.gone or not (reason := watch.caught()):
                raise
            return Failure(reason, timed_out=True)
        finally:
            watch.disarm()
            in_flight[hop.provider] -= 1
            if connection is not None and not connection.left:
                connection.abandon()

    async def _one_piece(self, call: Call, hop: Hop, connection: Connection) -> Failure | None:
        """An answer that is no stream, or an error."""
        body = await connection.whole()
        status = connection.status
        if status != 200:
            problem = problem_of(status, body)
            wait_s = retry_after_s(connection.headers, time.time()) or problem.retry_after_s
            return Failure(f"answered {status}: {problem.message}", problem=problem, retry_after_s=wait_s)
        if call.exchange.status:
            return Failure("answered in one piece, where a stream was to go on")
        answered = answer_for(call.asked, hop, status, body)
        if answered.problem is not None:
            return Failure(answered.problem.message, problem=answered.problem)
        if call.race is not None and not call.race.won():
            return Failure("another place was faster")
        now = self._now()
        call.first_token_s = now - call.exchange.arrived
        self._account(call, hop, answered.usage, guess=len(body) // BYTES_A_TOKEN)
        self.tails.add(hop.key, streams=False, seconds=now - call.asked_at)
        self._measured(hop, 0.0, (now - call.asked_at) / max(call.usage.output_tokens, 1))
        call.outcome = "ok"
        if self._whole_answer is not None:
            self._whole_answer(call, b"application/json", answered.body)
        call.exchange.answer(answered.status, answered.body, call.stamps(call.cost_usd))
        return None

    async def _stream(self, call: Call, hop: Hop, connection: Connection, watch: Watch) -> Failure | None:
        """Holds a stream back until its first content, then passes it on."""
        stream = open_stream(call.asked, hop)
        held = b""
        while not stream.content and not stream.done:
            data = await connection.some()
            held += stream.feed(data) if data else stream.close()
            problem = stream.problem
            if problem is not None:
                return Failure(problem.message, problem=problem, retry_after_s=problem.retry_after_s)
            if not data and not stream.done:
                return Failure("ended its stream before any content", reset=True)
        if call.race is not None and not call.race.won():
            return Failure("another place was faster")
        begun = self._now()
        call.first_token_s = call.first_token_s or begun - call.exchange.arrived
        self.tails.add(hop.key, streams=True, seconds=begun - call.asked_at)
        watch.begun(connection)
        if call.exchange.status:
            held = b": %s goes on\n\n%s" % (header_value(f"{hop.provider}/{hop.model}"), held)
        cut = await self._relay(call, connection, stream, held, watch)
        self._account(call, hop, stream.usage, guess=TOKENS_AN_EVENT * call.events)
        if cut is not None:
            call.failed_usd, call.cost_usd, call.events = call.cost_usd, 0.0, 0
            return Failure(call.reason, cut=cut)
        self._measured(hop, begun - call.asked_at, (self._now() - begun) / max(call.usage.output_tokens, 1))
        return None

    async def _relay(
        self, call: Call, connection: Connection, stream: Stream, out: bytes, watch: Watch
    ) -> Refusal | None:
        """Passes a stream on to its end, whatever that is. What is returned broke it off, and is not told yet: another
        place may go on."""
        exchange = call.exchange
        call.outcome = "cut"
        goes_on = exchange.status != 0
        keep = call.told if call.told is not None else [] if self._whole_answer is not None else None
        cut: Refusal | None = None
        try:
            if not goes_on:
                exchange.start_events(call.stamps(None))
            out = await _pump(call, connection, stream, out, keep)
        except UpstreamError as error:
            cut, out = _cut(call, error.reason), b""
        except asyncio.CancelledError:
            if exchange.gone:
                call.outcome = "gone"
                return None
            reason = watch.caught()
            if exchange.clogged:
                call.reason = "the client did not take its answer"
                exchange.abort()
                return None
            cut, out = _cut(call, reason, watch.over) if reason else STOPPING, b""
        watch.disarm()
        if stream.done and cut is None:
            call.outcome = "ok"
            connection.leave()
            if keep is not None and self._whole_answer is not None and not goes_on:
                self._whole_answer(call, EVENT_STREAM, b"".join((*keep, out)))
            await exchange.end_events(out)
            return None
        said = cut or (stream.problem and _cut(call, stream.problem.message)) or STOPPING
        call.reason = said.message
        if call.told is None or said is STOPPING or watch.over:
            await exchange.end_events(out + stream.cut(said))
            return None
        if out:
            await exchange.events(out)
            call.told.append(out)
        return said

    def _account(self, call: Call, hop: Hop, usage: Usage | None, *, guess: int) -> None:
        """What the answer took: by the provider's numbers; where it gave none, by an estimate that is rather high."""
        if usage is None:
            most = call.asked.max_output_tokens or hop.max_output_tokens or guess
            usage = Usage(input_tokens=call.asked.input_tokens, output_tokens=min(guess, most))
        call.usage = usage
        call.cost_usd = call.failed_usd + (cost_usd(usage, hop.prices, call.at) if hop.prices else 0.0)


async def _pump(call: Call, connection: Connection, stream: Stream, out: bytes, keep: list[bytes] | None) -> bytes:
    """Passes events on up to the last ones, which are returned. Raises `UpstreamError` where these never come."""
    while True:
        call.events += out.count(b"\n\n")
        if stream.done or stream.problem is not None:
            return out
        if out:
            await call.exchange.events(out)
            if keep is not None:
                keep.append(out)
        data = await connection.some()
        out = stream.feed(data) if data else stream.close()
        if not data and not stream.done and stream.problem is None:
            if out:
                await call.exchange.events(out)
            raise UpstreamError("ended without its last event")


def where(call: Call) -> str:
    """The last place that was tried, for messages."""
    hop = call.hop
    if hop is None:
        return "nobody"
    if hop.provider == OURS:
        return f"the deployment `{hop.model}` at `{hop.url.removesuffix('/v1')}`"
    return f"`{hop.model}` at `{hop.provider}`"


def _cut(call: Call, reason: str, timed_out: bool = False) -> Refusal:
    if timed_out:
        return Refusal(504, "upstream_timeout", f"{where(call)} {reason}; what came before is not whole", 1)
    return Refusal(502, "stream_cut", f"the answer of {where(call)} was cut off ({reason}); what came is not whole")


def _streams(connection: Connection) -> bool:
    for name, value in connection.headers:
        if name == b"content-type":
            return value.startswith(EVENT_STREAM)
    return False
