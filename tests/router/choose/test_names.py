"""What a client may write as `model`, and what it is told where that means nothing."""

import pytest

from router.choose import Snapshot, decide
from router.choose.tables import Retired
from router.kinds import Asked, Nowhere
from tests.router.choose.worlds import ask, own, place, world

RETIRED = {"old": Retired("new", "2026-10-23"), "older": Retired("new", "2024-01-01", "renamed twice")}
SNAPSHOT = world(
    place("p", "new"), place("q", "new"), place("q", "other"),
    ours=(own("ours:2"), own("ours:1", aliases=())), retired=RETIRED, aliases={"newest": "new"},
)  # fmt: skip


def hops(model: str, snapshot: Snapshot = SNAPSHOT) -> list[tuple[str, str]]:
    return [hop.key for hop in decide(ask(model), snapshot).hops]


def refused(model: str, snapshot: Snapshot = SNAPSHOT) -> Nowhere:
    nowhere = decide(ask(model), snapshot).nowhere
    assert nowhere is not None
    return nowhere


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("new", [("p", "new"), ("q", "new")]),
        ("newest", [("p", "new"), ("q", "new")]),
        ("q/new", [("q", "new")]),
        ("q/newest", [("q", "new")]),
        ("q/new-upstream", [("q", "new")]),
        ("ours", [("hone", "ours:2")]),
        ("ours:1", [("hone", "ours:1")]),
        ("hone/ours:1", [("hone", "ours:1")]),
        ("old", [("p", "new"), ("q", "new")]),
        ("q/old", [("q", "new")]),
    ],
)
def test_a_name_leads_to_its_places(model: str, expected: list[tuple[str, str]]) -> None:
    assert hops(model) == expected


def test_a_retired_name_tells_who_answers() -> None:
    decision = decide(ask("older"), SNAPSHOT)
    assert decision.notes == ("`older` was retired on 2024-01-01; `new` answers (renamed twice)",)
    assert decision.named == "model new"


def test_a_retired_name_is_refused_where_names_are_strict() -> None:
    strict = world(place("p", "new"), retired=RETIRED, strict=True)
    assert refused("old", strict).message == "`old` was retired on 2026-10-23; ask for `new`"
    assert refused("old", strict).code == "model_retired"


def test_an_unknown_name_is_told_the_nearest() -> None:
    assert refused("othr") == Nowhere(
        404, "model_not_found", "there is no model `othr`; did you mean `other`?", "model"
    )


def test_a_name_like_none_is_told_where_to_look() -> None:
    assert refused("zzzzzz").message == "there is no model `zzzzzz`; GET /v1/models lists what there is"


def test_an_unknown_route_is_told_the_nearest() -> None:
    assert "did you mean `hone/planning`" in refused("hone/planing").message


def test_a_version_that_does_not_run_is_told_which_do() -> None:
    assert refused("ours:9").message == "version 9 of `ours` is not running; running: `ours:2`, `ours:1`"


def test_a_model_that_its_provider_does_not_offer_is_told_who_does() -> None:
    assert refused("p/other").message == "`other` is not offered by `p`; it is by `q`"


def test_an_endless_name_is_not_repeated_in_full_nor_kept() -> None:
    snapshot = world(place("p", "new"))
    assert len(refused("x" * 100_000, snapshot).message) < 250
    assert not snapshot.plans


def test_embeddings_without_a_model_are_told_to_name_one() -> None:
    nowhere = decide(Asked("embeddings", b""), SNAPSHOT).nowhere
    assert nowhere is not None
    assert nowhere.message == "embeddings have no route, name a model: none"
