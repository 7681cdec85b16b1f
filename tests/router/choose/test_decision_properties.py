"""What holds of every decision, whatever the world, the request and the key."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from router.choose import Access, Candidate, Latency, Snapshot, classify, decide, why_not, worst_cost_usd
from router.choose.policies import estimate_usd
from router.choose.tables import Route
from router.kinds import Asked, Hop
from tests.router.choose.worlds import PLANNING, ask, own, place, world

PROVIDERS, MODELS = ("p", "q"), ("a", "b", "c")
KEYS = [(provider, model) for provider in PROVIDERS for model in MODELS] + [("hone", "ours:1"), ("hone", "ours:2")]
LINES = st.sampled_from(["broken", "open"])

places = st.builds(
    place,
    st.sampled_from(PROVIDERS),
    st.sampled_from(MODELS),
    quality=st.sampled_from([None, float("nan"), 0.2, 0.6, 0.9]),
    usd=st.sampled_from([0.0, 1.0, 20.0]),
    window=st.sampled_from([0, 500, 5_000]),
    output=st.sampled_from([0, 100, 4_000]),
    off=st.sampled_from(["", "", "", "no key"]),
    tools=st.booleans(),
)
routes = st.sampled_from(
    [
        Route(PLANNING, "tiered", ()),
        Route(PLANNING, "tiered", (), without_proof=True),
        Route(PLANNING, "cheapest", (), good_enough=0.5),
        Route(PLANNING, "quality", (), max_usd=0.01),
        Route(PLANNING, "fastest", ()),
        Route(PLANNING, "weighted", (), weights=(("current", 0.6), ("ours:2", 0.4), ("ours:9", 1.0))),
    ]
)
versions = st.builds(
    lambda verdicts, low: tuple(
        own(f"ours:{number}", verdict=verdict, low=low, window=2_000) for number, verdict in enumerate(verdicts, 1)
    ),
    st.lists(st.sampled_from(["passed", "passed", "failed", ""]), max_size=2),
    st.sampled_from([None, 0.1, 0.9]),
)
worlds = st.builds(
    lambda some, route, ours, breakers, ill, latency: world(
        *{each.hop.key: each for each in some}.values(),
        route=route,
        ours=ours,
        open_breakers=breakers,
        unhealthy=ill,
        latency=latency,
    ),
    st.lists(places, min_size=1, max_size=6),
    routes,
    versions,
    st.dictionaries(st.sampled_from(KEYS), LINES, max_size=8),
    st.dictionaries(st.sampled_from(KEYS), LINES, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), st.builds(Latency, st.floats(0, 10), st.floats(0, 1)), max_size=8),
)
requests = st.builds(
    ask,
    st.sampled_from(["hone/planning", "a", "p/b", "ours:1"]),
    input_tokens=st.integers(0, 6_000),
    max_output_tokens=st.sampled_from([0, 50, 3_000]),
    tools=st.booleans(),
    user=st.sampled_from(["", "ann", "ben"]),
)
rights = st.builds(
    Access,
    routes=st.sampled_from([None, frozenset({PLANNING}), frozenset({"debugging"})]),
    models=st.sampled_from([None, frozenset({"a"}), frozenset({"p/*", "q/c"}), frozenset({"hone/*", "b"})]),
    budget_left_usd=st.sampled_from([0.0, 0.002, 1.0, float("inf")]),
)


def candidates(asked: Asked, snapshot: Snapshot) -> dict[tuple[str, str], Candidate | None]:
    """Everything that is in question, worked out anew."""
    ours = {version.hop.key: None for version in snapshot.own}
    if asked.model == "hone/planning":
        route = snapshot.tables.routes[PLANNING]
        listed: dict[tuple[str, str], Candidate | None] = {each.hop.key: each for each in route.places}
        if route.policy == "weighted":
            return (
                listed
                | ours
                | {("hone", "ours:9"): None, ("hone", "ours:2"): None}
                | ({} if snapshot.own else {("hone", "current"): None})
            )
        return listed | dict.fromkeys(list(ours)[:1])
    if asked.model == "ours:1":
        return {key: None for key in ours if key == ("hone", "ours:1")}
    provider, _, model = asked.model.rpartition("/")
    return {each.hop.key: each for each in snapshot.tables.models.get(model, ()) if provider in ("", each.hop.provider)}


def allowed(hop: Hop, access: Access) -> bool:
    return access.models is None or bool(
        access.models & {hop.model, f"{hop.provider}/{hop.model}", f"{hop.provider}/*"}
    )


@settings(max_examples=200, deadline=None)
@given(requests, worlds, rights)
def test_no_hop_breaks_a_filter(asked: Asked, snapshot: Snapshot, access: Access) -> None:
    decision = decide(asked, snapshot, access)
    route = snapshot.tables.routes[PLANNING]
    known = candidates(asked, snapshot)
    for hop in decision.hops:
        assert hop.key in known
        assert not hop.context_tokens or asked.input_tokens + asked.max_output_tokens <= hop.context_tokens
        assert not hop.max_output_tokens or asked.max_output_tokens <= hop.max_output_tokens
        assert allowed(hop, access)
        output = asked.max_output_tokens or hop.max_output_tokens
        assert worst_cost_usd(asked.input_tokens, output, hop.prices) <= access.budget_left_usd
        assert hop.key not in snapshot.unhealthy
        each = known[hop.key]
        if each is None:
            assert hop.provider == "hone"
            assert not asked.tools
            assert asked.model == "ours:1" or hop.verdict == "passed"
            continue
        assert not each.off
        assert each.tools or not asked.tools
        if decision.policy is not None:
            assert access.routes is None or PLANNING in access.routes
            assert PLANNING in each.quality
        if decision.policy == "cheapest":
            assert each.quality[PLANNING] >= route.good_enough
        if decision.policy == "quality":
            cost = estimate_usd(hop, asked.input_tokens, asked.max_output_tokens or route.output_tokens)
            assert cost <= route.max_usd


@settings(max_examples=150, deadline=None)
@given(requests, worlds, rights)
def test_a_hop_with_an_open_breaker_stands_alone(asked: Asked, snapshot: Snapshot, access: Access) -> None:
    hops = decide(asked, snapshot, access).hops
    if any(hop.key in snapshot.open_breakers for hop in hops):
        assert len(hops) == 1
    for hop in hops:
        why = why_not(hop, asked, snapshot, access)
        assert why is None or why.cause == "breaker"


@settings(max_examples=150, deadline=None)
@given(requests, worlds)
def test_every_candidate_is_asked_or_dropped_once(asked: Asked, snapshot: Snapshot) -> None:
    decision = decide(asked, snapshot)
    if decision.named:
        told = [hop.key for hop in decision.hops] + [(drop.provider, drop.model) for drop in decision.dropped]
        assert sorted(set(told)) == sorted(told)
        wanted = set(candidates(asked, snapshot))
        assert set(told) <= wanted
        assert {key for key in wanted if key[0] != "hone"} <= set(told)
        assert not snapshot.own or asked.model != "hone/planning" or ("hone", "ours:1") in told
    assert bool(decision.hops) != bool(decision.nowhere)
    assert all(drop.reason and "\n" not in drop.reason for drop in decision.dropped)


@settings(max_examples=100, deadline=None)
@given(requests, worlds, rights)
def test_the_same_question_gets_the_same_answer(asked: Asked, snapshot: Snapshot, access: Access) -> None:
    first = decide(asked, snapshot, access)
    anew = Snapshot(snapshot.tables, snapshot.own, snapshot.open_breakers, snapshot.unhealthy, snapshot.latency)
    assert decide(asked, snapshot, access) == first
    assert decide(asked, anew, access) == first


@settings(max_examples=15, deadline=None)
@given(st.floats(0.02, 0.98))
def test_weights_hold_their_share_of_users(share: float) -> None:
    route = Route(PLANNING, "weighted", (), weights=(("ours:1", share), ("ours:2", 1 - share)))
    canary = world(place("p", "a"), route=route, ours=(own("ours:1"), own("ours:2")))
    users = 3_000
    firsts = Counter(decide(ask(user=f"{number}@example.com"), canary).hops[0].model for number in range(users))
    spread = (users * share * (1 - share)) ** 0.5
    assert abs(firsts["ours:1"] - users * share) < 5 * spread + 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=400), worlds)
def test_no_name_and_no_text_raises(name: str, text: str, snapshot: Snapshot) -> None:
    decision = decide(ask(name, text=text), snapshot)
    assert decision.hops or decision.nowhere
    assert classify(ask("", text=text))
