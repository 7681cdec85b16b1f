"""The choice of a provider: a pure function of the request, the snapshot and the key's rights.

A plan says who is in question; what changes from request to request is checked here: window, rights, budget, health,
breaker. Then the route's policy puts them in order.
"""

from router.choose.classifier import classify
from router.choose.cost import worst_cost_usd
from router.choose.names import AUTO, meaning_of
from router.choose.nowhere import FORBIDDEN_NAME, forbidden_route, nowhere_for
from router.choose.plan import Plan, needs_of, plan_models, plan_route
from router.choose.policies import ordered
from router.choose.snapshot import UNLIMITED, Access, Snapshot
from router.choose.tables import Candidate
from router.kinds import Asked, Cause, Decision, Dropped, Hop, Nowhere

EVERYTHING = Access()
MOST_TOO_HIGH = 3  # times the true count: no estimate is higher but for text that is hardly worth counting
MOST_PLANS = 2_000  # of all names and kinds of request that a client could think of; then they are made anew


def decide(asked: Asked, snapshot: Snapshot, access: Access = EVERYTHING) -> Decision:
    """Where the request goes, and why nowhere else. Never raises: `nowhere` says what the client is told."""
    plan = _plan(asked, snapshot)
    if plan.nowhere is not None:
        return Decision(hops=(), nowhere=plan.nowhere)
    if access is not EVERYTHING and (refused := _refused_name(plan, access)) is not None:
        return Decision(hops=(), named=plan.named, capability=plan.capability, policy=plan.policy, nowhere=refused)
    if plan.policy in (None, "tiered") and _nothing_to_check(asked, plan, snapshot, access):
        hops, dropped, notes = plan.hops, plan.dropped, plan.notes
    else:
        hops, dropped, notes = _checked(asked, plan, snapshot, access)
    return Decision(
        hops=hops,
        dropped=dropped,
        named=plan.named,
        capability=plan.capability,
        policy=plan.policy,
        notes=notes,
        nowhere=None if hops else nowhere_for(plan, dropped),
    )


def why_not(hop: Hop, asked: Asked, snapshot: Snapshot, access: Access = EVERYTHING) -> Dropped | None:
    """Why this hop cannot be asked now; None where it can. To be asked again right before each hop."""
    why = _why_not(hop, asked, snapshot, access)
    if why is None and (reason := snapshot.open_breakers.get(hop.key)) is not None:
        why = "breaker", reason
    return None if why is None else Dropped(hop.provider, hop.model, why[1], why[0])


def _plan(asked: Asked, snapshot: Snapshot) -> Plan:
    """The plan for such a request, made at its first."""
    name = asked.model
    capability = classify(asked) if name in AUTO and asked.door != "embeddings" else None
    key = (name, capability, needs_of(asked))
    plan: Plan | None = snapshot.plans.get(key)
    if plan is None:
        plan = _make_plan(name, capability, asked, snapshot)
        if plan.nowhere is None:  # unknown names are endless: they are not kept
            if len(snapshot.plans) >= MOST_PLANS:
                snapshot.plans.clear()
            snapshot.plans[key] = plan
    return plan


def _make_plan(name: str, capability: str | None, asked: Asked, snapshot: Snapshot) -> Plan:
    if name in AUTO:
        for route in snapshot.tables.routes.values():
            if route.capability == capability:
                return plan_route(route, "classified", asked, snapshot)
        return Plan(named="classified", nowhere=_no_embedding_route(snapshot))
    meaning = meaning_of(name, snapshot)
    if isinstance(meaning, Nowhere):
        return Plan(named=name, nowhere=meaning)
    if meaning.route is not None:
        return plan_route(meaning.route, meaning.named, asked, snapshot)
    return plan_models(meaning, asked)


def _no_embedding_route(snapshot: Snapshot) -> Nowhere:
    known = [name for name, places in snapshot.tables.models.items() if any(place.embeddings for place in places)]
    names = ", ".join(f"`{name}`" for name in known) or "none"
    return Nowhere(400, "model_required", f"embeddings have no route, name a model: {names}", "model")


def _refused_name(plan: Plan, access: Access) -> Nowhere | None:
    """A key with routes only may name no model: it could go round its routes."""
    if plan.capability is not None:
        allowed = access.routes is None or plan.capability in access.routes
        return None if allowed else forbidden_route(plan.capability)
    return FORBIDDEN_NAME if access.routes is not None and access.models is None else None


def _nothing_to_check(asked: Asked, plan: Plan, snapshot: Snapshot, access: Access) -> bool:
    """Whether every place of the plan can surely be asked, so that the plan is the answer."""
    output = asked.max_output_tokens
    return (
        not snapshot.open_breakers
        and not snapshot.unhealthy
        and asked.input_tokens + output <= plan.smallest_window
        and output <= plan.smallest_output
        and access.models is None
        and access.budget_left_usd == UNLIMITED
        and bool(plan.hops)
    )


def _checked(
    asked: Asked, plan: Plan, snapshot: Snapshot, access: Access
) -> tuple[tuple[Hop, ...], tuple[Dropped, ...], tuple[str, ...]]:
    """Hops in order, dropped places and notes."""
    open_breakers = snapshot.open_breakers
    able: list[Candidate] = []
    waiting: list[Candidate] = []
    dropped = list(plan.dropped)
    for place in plan.places:
        hop = place.hop
        why = _why_not(hop, asked, snapshot, access)
        if why is not None:
            dropped.append(Dropped(hop.provider, hop.model, why[1], why[0]))
        elif hop.key in open_breakers:
            waiting.append(place)
        else:
            able.append(place)
    places, too_dear = ordered(able, plan, asked, snapshot)
    notes = plan.notes
    if not places and waiting:
        in_order, also_dear = ordered(waiting, plan, asked, snapshot)
        too_dear += also_dear
        places, waiting = in_order[:1], in_order[1:]
        for place in places:
            where = f"{place.hop.provider}/{place.hop.model}"
            notes = (*notes, f"every breaker is open; `{where}` is tried as the last resort")
    dropped += [Dropped(place.hop.provider, place.hop.model, reason, "cost") for place, reason in too_dear]
    dropped += [
        Dropped(place.hop.provider, place.hop.model, open_breakers[place.hop.key], "breaker") for place in waiting
    ]
    return tuple(place.hop for place in places), tuple(dropped), notes


def _exact(asked: Asked, hop: Hop, snapshot: Snapshot) -> int:
    """The input's tokens by the model's own tokenizer, where it is at hand and could make a difference."""
    counter = snapshot.tables.counters.get(hop.tokenizer)
    if counter is None or asked.input_tokens > MOST_TOO_HIGH * hop.context_tokens:
        return asked.input_tokens
    return min(counter(asked), asked.input_tokens)


def _why_not(hop: Hop, asked: Asked, snapshot: Snapshot, access: Access) -> tuple[Cause, str] | None:
    """All but the breaker, the cheapest checks first."""
    output = asked.max_output_tokens
    needed = asked.input_tokens + output
    if hop.context_tokens and needed > hop.context_tokens:
        needed = _exact(asked, hop, snapshot) + output
    if hop.context_tokens and needed > hop.context_tokens:
        return "context", f"its window holds {hop.context_tokens:,} tokens, the request needs {needed:,}"
    if hop.max_output_tokens and output > hop.max_output_tokens:
        return "output", f"it writes at most {hop.max_output_tokens:,} tokens, {output:,} are asked"
    if access.models is not None and access.models.isdisjoint(
        (hop.model, f"{hop.provider}/{hop.model}", f"{hop.provider}/*")
    ):
        return "access", "the key may not use it"
    if access.budget_left_usd != UNLIMITED and hop.prices:
        longest = output or hop.max_output_tokens or max(hop.context_tokens - needed, 0)
        worst = worst_cost_usd(asked.input_tokens, longest, hop.prices)
        if worst > access.budget_left_usd:
            left = max(access.budget_left_usd, 0.0)
            return "budget", f"it may cost ${worst:.4f}, and ${left:.4f} of the key's budget are left"
    if (reason := snapshot.unhealthy.get(hop.key)) is not None:
        return "health", reason
    return None
