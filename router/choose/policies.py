"""The five ways to put places in order. Pure; every tie keeps the route's order."""

from hashlib import blake2b
from operator import itemgetter

from router.choose.cost import PER_TOKEN, price_for
from router.choose.plan import Plan
from router.choose.snapshot import Snapshot
from router.choose.tables import Candidate, Route
from router.kinds import Asked, Hop

HASH_BYTES = 8


def ordered(
    places: list[Candidate], plan: Plan, asked: Asked, snapshot: Snapshot
) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """The places in the order in which they are asked, and those that the policy leaves out, with the reason."""
    route = plan.route
    if route is None or route.policy == "tiered" or not places:
        return places, []
    if route.policy == "weighted":
        return _by_share(places, plan, asked), []
    if route.policy == "fastest":
        seconds = [(_seconds(place.hop, route, asked, snapshot), place) for place in places]
        return [place for _, place in sorted(seconds, key=itemgetter(0))], []
    left_out: list[tuple[Candidate, str]] = []
    ranked: list[tuple[tuple[int, float], Candidate]] = []
    for place in places:
        key = place.hop.key
        rank = 0 if key == plan.ahead else 2 if key == plan.behind else 1
        cost = estimate_usd(place.hop, asked.input_tokens, asked.max_output_tokens or route.output_tokens)
        if route.policy == "cheapest":
            ranked.append(((rank, cost), place))
        elif cost > route.max_usd:
            left_out.append((place, f"about ${cost:.4f}, and the route spends at most ${route.max_usd:.4f}"))
        else:
            ranked.append(((rank, -place.quality.get(route.capability, 0.0)), place))
    return [place for _, place in sorted(ranked, key=itemgetter(0))], left_out


def estimate_usd(hop: Hop, input_tokens: int, output_tokens: int) -> float:
    """What an answer of this length would cost, with nothing cached."""
    price = price_for(hop.prices, input_tokens)
    return 0.0 if price is None else PER_TOKEN * (input_tokens * price.input + output_tokens * price.output)


def _seconds(hop: Hop, route: Route, asked: Asked, snapshot: Snapshot) -> float:
    """Until the last token of the answer."""
    tokens = asked.max_output_tokens or route.output_tokens
    measured = snapshot.latency.get(hop.key)
    if measured is None:
        return route.first_token_s + tokens * route.token_s
    return measured.first_token_s + tokens * measured.token_s


def _by_share(places: list[Candidate], plan: Plan, asked: Asked) -> list[Candidate]:
    """The version that the user's number falls to, then the others of ours, then the rest.

    A user keeps their version while the shares and the running versions stay as they are.
    """
    left = {place.hop.key for place in places}
    shares = [(key, share) for key, share in plan.shares if key in left]
    whole = sum(share for _, share in shares)
    if not whole:
        return places
    point = _point(plan.capability or "", asked) * whole
    chosen = shares[-1][0]
    for key, share in shares:
        if point < share:
            chosen = key
            break
        point -= share
    return sorted(places, key=lambda place: place.hop.key != chosen)


def _point(route: str, asked: Asked) -> float:
    """0 … 1: the user's number, or the request's where it names no user; another one on each route."""
    who = asked.user.encode() if asked.user else asked.body
    digest = blake2b(who, digest_size=HASH_BYTES, key=route.encode()[:64]).digest()
    return int.from_bytes(digest) / float(256**HASH_BYTES)
