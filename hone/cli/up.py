"""`hone up`: starts what a deployment needs beside itself."""

import typer

from hone.layout import find_layout

app = typer.Typer(add_completion=False)


@app.command()
def up() -> None:
    """Start MLflow and the router, or find them running, and print their addresses.

    They stay up until `hone down`. Example: hone up
    """
    from hone.settings import load_settings
    from registry.server import ensure_server
    from router.service import ensure_router

    layout = find_layout()
    settings = load_settings(layout)
    print(f"MLflow  {ensure_server(layout, settings)}")
    print(f"router  {ensure_router(layout, settings)}/v1")
