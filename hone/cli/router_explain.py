"""`hone router explain`: where a request would go, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from hone.cli.given import read_given
from hone.errors import ConfigError
from hone.layout import Layout, find_layout

if TYPE_CHECKING:
    from router.choose import Tables
    from router.kinds import Asked

app = typer.Typer()


@app.command()
def explain(
    request: Annotated[str, typer.Argument(help="A file with the request's JSON body; - reads it from stdin.")],
    door: Annotated[str, typer.Option(help="chat, completions, embeddings, messages or count_tokens.")] = "",
    every_key: Annotated[bool, typer.Option("--every-key", help="As if every provider had its key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision for programs.")] = False,
) -> None:
    """Say where a request would go, in which order, and who is left out for which reason. Sends nothing.

    It knows the files, the keys of this machine and the current deployment, but not what only a running router knows:
    breakers, latencies, budgets. The door is guessed from the request's keys. Exits with 1 where nobody can be asked.

    Example: hone router explain docs/router/examples/01-write-a-function.json --every-key
    """
    from hone.records import to_json
    from router.choose import Snapshot
    from router.choose.explain import explain as in_words
    from router.live import decision_for, trimmed_for
    from router.own import OwnDeployments

    asked = _read(request, door)
    layout = find_layout()
    snapshot = Snapshot(tables=_tables(layout, every_key=every_key), own=OwnDeployments(layout).current())
    decision = decision_for(asked, snapshot)
    if not decision.hops and (fitting := trimmed_for(asked, decision, snapshot)) is not None:
        asked, decision = fitting
    print(to_json(decision).decode() if as_json else in_words(asked, decision, snapshot), end="")
    if not decision.hops:
        raise typer.Exit(1)


def _read(request: str, door: str) -> "Asked":
    """The request as the router reads it. Raises `ConfigError` for what is none."""
    from router.choose.bodies import DOORS, asked_of, door_of

    body = read_given(request, ConfigError)
    wanted = next((known for known in DOORS if known == door), None)
    if door and wanted is None:
        raise ConfigError(f"there is no door `{door}`; there are {', '.join(DOORS)}")
    try:
        return asked_of(wanted or door_of(body), body)
    except ValueError as error:
        where = "what came from stdin" if request == "-" else f"`{request}`"
        raise ConfigError(f"{where} is not a request: {error}") from error


def _tables(layout: Layout, *, every_key: bool) -> "Tables":
    import os
    import time

    from hone.config import load_config
    from router.choose import read_tables
    from router.choose.config import ProvidersFile
    from router.counting import with_counters

    configs = layout.root / "configs"
    environment = dict(os.environ)
    if every_key:
        forms = load_config(configs / "providers.yaml", ProvidersFile).providers.values()
        environment |= {form.api_key_env: "assumed" for form in forms if form.api_key_env}
    return with_counters(read_tables(configs, environment, now=time.time()))
