"""What a client's `model` means: a route, a model of the catalog, one place of it, a version of ours, or nothing."""

import difflib

from hone.records import Record
from router.choose.snapshot import Own, Snapshot
from router.choose.tables import Candidate, Route
from router.kinds import Nowhere

AUTO = ("", "hone/auto")
PREFIX = "hone/"
LONGEST_NAME = 100  # what of an unknown name is looked at and shown


class Meaning(Record, frozen=True):
    """One of them: a route or places."""

    named: str  # as `Decision.named`
    route: Route | None = None
    places: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()


def meaning_of(name: str, snapshot: Snapshot) -> Meaning | Nowhere:
    """`name` is none of `AUTO`. Routes come first, then our own versions, then the catalog."""
    tables = snapshot.tables
    short = name.removeprefix(PREFIX)
    for route in tables.routes.values():
        if name.startswith(PREFIX) and short == route.capability:
            return Meaning(named=f"route {name}", route=route)
    if own := _own_named(short, snapshot):
        return Meaning(named=f"model {own.hop.model}", places=(own_candidate(own),))
    if (known := tables.aliases.get(name, name)) in tables.models:
        return Meaning(named=f"model {known}", places=tables.models[known])
    if name in tables.retired:
        return _successor(name, "", snapshot)
    provider, _, rest = name.partition("/")
    if rest and provider in tables.providers:
        return _at_provider(provider, rest, snapshot)
    return _unknown(name, snapshot)


def own_candidate(own: Own) -> Candidate:
    """Our servers complete, and chat where the model has a template; tools, images and schemas they do not know."""
    return Candidate(hop=own.hop, chat=own.chat, completions=True, suffix=own.suffix)


def _own_named(name: str, snapshot: Snapshot) -> Own | None:
    """By `name:version`, or by the registered model's name: the one that traffic goes to."""
    for own in snapshot.own:
        if name in (own.hop.model, own.hop.model.rpartition(":")[0]):
            return own
    return None


def _at_provider(provider: str, name: str, snapshot: Snapshot) -> Meaning | Nowhere:
    tables = snapshot.tables
    if name in tables.retired:
        return _successor(name, provider, snapshot)
    known = tables.aliases.get(name, name)
    offered = [
        place
        for places in tables.models.values()
        for place in places
        if place.hop.provider == provider and (place.hop.model == known or place.hop.upstream_model == name)
    ]
    if offered:
        return Meaning(named=f"model {provider}/{offered[0].hop.model}", places=tuple(offered[:1]))
    if known in tables.models:
        there = ", ".join(f"`{place.hop.provider}`" for place in tables.models[known])
        return Nowhere(404, "model_not_found", f"`{known}` is not offered by `{provider}`; it is by {there}", "model")
    return _unknown(f"{provider}/{name}", snapshot)


def _successor(name: str, provider: str, snapshot: Snapshot) -> Meaning | Nowhere:
    """The successor's places, with a note; at the same provider where it is offered there."""
    tables = snapshot.tables
    retired = tables.retired[name]
    message = f"`{name}` was retired on {retired.since}"
    note = f" ({retired.note})" if retired.note else ""
    if tables.strict:
        return Nowhere(404, "model_retired", f"{message}{note}; ask for `{retired.successor}`", "model")
    places = tables.models[retired.successor]
    there = tuple(place for place in places if place.hop.provider == provider) or places
    return Meaning(
        named=f"model {retired.successor}", places=there, notes=(f"{message}; `{retired.successor}` answers{note}",)
    )


def _unknown(name: str, snapshot: Snapshot) -> Nowhere:
    shown = name[:LONGEST_NAME]
    tables = snapshot.tables
    names = [
        *tables.models, *tables.aliases, *(f"{PREFIX}{capability}" for capability in tables.routes), "hone/auto",
        *(own.hop.model for own in snapshot.own), *tables.retired,
    ]  # fmt: skip
    if "/" in shown:
        names += [f"{place.hop.provider}/{model}" for model, places in tables.models.items() for place in places]
    close = difflib.get_close_matches(shown, names, n=3)
    model, _, version = shown.rpartition(":")
    ours = {own.hop.model.rpartition(":")[0] for own in snapshot.own}
    if model in ours:
        running = ", ".join(f"`{own.hop.model}`" for own in snapshot.own)
        message = f"version {version} of `{model}` is not running; running: {running}"
        return Nowhere(404, "model_not_found", message, "model")
    hint = (
        f"did you mean {' or '.join(f'`{one}`' for one in close)}?" if close else "GET /v1/models lists what there is"
    )
    return Nowhere(404, "model_not_found", f"there is no model `{shown}`; {hint}", "model")
