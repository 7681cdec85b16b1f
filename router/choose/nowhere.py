"""What a client is told when nobody can be asked: the reasons of those that came furthest, with the numbers."""

from router.choose.plan import Plan
from router.kinds import Capability, Cause, Dropped, Nowhere
from router.refusal import Refusal

# How far a place came before it was dropped, and what the client is told of those of the last stage reached:
# causes, HTTP status, code, the message's beginning, the request's field.
STAGES: tuple[tuple[tuple[Cause, ...], int, str, str, str], ...] = (
    (("off", "verdict", "evidence", "capability", "quality"), 503, "no_provider", "nobody can be asked for {}", ""),
    (("door", "suffix", "tools", "images", "json"), 400, "not_supported", "{} cannot do what the request needs", ""),
    (("context",), 400, "context_length_exceeded", "the request is too long for {}", "messages"),
    (("output",), 400, "max_tokens_too_large", "too much output is asked of {}", "max_tokens"),
    (("access",), 403, "model_not_allowed", "this key may not use {}", "model"),
    (("cost",), 400, "too_expensive", "this request is too expensive for {}", ""),
    (("budget",), 429, "insufficient_quota", "the key's budget does not last for {}", ""),
    (("health",), 503, "no_provider", "nobody can be asked for {} now", ""),
    (("breaker",), 503, "no_provider", "nobody can be asked for {} now", ""),
)
SHOWN = 6  # reasons in one message
FORBIDDEN_NAME = Nowhere(403, "model_not_allowed", "this key may use routes only, not name a model", "model")


def forbidden_route(capability: Capability) -> Nowhere:
    """The key does not have the route."""
    return Nowhere(403, "route_not_allowed", f"this key may not use the route `hone/{capability}`", "model")


def nowhere_for(plan: Plan, dropped: tuple[Dropped, ...]) -> Nowhere:
    """From the places that came furthest."""
    reached = max((_stage(drop) for drop in dropped), default=0)
    _, status, code, beginning, param = STAGES[reached]
    what = f"`hone/{plan.capability}`" if plan.capability else f"`{plan.named.removeprefix('model ')}`"
    reasons = _reasons([drop for drop in dropped if _stage(drop) == reached]) or "its route names no model"
    return Nowhere(status, code, f"{beginning.format(what)}: {reasons}", param)


def refusal_of(drop: Dropped) -> Refusal:
    """For a place that was in question and is not any more."""
    _, status, code, _, _ = STAGES[_stage(drop)]
    return Refusal(status, code, f"{drop.provider}/{drop.model}: {drop.reason}", 1 if status >= 500 else 0)


def _stage(drop: Dropped) -> int:
    return next(index for index, (causes, *_) in enumerate(STAGES) if drop.cause in causes)


def _reasons(dropped: list[Dropped]) -> str:
    lines = [f"{drop.provider}/{drop.model}: {drop.reason}" for drop in dropped[:SHOWN]]
    more = len(dropped) - SHOWN
    return "; ".join([*lines, f"and {more} more"] if more > 0 else lines)
