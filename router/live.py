"""The world as requests see it: tables, our own deployments, what is broken, how fast who answers.

Makes the snapshot that a decision reads, anew only when something changed. One for each worker.
"""

import asyncio

from msgspec.structs import replace

from router.breaker import Breakers
from router.choose import Access, Latency, Provider, Snapshot, Tables, decide, room_tokens, why_not
from router.kinds import Asked, Decision, Dropped, Hop
from router.money.keys import OPEN, Key
from router.money.limits import Limiter
from router.own import OwnDeployments
from router.refusal import Refusal
from router.wires import Unusable, trim_oldest

HopKey = tuple[str, str]

SMOOTHING = 0.1  # the share of the newest answer in a latency
NO_DEPLOYMENT = Refusal(503, "no_deployment", "no deployment is serving; `hone deploy champion` starts one", 5)
EVERYTHING = Access()
AUTO = ("", "hone/auto")
ROUTE = "hone/"
WITHOUT_PROOF = "no provider is configured: the deployment answers, without proof for this route"


def decision_for(asked: Asked, snapshot: Snapshot, access: Access = EVERYTHING) -> Decision:
    """Where a request goes. Where no provider is configured, our deployment answers a route, proof or not."""
    decision = decide(asked, snapshot, access)
    if decision.hops or not snapshot.own or usable_providers(snapshot.tables):
        return decision
    own = snapshot.own[0].hop
    if (
        not (asked.model in AUTO or asked.model.startswith(ROUTE))
        or access.routes is not None
        or own.verdict == "failed"
    ):
        return decision
    alone = decide(replace(asked, model=own.model), snapshot, access)
    if not alone.hops:
        return decision
    named, notes = decision.named or "classified", (*decision.notes, WITHOUT_PROOF)
    return replace(decision, hops=alone.hops, dropped=alone.dropped, named=named, notes=notes, nowhere=None)


def trimmed_for(
    asked: Asked, decision: Decision, snapshot: Snapshot, access: Access = EVERYTHING
) -> tuple[Asked, Decision] | None:
    """What to ask without a request's oldest turns, and where, if its route allows that and it helps."""
    room = room_tokens(asked, decision, snapshot)
    trimmed = trim_oldest(asked, room) if room else None
    if trimmed is None:
        return None
    fitting = decision_for(trimmed[0], snapshot, access)
    note = f"{trimmed[1]} oldest turns were left out, so that the rest fits"
    return (trimmed[0], replace(fitting, notes=(*fitting.notes, note))) if fitting.hops else None


def usable_providers(tables: Tables) -> bool:
    """Whether any provider has its key and address."""
    return any(not provider.off for provider in tables.providers.values())


class Live:
    """What changes while the router runs."""

    def __init__(self, own: OwnDeployments, tables: Tables, breakers: Breakers, limiter: Limiter) -> None:
        self.own = own
        self.breakers = breakers
        self.latency: dict[HopKey, Latency] = {}
        self._limiter = limiter
        self._tables = tables
        self._addresses: dict[HopKey, str] = {}
        self._accesses: dict[str, tuple[Key, Access]] = {}
        self._now = asyncio.get_running_loop().time
        self._snapshot = self._made()

    @property
    def tables(self) -> Tables:
        """The configuration in force."""
        return self._tables

    def use(self, tables: Tables) -> None:
        """New tables, for every decision from now on."""
        self._tables = tables
        self._snapshot = self._made()

    def snapshot(self) -> Snapshot:
        """The very same object as long as nothing changed but the live mappings in it."""
        if self.breakers.open:
            self.breakers.refresh(self._now())
        if self.own.current() is not self._snapshot.own:
            self._snapshot = self._made()
        return self._snapshot

    def decide(self, asked: Asked, snapshot: Snapshot, key: Key, now: float) -> Decision:
        """Where a request of that key goes; `now` is epoch seconds."""
        return decision_for(asked, snapshot, self.access(key, now))

    def trimmed(
        self, asked: Asked, decision: Decision, snapshot: Snapshot, key: Key, now: float
    ) -> tuple[Asked, Decision] | None:
        """See `trimmed_for`."""
        return trimmed_for(asked, decision, snapshot, self.access(key, now))

    def why_not(self, hop: Hop, asked: Asked, key: Key, now: float) -> Dropped | None:
        """Why a place cannot be asked any more, its breaker aside; None where it can."""
        dropped = why_not(hop, asked, self._snapshot, self.access(key, now))
        return None if dropped is None or dropped.cause == "breaker" else dropped

    def nowhere(self, decision: Decision) -> Refusal | Unusable:
        """What the client of a request that can go nowhere is told."""
        nowhere = decision.nowhere
        if nowhere is None or (
            not self._snapshot.own and not usable_providers(self._tables) and nowhere.status in (404, 503)
        ):
            return NO_DEPLOYMENT
        return Unusable(nowhere.message, param=nowhere.param, code=nowhere.code, status=nowhere.status)

    def provider(self, hop: Hop) -> Provider | None:
        """The provider of a place; None for our own deployments."""
        return self._tables.providers.get(hop.provider)

    def answered(self, hop: Hop, first_token_s: float, token_s: float) -> None:
        """Learns from one answer; `first_token_s` is 0 where it was no stream."""
        known = self.latency.get(hop.key)
        if known is None:
            self.latency[hop.key] = Latency(first_token_s, token_s)
            return
        first = known.first_token_s + SMOOTHING * (first_token_s - known.first_token_s) if first_token_s else None
        self.latency[hop.key] = Latency(
            known.first_token_s if first is None else first, known.token_s + SMOOTHING * (token_s - known.token_s)
        )

    def access(self, key: Key, now: float) -> Access:
        """What a key may use, and what its budgets leave."""
        if key is OPEN or not (key.routes or key.models or key.limited):
            return EVERYTHING
        known = self._accesses.get(key.id)
        if known is None or known[0] is not key:
            routes = frozenset(name.removeprefix("hone/") for name in key.routes) if key.routes else None
            models = frozenset(key.models) if key.models else None
            known = self._accesses[key.id] = (key, Access(routes=routes, models=models))  # type: ignore[arg-type]
        if key.day_usd is None and key.month_usd is None:
            return known[1]
        return Access(known[1].routes, known[1].models, self._limiter.left_usd(key, now))

    def _made(self) -> Snapshot:
        addresses = {own.hop.key: own.hop.url for own in self.own.current()}
        for key, url in addresses.items():
            if self._addresses.get(key) != url:  # another process: what its predecessor did says nothing of it
                self.breakers.forget(key)
        self._addresses = addresses
        return Snapshot(
            tables=self._tables,
            own=self.own.current(),
            open_breakers=self.breakers.open,
            latency=self.latency,
        )
