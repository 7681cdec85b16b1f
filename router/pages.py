"""The list of models: who a client may name, our own versions first."""

from router.choose import Access, Snapshot
from router.wires import Listed

AUTO = "hone/auto"


def listed_models(snapshot: Snapshot, access: Access) -> list[Listed]:
    """Our deployments by name and by version, the routes, and every model of the catalog that has a place."""
    own: list[str] = []
    for each in snapshot.own:
        if _allowed(access, each.hop.provider, each.hop.model):
            own += [each.hop.upstream_model, each.hop.model]
    routes: list[str] = []
    if snapshot.tables.routes:
        routes = [
            f"hone/{capability}"
            for capability in snapshot.tables.routes
            if access.routes is None or capability in access.routes
        ]
        routes.insert(0, AUTO)
    catalog = [
        Listed(name, places[0].hop.provider)
        for name, all_places in snapshot.tables.models.items()
        if (places := [p for p in all_places if not p.off and _allowed(access, p.hop.provider, p.hop.model)])
    ]
    return [*(Listed(name) for name in dict.fromkeys(own)), *(Listed(name) for name in routes), *catalog]


def _allowed(access: Access, provider: str, model: str) -> bool:
    if access.models is None:
        return access.routes is None  # a key with routes only may name no model
    return not access.models.isdisjoint((model, f"{provider}/{model}", f"{provider}/*"))
