"""`hone down`: stops what `hone up` started; runs, versions and deployments stay on disk."""

from typing import Annotated

import typer

from hone.layout import find_layout

app = typer.Typer(add_completion=False)


@app.command()
def down(
    everything: Annotated[bool, typer.Option("--all", help="Stop the deployments, too.")] = False,
) -> None:
    """Stop the router and MLflow.

    Example: hone down --all
    """
    from registry.server import stop_server
    from router.service import stop_router

    layout = find_layout()
    _say("router", stop_router(layout))
    _say("MLflow", stop_server(layout))
    if everything:
        from deployment.rollout import stop_all
        from hone.settings import load_settings

        count = stop_all(layout, load_settings(layout), progress=print)
        print(f"deployments  {count} stopped")


def _say(what: str, stopped: bool) -> None:
    print(f"{what}  {'stopped' if stopped else 'was not running'}")
