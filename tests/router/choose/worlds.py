"""Small worlds to decide in."""

from collections.abc import Mapping

from router.choose import Candidate, Own, Provider, Route, Snapshot, Tables
from router.choose.snapshot import HopKey, Latency, Measured
from router.choose.tables import Proof, Retired
from router.kinds import Asked, Capability, Hop, Price

PLANNING: Capability = "planning"


def place(
    provider: str,
    model: str,
    *,
    quality: float | None = 0.5,
    usd: float = 1.0,
    window: int = 10_000,
    output: int = 0,
    off: str = "",
    tools: bool = True,
) -> Candidate:
    return Candidate(
        hop=Hop(
            provider=provider,
            model=model,
            upstream_model=f"{model}-upstream",
            wire="openai",
            url=f"http://{provider}",
            context_tokens=window,
            max_output_tokens=output,
            prices=(Price(input=usd, output=usd),) if usd else (),
        ),
        tools=tools,
        quality={} if quality is None else {PLANNING: quality},
        off=off,
    )


def own(
    version: str = "ours:1",
    *,
    verdict: str = "passed",
    low: float | None = 0.9,
    aliases: tuple[str, ...] = ("champion",),
    window: int = 10_000,
) -> Own:
    return Own(
        hop=Hop("hone", version, "ours", "openai", "http://own", context_tokens=window, verdict=verdict),
        aliases=frozenset(aliases),
        measured=() if low is None else (Measured("execution", 200, low),),
    )


def world(
    *places: Candidate,
    route: Route | None = None,
    ours: tuple[Own, ...] = (),
    open_breakers: Mapping[HopKey, str] | None = None,
    unhealthy: Mapping[HopKey, str] | None = None,
    latency: Mapping[HopKey, Latency] | None = None,
    retired: Mapping[str, Retired] | None = None,
    aliases: Mapping[str, str] | None = None,
    strict: bool = False,
) -> Snapshot:
    """One route, `planning`, over all places; `route` gives its policy and parameters."""
    models: dict[str, tuple[Candidate, ...]] = {}
    for each in places:
        models[each.hop.model] = (*models.get(each.hop.model, ()), each)
    base = route or Route(PLANNING, "tiered", ())
    return Snapshot(
        tables=Tables(
            providers={each.hop.provider: Provider(each.hop.provider, "openai", each.hop.url) for each in places},
            models=models,
            aliases=aliases or {},
            retired=retired or {},
            routes={
                PLANNING: Route(
                    PLANNING,
                    base.policy,
                    places,
                    proofs=base.proofs or (Proof("execution", 100, 0.6),),
                    without_proof=base.without_proof,
                    weights=base.weights,
                    good_enough=base.good_enough,
                    max_usd=base.max_usd,
                    output_tokens=base.output_tokens,
                )
            },
            strict=strict,
        ),
        own=ours,
        open_breakers=open_breakers or {},
        unhealthy=unhealthy or {},
        latency=latency or {},
    )


def ask(model: str = "hone/planning", **given: object) -> Asked:
    return Asked(door="chat", body=b"{}", model=model, **given)  # type: ignore[arg-type]
