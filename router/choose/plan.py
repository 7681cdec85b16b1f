"""What of a decision does not change from request to request: who is in question for a route or model, in which order.

Worked out once for each name and kind of request, from the tables and our own deployments alone.
"""

import math

from msgspec.structs import replace

from hone.records import Record
from router.choose.names import Meaning, own_candidate
from router.choose.snapshot import HopKey, Own, Snapshot
from router.choose.tables import Candidate, Proof, Route
from router.kinds import Asked, Capability, Cause, Door, Dropped, Hop, Nowhere, Policy

OUR_PROVIDER = "hone"
NOT_LIMITED = 1 << 60
DOOR_KIND: dict[Door, int] = {
    "chat": 0, "messages": 0, "count_tokens": 0, "generate": 0, "completions": 1, "embeddings": 2,
}  # fmt: skip


class Plan(Record, frozen=True):
    """Places in the order of the route, and those that are out for every such request."""

    named: str
    places: tuple[Candidate, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    route: Route | None = None
    capability: Capability | None = None
    policy: Policy | None = None
    hops: tuple[Hop, ...] = ()  # of the places
    ahead: HopKey | None = None  # our own version, where it has proved itself
    behind: HopKey | None = None  # our own version, where it has not and may still stand last
    shares: tuple[tuple[HopKey, float], ...] = ()  # weighted: of those places that are left
    smallest_window: int = NOT_LIMITED
    smallest_output: int = NOT_LIMITED
    nowhere: Nowhere | None = None  # the name means nothing


def needs_of(asked: Asked) -> int:
    """The kind of request as a number; requests of one kind share their plans."""
    return (
        DOOR_KIND[asked.door]
        | asked.suffix << 2
        | asked.tools << 3
        | asked.images << 4
        | asked.json_output << 5
    )  # fmt: skip


def plan_models(meaning: Meaning, asked: Asked) -> Plan:
    """For a client that named a model or a place: these places and no others."""
    return _filtered(Plan(named=meaning.named, notes=meaning.notes), meaning.places, [], asked)


def plan_route(route: Route, named: str, asked: Asked, snapshot: Snapshot) -> Plan:
    """For a route, named or found by the classifier."""
    start = Plan(named=named, route=route, capability=route.capability, policy=route.policy)
    if route.policy == "weighted":
        return _plan_weighted(start, route, asked, snapshot)
    if not snapshot.own:
        return _filtered(start, route.places, [], asked)
    own = snapshot.own[0]
    ours, key = own_candidate(own), own.hop.key
    why = _unproved(own, route)
    if why is None:
        return _filtered(replace(start, ahead=key), (ours, *route.places), [], asked)
    if route.without_proof and why[0] == "evidence":
        return _filtered(replace(start, behind=key), (*route.places, ours), [], asked)
    return _filtered(start, route.places, [_drop(own.hop, *why)], asked)


def _plan_weighted(start: Plan, route: Route, asked: Asked, snapshot: Snapshot) -> Plan:
    """Our versions with their shares, then the route's models."""
    shares: dict[HopKey, float] = {}
    ours: list[Candidate] = []
    dropped: list[Dropped] = []
    for name, share in route.weights:
        own = _own_of(name, snapshot)
        if own is None:
            dropped.append(Dropped(OUR_PROVIDER, name, "no such version of ours is running", "off"))
        elif own.hop.verdict != "passed":
            dropped.append(_drop(own.hop, "verdict", _verdict(own)))
        elif share > 0:
            if own.hop.key not in shares:
                ours.append(own_candidate(own))
            shares[own.hop.key] = shares.get(own.hop.key, 0.0) + share
        else:
            dropped.append(_drop(own.hop, "off", "its share on this route is 0"))
    return _filtered(replace(start, shares=tuple(shares.items())), (*ours, *route.places), dropped, asked)


def _own_of(name: str, snapshot: Snapshot) -> Own | None:
    if name == "current":
        return snapshot.own[0] if snapshot.own else None
    return next((own for own in snapshot.own if name in own.aliases or name == own.hop.model), None)


def _filtered(plan: Plan, places: tuple[Candidate, ...], dropped: list[Dropped], asked: Asked) -> Plan:
    """The plan with those places that can do such a request at all."""
    kept: list[Candidate] = []
    for place in places:
        why = _unable(place, plan, asked)
        if why is None:
            kept.append(place)
        else:
            dropped.append(_drop(place.hop, *why))
    left = {place.hop.key for place in kept}
    return replace(
        plan,
        places=tuple(kept),
        dropped=tuple(dropped),
        hops=tuple(place.hop for place in kept),
        shares=tuple((key, share) for key, share in plan.shares if key in left),
        smallest_window=min((place.hop.context_tokens or NOT_LIMITED for place in kept), default=NOT_LIMITED),
        smallest_output=min((place.hop.max_output_tokens or NOT_LIMITED for place in kept), default=NOT_LIMITED),
    )


def _unable(place: Candidate, plan: Plan, asked: Asked) -> tuple[Cause, str] | None:
    """Why a place can never do such a request."""
    if place.off:
        return "off", place.off
    if (why := _unfit_for_route(place, plan)) is not None:
        return why
    kind = DOOR_KIND[asked.door]
    served = (place.chat, place.completions, place.embeddings)[kind]
    wants: tuple[tuple[bool, bool, Cause, str], ...] = (
        (True, served, "door", f"it does not serve {('chat', 'text completions', 'embeddings')[kind]}"),
        (asked.suffix, place.suffix, "suffix", "it cannot fill in the middle"),
        (asked.tools, place.tools, "tools", "it takes no tools"),
        (asked.images, place.images, "images", "it sees no images"),
        (asked.json_output, place.json_output, "json", "it cannot be held to a JSON schema"),
    )
    return next(((cause, reason) for wanted, able, cause, reason in wants if wanted and not able), None)


def _unfit_for_route(place: Candidate, plan: Plan) -> tuple[Cause, str] | None:
    """Why a place is not good enough for what the route asks. Our own versions have proved it otherwise."""
    route = plan.route
    if route is None or place.hop.provider == OUR_PROVIDER:
        return None
    score = place.quality.get(route.capability)
    if score is None:
        return "capability", f"it does not do {route.capability}"
    if route.policy in ("cheapest", "quality") and math.isnan(score):
        return "quality", f"its quality was not measured, and `{route.policy}` compares it"
    if route.policy == "cheapest" and score < route.good_enough:
        return "quality", f"its quality {score:.2f} is below {route.good_enough:.2f}"
    return None


def _unproved(own: Own, route: Route) -> tuple[Cause, str] | None:
    """Why our own version may not go first on a route."""
    if own.hop.verdict != "passed":
        return "verdict", _verdict(own)
    if not route.proofs:
        return "evidence", f"no proof lets our own version go first on {route.capability}"
    if own.gated and not own.measured:
        return None  # an earlier version, say, whose evidence a later one's has replaced
    shown = {measured.suite: measured for measured in own.measured}
    failures = []
    for proof in route.proofs:
        measured = shown.get(proof.suite)
        if measured is not None and measured.size >= proof.min_size and measured.low >= proof.min_low:
            return None
        if measured is not None:
            failures.append(f"{proof.suite}: surely {measured.low:.2f} over {measured.size}, wanted {_wanted(proof)}")
    suites = ", ".join(proof.suite for proof in route.proofs)
    return "evidence", "; ".join(failures) or f"it was measured in none of: {suites}"


def _wanted(proof: Proof) -> str:
    return f"{proof.min_low:.2f} over {proof.min_size}"


def _verdict(own: Own) -> str:
    return "the gate has not passed it" if own.hop.verdict == "failed" else "there is no verdict of the gate on it"


def _drop(hop: Hop, cause: Cause, reason: str) -> Dropped:
    return Dropped(hop.provider, hop.model, reason, cause)
