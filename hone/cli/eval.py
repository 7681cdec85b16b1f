"""`hone eval …`: measure the adapter, and look at what was measured."""

from typing import TYPE_CHECKING, Annotated

import typer

from hone.cli.show import counting, say
from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.records import Evidence

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure the adapter against its base model.")

AsJson = Annotated[bool, typer.Option("--json", help="Print the record instead, for programs.")]


@app.command()
def run() -> None:
    """Measure base and tuned model on the held-out examples and write the evidence: the stage `evaluate`.

    Example: hone eval run
    """
    from hone.log import configure_logging
    from pipelines.evaluate import evaluate
    from pipelines.recipe import load_recipe

    configure_logging()
    layout = find_layout()
    recipe = load_recipe(layout)
    with counting() as progress:
        evidence = evaluate(layout, recipe, progress=progress)
    _show(evidence)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the evidence of the last evaluation.

    Example: hone eval show --json
    """
    from hone.records import Evidence, read_record, to_json

    evidence = read_record(find_layout().evaluation / "evidence.json", Evidence)
    if as_json:
        print(to_json(evidence).decode(), end="")
    else:
        _show(evidence)


def _show(evidence: "Evidence") -> None:
    for name, score in (("base ", evidence.base), ("tuned", evidence.tuned)):
        if score:
            say(f"{name} pass@1 {score.rate:.3f} [{score.low:.3f}, {score.high:.3f}]  {score.passed} of {score.tasks}")
    if paired := evidence.paired:
        say(f"{paired.wins} tasks won and {paired.losses} lost by tuning, p = {paired.p_value:.2g}")
    if loss := evidence.loss:
        interval = f"{loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]"
        say(f"held-out loss {loss.base:.4f} → {loss.tuned:.4f} nats per token, {interval}")
        say(f"{loss.tokens:,} tokens in {loss.files} files")
