"""The one loop that answers a request: place after place, attempt after attempt, within one deadline.

A 200 is held back until the first content is here; until then everything may be repeated elsewhere. Context, access,
budget and breaker are checked anew at every place. What follows a failure is decided in `router.retry`.
"""

import asyncio
import random
from collections.abc import Callable

from router.breaker import Breakers
from router.call import Call
from router.choose import cost_usd, refusal_of, worst_cost_usd
from router.exchange import STOPPING
from router.kinds import Hop, Usage
from router.live import Live
from router.money.keys import OPEN
from router.money.limits import Limiter
from router.race import Try, run_race
from router.refusal import Refusal
from router.retry import Failure, next_step, pause_s
from router.sending import Sender, where
from router.upstream import OURS, forwarded_headers
from router.watch import Watch
from router.wires import (
    Outgoing,
    Problem,
    Unusable,
    continued,
    error_event,
    may_continue,
    request_for,
)

Said = Refusal | Problem | Unusable

UNKNOWN_OUTPUT_TOKENS = 4096  # reserved where neither the client nor the catalog says how long an answer may be
MOST_DECISIONS = 20  # of one request, while the world changes under it
NOTHING = Refusal(503, "nothing_available", "no provider can take this request now; ask again", 1)


class Attempts:
    """Answers requests. One for each worker."""

    def __init__(
        self, live: Live, sender: Sender, breakers: Breakers, limiter: Limiter, hedged: Callable[[], None] | None
    ) -> None:
        """`hedged` hears of each second request; None: there are none."""
        self._hedging = hedged
        self._live = live
        self._sender = sender
        self._breakers = breakers
        self._limiter = limiter
        self._now = asyncio.get_running_loop().time

    async def answer(self, call: Call) -> None:
        """Answers the request, whatever happens; `call` then says how."""
        watch = Watch(call.deadline, call.deadline - call.exchange.arrived)
        exchange = call.exchange
        exchange.watch()
        said: Said | None = None
        try:
            said = await self._decisions(call, watch)
        except asyncio.CancelledError:
            if call.hop is not None:
                self._breakers.left(call.hop.key)
            if exchange.gone:
                call.outcome = "gone"
            else:  # the server's drain time is over
                said = STOPPING
        finally:
            watch.disarm()
        try:
            await self._close_books(call)
            if said is not None and not exchange.gone:
                await self._refuse(call, said)
        except asyncio.CancelledError:
            if not exchange.gone:
                raise
            call.outcome = "gone"
        finally:
            exchange.unwatch()

    async def _refuse(self, call: Call, said: Said) -> None:
        message = str(said) if isinstance(said, Unusable) else said.message
        call.reason = message
        if call.exchange.status:  # a stream that broke off, and nobody went on with it
            if not call.exchange.ended:
                told = said.problem if isinstance(said, Unusable) else said
                await call.exchange.end_events(error_event(call.asked.door, told))
            return
        call.outcome = "failed" if call.attempts else "refused"
        wait_s = call.failure.retry_after_s if call.failure is not None else 0.0
        call.exchange.refuse(said, call.stamps(call.cost_usd), wait_s)

    async def _decisions(self, call: Call, watch: Watch) -> Said | None:
        """Chooses, and chooses anew where a switch or new tables have changed the world under a request."""
        said: Said | None = None
        left_out: tuple[str, ...] = ()
        for _ in range(MOST_DECISIONS):
            call.snapshot = self._live.snapshot()
            call.decision = decision = self._live.decide(call.asked, call.snapshot, call.key, call.at)
            if not decision.hops:
                fitting = self._live.trimmed(call.asked, decision, call.snapshot, call.key, call.at)
                if fitting is not None:
                    call.asked, decision = fitting
                    call.decision, left_out = decision, decision.notes[-1:]
            call.notes = tuple(dict.fromkeys((*decision.notes, *left_out))) if left_out else decision.notes
            if decision.nowhere is not None or not decision.hops:
                return said if call.exchange.status else self._live.nowhere(decision)
            route = call.snapshot.route_of(decision)
            if call.told is None and route is not None and route.continues and may_continue(call.asked):
                call.told = []  # a stream that breaks off is to be gone on with elsewhere
            said = await self._places(call, decision.hops, watch)
            if said is None or watch.over or self._live.snapshot() is call.snapshot:
                return said
        return said

    async def _places(self, call: Call, hops: tuple[Hop, ...], watch: Watch) -> Said | None:
        """Goes from place to place. None: answered; else what the client is told where nothing else is left."""
        said: Said | None = None
        skip: Hop | None = None  # was asked beside the one before
        for at, hop in enumerate(hops):
            last = at == len(hops) - 1
            if hop is skip:
                continue
            if not self._breakers.admits(hop.key, self._now()) and not (last and said is None):
                continue
            outgoing = await self._prepared(call, hop)
            if not isinstance(outgoing, Outgoing):
                self._breakers.left(hop.key)
                said = said or outgoing
                continue
            slow_s = self._slow_after_s(call, hop) if self._hedging and not (last or call.attempts) else None
            if slow_s is None:
                failure = await self._place(call, hop, outgoing, watch, last=last)
            else:
                failure, second_too = await self._hedged(call, hop, outgoing, hops[at + 1], slow_s)
                skip = hops[at + 1] if second_too and len(hops) > at + 2 else None
            if failure is None:
                return None
            if failure.cut is not None:
                asked = continued(call.asked, b"".join(call.told or ()))
                if asked is None:
                    return failure.cut
                said, call.asked, call.told = failure.cut, asked, []
            elif not call.exchange.status:
                said = _told(call, failure, watch)
            final = failure.problem is not None and failure.problem.trouble == "client"
            if final or watch.over or self._live.snapshot() is not call.snapshot:
                return said
        return said or NOTHING

    def _slow_after_s(self, call: Call, hop: Hop) -> float | None:
        return self._sender.tails.slow_after_s(hop.key, streams=call.asked.stream)

    async def _hedged(
        self, call: Call, hop: Hop, outgoing: Outgoing, second: Hop, slow_after_s: float
    ) -> tuple[Failure | None, bool]:
        """Tries a place, and the next one beside it where the first is slow. What the loser has read is paid for."""
        read = Usage(input_tokens=call.asked.input_tokens)
        total_s = call.deadline - call.exchange.arrived

        async def first(mine: Call) -> Failure | None:
            return await self._place(mine, hop, outgoing, Watch(mine.deadline, total_s), last=False)

        async def prepare(twin: Call) -> Try | None:
            if not self._breakers.admits(second.key, self._now()):
                return None
            twin.failed_usd = call.reservation.usd if call.reservation is not None else 0.0  # both may cost their most
            wanted = await self._prepared(twin, second)
            if not isinstance(wanted, Outgoing):
                self._breakers.left(second.key)
                return None

            async def beside(mine: Call) -> Failure | None:
                mine.failed_usd = cost_usd(read, hop.prices, call.at)
                call.failed_usd = cost_usd(read, second.prices, call.at)
                if self._hedging is not None:
                    self._hedging()
                return await self._place(mine, second, wanted, Watch(mine.deadline, total_s), last=False)

            return beside

        try:
            return await run_race(call, first, prepare, slow_after_s)
        finally:
            for key in (hop.key, second.key):
                self._breakers.left(key)

    async def _place(self, call: Call, hop: Hop, outgoing: Outgoing, watch: Watch, *, last: bool) -> Failure | None:
        """Tries one place until it answers or is not worth another attempt. None: the client has its answer."""
        call.hop = hop
        provider = self._live.provider(hop)
        forwarded = forwarded_headers(call.exchange.headers, hop, call.exchange.id)
        tries = resets = 0
        failing_since = 0.0
        while True:
            tries += 1
            call.attempts += 1
            failure = await self._sender.attempt(call, hop, provider, outgoing, forwarded, watch, last)
            if failure is None:
                if call.outcome == "ok":
                    self._breakers.succeeded(hop.key)
                elif call.outcome == "cut":
                    self._breakers.failed(hop.key, self._now(), call.reason)
                else:
                    self._breakers.left(hop.key)
                return None
            call.failure = failure
            now = self._now()
            failing_since = failing_since or now
            resets += failure.reset
            self._count(hop, failure, now)
            step = next_step(failure, tries=tries, resets=resets, failing_s=now - failing_since, last=last)
            if step != "again" or self._live.snapshot() is not call.snapshot:
                return failure
            pause = min(pause_s(failure, tries, random.random()), call.deadline - now)  # noqa: S311 - jitter
            if pause > 0:
                await asyncio.sleep(pause)
            if watch.over:
                return failure

    async def _prepared(self, call: Call, hop: Hop) -> Outgoing | Said:
        """What to send, its worst cost reserved; or why this place is out."""
        asked = call.asked
        if call.attempts and (dropped := self._live.why_not(hop, asked, call.key, call.at)) is not None:
            return refusal_of(dropped)
        try:
            outgoing = request_for(asked, hop)
        except Unusable as error:
            return error
        # Without limits too: those that are set while the router runs start with what was spent before.
        refusal = await self._reserve(call, hop) if call.key is not OPEN else None
        if outgoing.left_out:
            call.notes = (*call.notes, f"left out for {hop.provider}: {', '.join(outgoing.left_out)}")
        return refusal or outgoing

    async def _reserve(self, call: Call, hop: Hop) -> Refusal | None:
        """Holds back the most that this place can cost."""
        asked = call.asked
        output = asked.max_output_tokens or hop.max_output_tokens or UNKNOWN_OUTPUT_TOKENS
        if asked.door in ("embeddings", "count_tokens"):
            output = 0
        tokens = asked.input_tokens + output
        usd = call.failed_usd + (worst_cost_usd(asked.input_tokens, output, hop.prices) if hop.prices else 0.0)
        if call.reservation is not None:
            return await self._limiter.move(call.reservation, tokens, usd)
        got = await self._limiter.reserve(call.key, tokens, usd, call.at)
        if isinstance(got, Refusal):
            return got
        call.reservation = got
        return None

    async def _close_books(self, call: Call) -> None:
        """Replaces what was reserved by what was used."""
        call.cost_usd = call.cost_usd or call.failed_usd
        if call.reservation is not None:
            used = call.usage.input_tokens + call.usage.output_tokens
            await self._limiter.settle(call.reservation, used, call.cost_usd)

    def _count(self, hop: Hop, failure: Failure, now: float) -> None:
        """What a failure means for others who would ask there."""
        problem = failure.problem
        if problem is None or problem.trouble in ("transient", "malformed", "auth", "quota"):
            self._breakers.failed(hop.key, now, failure.reason)
        elif problem.trouble == "rate":
            self._breakers.failed(hop.key, now, failure.reason, failure.retry_after_s)
        else:
            self._breakers.left(hop.key)  # it answers, and what it says is about the request


def _told(call: Call, failure: Failure, watch: Watch) -> Said:
    """What the client is told of a failure after which nothing was left."""
    if watch.over and failure.problem is None:
        why = f" (it {failure.reason})" if not failure.timed_out else ""
        return Refusal(
            504, "upstream_timeout", f"{where(call)} gave no whole answer within {watch.total_s:g} s{why}", 1
        )
    if failure.problem is not None and failure.problem.trouble != "malformed":
        return failure.problem
    tried = f"{call.attempts} attempt{'s' if call.attempts > 1 else ''}"
    message = f"{where(call)} {failure.reason}, after {tried}"
    if failure.timed_out:
        return Refusal(504, "upstream_timeout", message, retry_after_s=1)
    more = "; `hone deploy status` says more" if call.hop is not None and call.hop.provider == OURS else ""
    return Refusal(502, "upstream_failed", message + more, 1)
