"""One request on its way: what was asked, where it went, what came of it. Facts, written by whoever finds them."""

import msgspec

from router.choose import Snapshot
from router.exchange import Exchange, header_value
from router.hedge import Race
from router.kinds import Asked, Decision, Entry, Hop, Outcome, Usage
from router.money.keys import Key
from router.money.limits import Reservation
from router.retry import Failure

NO_USAGE = Usage()
_STAMPS: dict[tuple[str, str], tuple[Hop, bytes]] = {}


class Call(msgspec.Struct):
    """Made when the request was read; accounted for when it is over."""

    exchange: Exchange
    asked: Asked
    key: Key
    at: float  # epoch seconds
    deadline: float  # the loop's time
    query: str = ""
    snapshot: Snapshot | None = None
    decision: Decision | None = None
    hop: Hop | None = None  # the last one tried
    attempts: int = 0
    failure: Failure | None = None  # the last one
    reservation: Reservation | None = None
    failed_usd: float = 0.0  # what attempts that did not serve have cost
    usage: Usage = NO_USAGE
    cost_usd: float = 0.0
    first_token_s: float = 0.0  # from the request's arrival
    events: int = 0  # of a stream, passed on
    asked_at: float = 0.0  # the loop's time at which the last attempt was sent
    outcome: Outcome = "refused"
    reason: str = ""
    cached: bool = False
    answer: bytes = b""  # what the client got, where it is to be kept
    notes: tuple[str, ...] = ()
    told: list[bytes] | None = None  # the events that the client got, where a break is to be gone on with elsewhere
    race: Race | None = None  # with a second attempt at the same request

    @property
    def route(self) -> str:
        """The route that decided, or nothing."""
        decision = self.decision
        return decision.capability or "" if decision is not None and not decision.named.startswith("model ") else ""

    def stamps(self, cost_usd: float | None) -> bytes:
        """The headers by which an answer says where it comes from, as lines."""
        lines = b"x-hone-request-id: %s\r\nx-hone-attempts: %d\r\n" % (self.exchange.id.encode(), self.attempts)
        if self.hop is not None:
            lines += _stamps_of(self.hop)
        if cost_usd is not None:
            lines += b"x-hone-cost-usd: %.9g\r\n" % cost_usd
        if self.cached:
            lines += b"x-hone-cache: hit\r\n"
        for note in self.notes:
            lines += b"x-hone-note: %s\r\n" % header_value(note)
        return lines

    def entry(self, seconds: float) -> Entry:
        """The request as the ledger keeps it."""
        hop = self.hop
        exchange = self.exchange
        return Entry(
            exchange.id,
            self.at,
            self.key.id,
            self.asked.door,
            self.asked.model,
            self.route,
            hop.provider if hop else "",
            hop.model if hop else "",
            hop.model_version if hop else "",
            hop.generation if hop else 0,
            499 if self.outcome == "gone" and not exchange.status else exchange.status,
            self.outcome,
            self.attempts,
            self.usage,
            self.cost_usd,
            self.first_token_s,
            seconds,
            self.cached,
            self.reason,
        )


def _stamps_of(hop: Hop) -> bytes:
    """Made once for each place."""
    known = _STAMPS.get(hop.key)
    if known is not None and known[0] is hop:
        return known[1]
    lines = b"x-hone-provider: %s\r\nx-hone-model: %s\r\n" % (header_value(hop.provider), header_value(hop.model))
    if hop.model_version:
        lines += b"x-hone-model-version: %s\r\n" % header_value(hop.model_version)
        lines += b"x-hone-generation: %d\r\n" % hop.generation
    _STAMPS[hop.key] = hop, lines
    return lines
