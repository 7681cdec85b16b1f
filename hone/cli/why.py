"""`hone why`: from what serves now, or from a version, back to the data and code that it came from."""

from typing import Annotated

import typer

from hone.errors import DataError, RegistryError
from hone.layout import find_layout

ENDPOINT = "endpoint"

app = typer.Typer(add_completion=False)


@app.command()
def why(
    what: Annotated[
        str, typer.Argument(help="`endpoint`, an endpoint's URL, an alias or a version number.")
    ] = ENDPOINT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the chain as a JSON list.")] = False,
) -> None:
    """Show why an endpoint or a version is what it is: image, verdict, run, dataset, commit.

    Example: hone why champion
    """
    from hone.records import Endpoint, Manifest, read_record, to_json
    from hone.settings import load_settings
    from registry.provenance import chain
    from registry.server import ensure_server

    layout = find_layout()
    settings = load_settings(layout)
    endpoint = read_record(layout.endpoint, Endpoint) if layout.endpoint.exists() else None
    name, selector = settings.registry.model_name, what
    if what == ENDPOINT or "://" in what:
        if endpoint is None:
            raise RegistryError("nothing is deployed; `hone deploy champion` deploys the champion")
        if what not in (ENDPOINT, endpoint.deployment.url, settings.router_url):
            raise RegistryError(f"`{what}` is not the endpoint; traffic goes to `{endpoint.deployment.url}`")
        name, selector = endpoint.deployment.model_name, endpoint.deployment.model_version
    uri = ensure_server(layout, settings)

    from registry.store import Store

    version = Store(uri).get(name, selector)
    try:
        manifest = read_record(layout.data / "manifest.json", Manifest)
    except DataError:
        manifest = None  # the data of another version, or of another machine
    links = chain(version, endpoint, manifest)
    if as_json:
        print(to_json(list(links)).decode(), end="")
        return
    for link in links:
        print(f"{link.what:<11}{link.value}")
        for detail in link.details:
            print(f"{'':<11}  {detail}")
