"""`hone registry …`: the registered model versions, their verdicts and aliases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.records import ModelVersion
    from registry.store import Store

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The registered model versions, their verdicts and aliases."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the records instead, for programs.")]
Selector = Annotated[str, typer.Argument(metavar="SELECTOR", help="An alias (`champion`) or a version number.")]
Model = Annotated[str | None, typer.Option("--model", help="Another registered model than `configs/hone.yaml` names.")]


@app.command(name="list")
def list_versions(as_json: AsJson = False, model: Model = None) -> None:
    """List the versions, newest first.

    Example: hone registry list
    """
    from hone.records import to_json

    store, name = _open(model)
    versions = store.versions(name)
    if as_json:
        print(to_json(versions).decode(), end="")
    elif not versions:
        print(f"nothing is registered as {name} yet; hone repro registers an adapter")
    for version in [] if as_json else versions:
        print(_one_line(version))


@app.command()
def register() -> None:
    """Register the adapter with its evidence and verdict: the stage `register`. A pass makes it the champion.

    The same adapter is registered once. Example: hone registry register
    """
    from hone.cli.show import say
    from hone.settings import load_settings
    from pipelines.register import register as register_adapter

    layout = find_layout()
    version = register_adapter(layout, load_settings(layout), said=say)
    print(_one_line(version))


@app.command()
def show(selector: Selector, as_json: AsJson = False, model: Model = None) -> None:
    """Show one version with its verdict's reasons and its lineage.

    Example: hone registry show champion
    """
    from hone.records import to_json

    store, name = _open(model)
    version = store.get(name, selector)
    if as_json:
        print(to_json(version).decode(), end="")
        return
    print(_one_line(version))
    for reason in version.verdict.reasons:
        print(f"  {reason}")
    print(f"  adapter {version.adapter_digest}\n  base    {version.base_digest}\n  dataset {version.dataset_digest}")
    print(f"  run     {version.run_id}\n  commit  {version.git_commit or 'none'}")


@app.command()
def promote(selector: Selector, as_json: AsJson = False, model: Model = None) -> None:
    """Make a version that passed the gate the champion. Deploy it with `hone deploy champion`.

    Example: hone registry promote 3
    """
    from hone.records import to_json

    store, name = _open(model)
    version = store.promote(name, selector)
    print(to_json(version).decode() if as_json else _one_line(version), end="" if as_json else "\n")


@app.command()
def download(
    selector: Selector,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    model: Model = None,
) -> None:
    """Download a version's adapter, checked against the digest that was registered.

    Example: hone registry download champion adapter-of-champion
    """
    store, name = _open(model)
    version = store.get(name, selector)
    print(f"{store.download(version, folder)}  version {version.version}  {version.adapter_digest}")


def _open(model: str | None) -> "tuple[Store, str]":
    """The store, on a server that answers, and the registered model's name."""
    from hone.settings import load_settings
    from registry.server import ensure_server

    layout = find_layout()
    settings = load_settings(layout)
    uri = ensure_server(layout, settings)

    from registry.store import Store

    return Store(uri), model or settings.registry.model_name


def _one_line(version: "ModelVersion") -> str:
    outcome = "passed" if version.verdict.passed else "failed"
    aliases = ", ".join(version.aliases)
    return f"{version.name} {version.version}  {outcome}  {version.adapter_digest[:19]}…  {aliases}".rstrip()
