"""How long a request may be where the route leaves out oldest turns rather than refuse what is too long."""

from router.choose.snapshot import Snapshot
from router.kinds import Asked, Decision

SHARE_FOR_OUTPUT = 4  # at most a fourth of a window is kept free for an answer without a limit


def room_tokens(asked: Asked, decision: Decision, snapshot: Snapshot) -> int:
    """What the input may take in the largest window that was too small for it; 0 where the route does not trim."""
    route = snapshot.route_of(decision)
    if route is None or not route.trim or decision.hops:
        return 0
    small = {(dropped.provider, dropped.model) for dropped in decision.dropped if dropped.cause == "context"}
    window = max((place.hop.context_tokens for place in route.places if place.hop.key in small), default=0)
    output = asked.max_output_tokens or min(route.output_tokens, window // SHARE_FOR_OUTPUT)
    return max(window - output, 0)
