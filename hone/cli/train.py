"""`hone train …`: the base model and the adapter."""

import typer

from hone.cli.show import say, stepping
from hone.layout import find_layout

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Train the base model and the adapter as the chosen recipe says."
)


@app.command()
def base() -> None:
    """Pretrain the base model, or record the ready one that the recipe names. A killed run goes on where it was.

    Example: hone train base
    """
    from hone.collector import large_imports
    from hone.log import configure_logging
    from hone.settings import load_settings

    with large_imports():
        from pipelines.pretrain import make_base
        from pipelines.recipe import load_recipe

    configure_logging()
    layout = find_layout()
    settings, recipe = load_settings(layout), load_recipe(layout)
    with stepping("pretraining") as listener:
        made = make_base(layout, settings, recipe, listeners=[listener], said=say)
    say(f"base model {made.name}  {made.digest[:19]}")


@app.command()
def adapter() -> None:
    """Fine-tune a LoRA adapter on the training examples. A killed run goes on where it was.

    Example: hone train adapter
    """
    from hone.collector import large_imports
    from hone.log import configure_logging
    from hone.settings import load_settings

    with large_imports():
        from pipelines.recipe import load_recipe
        from pipelines.train import make_adapter

    configure_logging()
    layout = find_layout()
    settings, recipe = load_settings(layout), load_recipe(layout)
    with stepping("fine-tuning") as listener:
        made = make_adapter(layout, settings, recipe, listeners=[listener], said=say)
    say(f"adapter in {layout.adapter.relative_to(layout.root)}  MLflow run {made.run_id}")
