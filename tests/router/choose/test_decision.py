"""Where a request goes, filter by filter and policy by policy."""

from collections import Counter

import pytest

from router.choose import Access, Latency, Snapshot, decide, why_not
from router.choose.tables import Route
from router.kinds import Asked, Decision
from tests.router.choose.worlds import PLANNING, ask, own, place, world


def order(decision: Decision) -> list[str]:
    return [f"{hop.provider}/{hop.model}" for hop in decision.hops]


def reasons(decision: Decision) -> dict[str, str]:
    return {f"{drop.provider}/{drop.model}": drop.reason for drop in decision.dropped}


A, B, C = place("p", "a", quality=0.9, usd=3), place("q", "b", quality=0.7, usd=1), place("r", "c", quality=0.4, usd=2)


def test_tiered_keeps_the_order_of_the_route() -> None:
    decision = decide(ask(), world(A, B, C))
    assert order(decision) == ["p/a", "q/b", "r/c"]
    assert (decision.named, decision.capability, decision.policy) == ("route hone/planning", "planning", "tiered")


def test_cheapest_takes_the_cheapest_that_is_good_enough() -> None:
    decision = decide(ask(), world(A, B, C, route=Route(PLANNING, "cheapest", (), good_enough=0.5)))
    assert order(decision) == ["q/b", "p/a"]
    assert reasons(decision) == {"r/c": "its quality 0.40 is below 0.50"}


def test_quality_takes_the_best_that_the_route_can_afford() -> None:
    route = Route(PLANNING, "quality", (), max_usd=0.0025)
    decision = decide(ask(input_tokens=500, max_output_tokens=500), world(C, B, A, route=route))
    assert order(decision) == ["q/b", "r/c"]
    assert reasons(decision) == {"p/a": "about $0.0030, and the route spends at most $0.0025"}


def test_what_was_not_measured_is_not_compared() -> None:
    unmeasured = place("s", "d", quality=float("nan"))
    decision = decide(ask(), world(unmeasured, B, route=Route(PLANNING, "cheapest", (), good_enough=0.5)))
    assert reasons(decision) == {"s/d": "its quality was not measured, and `cheapest` compares it"}


def test_fastest_weighs_the_first_token_and_the_further_ones() -> None:
    latency = {("p", "a"): Latency(0.1, 0.05), ("q", "b"): Latency(2.0, 0.001), ("r", "c"): Latency(0.2, 0.04)}
    fast = world(A, B, C, route=Route(PLANNING, "fastest", ()), latency=latency)
    assert order(decide(ask(max_output_tokens=10), fast)) == ["p/a", "r/c", "q/b"]
    assert order(decide(ask(max_output_tokens=1000), fast)) == ["q/b", "r/c", "p/a"]


def test_fastest_assumes_a_latency_where_none_was_measured() -> None:
    latency = {("p", "a"): Latency(9.0, 0.5)}
    assert order(decide(ask(), world(A, B, route=Route(PLANNING, "fastest", ()), latency=latency))) == ["q/b", "p/a"]


def test_our_version_goes_first_where_it_has_proved_itself() -> None:
    decision = decide(ask(), world(A, ours=(own(),)))
    assert order(decision) == ["hone/ours:1", "p/a"]


@pytest.mark.parametrize(
    ("low", "verdict", "reason"),
    [
        (0.5, "passed", "execution: surely 0.50 over 200, wanted 0.60 over 100"),
        (None, "passed", "it was measured in none of: execution"),
        (0.9, "failed", "the gate has not passed it"),
        (0.9, "", "there is no verdict of the gate on it"),
    ],
)
def test_our_version_is_left_out_without_proof(low: float | None, verdict: str, reason: str) -> None:
    decision = decide(ask(), world(A, ours=(own(low=low, verdict=verdict),)))
    assert order(decision) == ["p/a"]
    assert reasons(decision) == {"hone/ours:1": reason}


def test_our_version_may_stand_last_without_proof() -> None:
    last = Route(PLANNING, "tiered", (), without_proof=True)
    assert order(decide(ask(), world(A, route=last, ours=(own(low=None),)))) == ["p/a", "hone/ours:1"]
    assert order(decide(ask(), world(A, route=last, ours=(own(verdict="failed"),)))) == ["p/a"]


@pytest.mark.parametrize("policy", ["cheapest", "quality"])
def test_our_version_stays_last_or_first_under_policies_that_compare(policy: str) -> None:
    route = Route(PLANNING, policy, (), good_enough=0.5, max_usd=9, without_proof=True)  # type: ignore[arg-type]
    assert order(decide(ask(), world(A, B, route=route, ours=(own(),))))[0] == "hone/ours:1"
    assert order(decide(ask(), world(A, B, route=route, ours=(own(low=0.1),))))[-1] == "hone/ours:1"


def weighted(*shares: tuple[str, float]) -> Snapshot:
    ours = (own("ours:1"), own("ours:2", aliases=("challenger",)))
    return world(A, route=Route(PLANNING, "weighted", (), weights=shares), ours=ours)


def test_weighted_holds_its_shares_and_keeps_the_other_version_as_the_next() -> None:
    canary = weighted(("champion", 0.9), ("challenger", 0.1))
    firsts = Counter(order(decide(ask(user=f"user-{number}"), canary))[0] for number in range(5_000))
    assert firsts["hone/ours:2"] == pytest.approx(500, abs=100)
    assert sum(firsts.values()) == firsts["hone/ours:1"] + firsts["hone/ours:2"]
    assert order(decide(ask(user="user-1"), canary))[2] == "p/a"


def test_three_versions_hold_their_shares() -> None:
    ours = tuple(own(f"ours:{number}", aliases=()) for number in (1, 2, 3))
    route = Route(PLANNING, "weighted", (), weights=(("ours:1", 2), ("ours:2", 5), ("ours:3", 3)))
    canary = world(A, route=route, ours=ours)
    firsts = Counter(order(decide(ask(user=f"user-{number}"), canary))[0] for number in range(3_000))
    assert [firsts[f"hone/ours:{number}"] for number in (1, 2, 3)] == pytest.approx([600, 1500, 900], abs=120)


def test_a_user_stays_with_their_version_while_the_share_grows() -> None:
    few, more = weighted(("champion", 0.9), ("challenger", 0.1)), weighted(("champion", 0.7), ("challenger", 0.3))
    users = [f"user-{number}" for number in range(1_000)]
    before = {user for user in users if order(decide(ask(user=user), few))[0] == "hone/ours:2"}
    after = {user for user in users if order(decide(ask(user=user), more))[0] == "hone/ours:2"}
    assert before < after


def test_requests_without_a_user_are_spread_by_what_they_say() -> None:
    canary = weighted(("champion", 0.5), ("challenger", 0.5))
    firsts = Counter(
        order(decide(Asked("chat", b"%d" % number, "hone/planning"), canary))[0] for number in range(1_000)
    )
    assert firsts["hone/ours:1"] == pytest.approx(500, abs=80)


def test_a_share_of_a_version_that_does_not_run_goes_to_the_others() -> None:
    decision = decide(ask(user="a"), weighted(("champion", 0.1), ("ours:7", 0.9)))
    assert order(decision) == ["hone/ours:1", "p/a"]
    assert reasons(decision) == {"hone/ours:7": "no such version of ours is running"}


def test_a_version_that_did_not_pass_has_no_share() -> None:
    ours = (own("ours:1"), own("ours:2", aliases=("challenger",), verdict="failed"))
    route = Route(PLANNING, "weighted", (), weights=(("current", 0.5), ("challenger", 0.5)))
    decision = decide(ask(user="a"), world(A, route=route, ours=ours))
    assert order(decision) == ["hone/ours:1", "p/a"]


def test_a_window_that_is_too_small_is_named_with_its_numbers() -> None:
    decision = decide(ask(input_tokens=9_900, max_output_tokens=200), world(A, place("w", "wide", window=20_000)))
    assert order(decision) == ["w/wide"]
    assert reasons(decision) == {"p/a": "its window holds 10,000 tokens, the request needs 10,100"}


def test_a_request_too_long_for_all_is_the_clients_fault() -> None:
    nowhere = decide(ask(input_tokens=11_000), world(A, B)).nowhere
    assert nowhere is not None
    assert (nowhere.status, nowhere.code) == (400, "context_length_exceeded")
    assert "the request needs 11,000" in nowhere.message


def test_too_much_output_is_refused_before_it_is_sent() -> None:
    decision = decide(ask(max_output_tokens=5_000), world(place("p", "a", output=4_000)))
    assert decision.nowhere is not None
    assert decision.nowhere.code == "max_tokens_too_large"


def test_a_place_without_tools_is_left_out_where_tools_are_given() -> None:
    decision = decide(ask(tools=True), world(place("p", "a", tools=False), B))
    assert reasons(decision) == {"p/a": "it takes no tools"}


def test_a_model_that_does_not_do_the_capability_is_left_out_of_its_route() -> None:
    other = place("p", "a", quality=None)
    assert reasons(decide(ask(), world(other, B))) == {"p/a": "it does not do planning"}
    assert order(decide(ask("a"), world(other, B))) == ["p/a"]


def test_a_provider_without_a_key_is_left_out_with_the_reason() -> None:
    nowhere = decide(ask(), world(place("p", "a", off="no key"))).nowhere
    assert nowhere is not None
    assert (nowhere.status, nowhere.message) == (503, "nobody can be asked for `hone/planning`: p/a: no key")


def test_an_unhealthy_deployment_is_left_out() -> None:
    decision = decide(ask(), world(A, ours=(own(),), unhealthy={("hone", "ours:1"): "no answer for 3 s"}))
    assert order(decision) == ["p/a"]
    assert reasons(decision) == {"hone/ours:1": "no answer for 3 s"}


def test_an_open_breaker_is_passed_over() -> None:
    decision = decide(ask(), world(A, B, open_breakers={("p", "a"): "open for 9 s"}))
    assert order(decision) == ["q/b"]
    assert reasons(decision) == {"p/a": "open for 9 s"}


def test_the_first_is_still_tried_when_every_breaker_is_open() -> None:
    decision = decide(ask(), world(A, B, open_breakers={("p", "a"): "open", ("q", "b"): "open"}))
    assert order(decision) == ["p/a"]
    assert reasons(decision) == {"q/b": "open"}
    assert decision.notes == ("every breaker is open; `p/a` is tried as the last resort",)


def test_the_last_resort_never_skips_another_filter() -> None:
    small = place("p", "a", window=10)
    decision = decide(ask(input_tokens=100), world(small, B, open_breakers={("p", "a"): "open", ("q", "b"): "open"}))
    assert order(decision) == ["q/b"]


def test_a_breaker_that_closes_is_seen_by_the_same_snapshot() -> None:
    open_breakers = {("p", "a"): "open"}
    snapshot = world(A, B, open_breakers=open_breakers)
    assert order(decide(ask(), snapshot)) == ["q/b"]
    open_breakers.clear()
    assert order(decide(ask(), snapshot)) == ["p/a", "q/b"]


def test_a_key_gets_only_the_places_that_it_may_use() -> None:
    access = Access(models=frozenset({"b", "r/*"}))
    assert order(decide(ask(), world(A, B, C), access)) == ["q/b", "r/c"]
    assert order(decide(ask(), world(A, B, C), Access(models=frozenset({"p/a"})))) == ["p/a"]


def test_a_key_without_the_route_is_refused() -> None:
    nowhere = decide(ask(), world(A), Access(routes=frozenset({"debugging"}))).nowhere
    assert nowhere is not None
    assert (nowhere.status, nowhere.code) == (403, "route_not_allowed")


def test_a_key_with_routes_only_may_not_name_a_model() -> None:
    assert decide(ask("a"), world(A), Access(routes=frozenset({PLANNING}))).hops == ()
    assert order(decide(ask("a"), world(A), Access(frozenset({PLANNING}), frozenset({"a"})))) == ["p/a"]


def test_a_place_that_may_cost_more_than_is_left_is_passed_over() -> None:
    access = Access(budget_left_usd=0.005)
    decision = decide(ask(input_tokens=1_000, max_output_tokens=1_000), world(A, B), access)
    assert order(decision) == ["q/b"]
    assert reasons(decision) == {"p/a": "it may cost $0.0060, and $0.0050 of the key's budget are left"}


def test_what_costs_nothing_is_asked_on_an_empty_budget() -> None:
    free = place("o", "free", usd=0)
    assert order(decide(ask(input_tokens=1), world(A, free), Access(budget_left_usd=0))) == ["o/free"]


def test_an_empty_budget_says_so() -> None:
    nowhere = decide(ask(input_tokens=1_000), world(A), Access(budget_left_usd=0)).nowhere
    assert nowhere is not None
    assert (nowhere.status, nowhere.code) == (429, "insufficient_quota")


def test_a_hop_is_checked_again_right_before_it_is_asked() -> None:
    snapshot = world(A, open_breakers={("p", "a"): "open"})
    assert why_not(A.hop, ask(), world(A)) is None
    assert getattr(why_not(A.hop, ask(), snapshot), "cause", "") == "breaker"
    assert getattr(why_not(A.hop, ask(input_tokens=10_001), world(A)), "cause", "") == "context"


def test_nothing_named_is_classified() -> None:
    decision = decide(ask("", text="Plan the migration in phases, with milestones and risks."), world(A))
    assert (decision.named, decision.capability) == ("classified", "planning")
    assert order(decision) == ["p/a"]


def test_a_door_that_nobody_serves_is_the_clients_fault() -> None:
    decision = decide(Asked("completions", b"", "a"), world(A))
    assert decision.nowhere is not None
    assert decision.nowhere.message == "`a` cannot do what the request needs: p/a: it does not serve text completions"
