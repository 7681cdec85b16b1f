"""`hone repro`: the pipeline, brought up to date."""

from pathlib import Path
from typing import Annotated

import typer

from hone.layout import find_layout

app = typer.Typer(add_completion=False)


@app.command()
def repro(
    recipe: Annotated[Path | None, typer.Option(help="Choose another recipe first; params.yaml remembers it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every stage, changed or not.")] = False,
) -> None:
    """Run the stages whose inputs changed: sources, curate, pretrain, train, evaluate, gate, register.

    Example: hone repro --recipe configs/recipes/embedded.yaml
    """
    from hone.cli.show import say
    from hone.settings import load_settings
    from pipelines.recipe import choose_recipe
    from pipelines.repro import reproduce

    layout = find_layout()
    if recipe is not None:
        choose_recipe(layout, recipe)
    if not reproduce(layout, load_settings(layout), said=say, force=force):
        say("nothing changed")
