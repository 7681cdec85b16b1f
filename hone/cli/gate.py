"""`hone gate …`: what the gate decided, and what it would decide now."""

from typing import TYPE_CHECKING, Annotated

import typer

from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.records import Verdict

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What the evidence gate says of the adapter.")

AsJson = Annotated[bool, typer.Option("--json", help="Print the record instead, for programs.")]


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the verdict of the last `hone repro`, with its reasons.

    Example: hone gate show
    """
    from hone.records import Verdict, read_record

    _show(read_record(find_layout().gate / "verdict.json", Verdict), as_json)


@app.command()
def decide() -> None:
    """Decide from the evidence, `configs/gate.yaml` and the champion, and write the verdict: the stage `gate`.

    A failed verdict is a result, not an error. Example: hone gate decide
    """
    from hone.settings import load_settings
    from pipelines.gate import judge

    layout = find_layout()
    _show(judge(layout, load_settings(layout)), as_json=False)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Decide again, from the evidence that lies there and `configs/gate.yaml`; writes nothing.

    Exits with 1 where the adapter fails. Example: hone gate check
    """
    import time

    from hone.config import load_config
    from hone.records import Evidence, read_record
    from hone.settings import load_settings
    from registry.gate import Policy, decide
    from registry.server import ensure_server

    layout = find_layout()
    settings = load_settings(layout)
    policy = load_config(layout.root / "configs" / "gate.yaml", Policy)
    evidence = read_record(layout.evaluation / "evidence.json", Evidence)
    uri = ensure_server(layout, settings)

    from registry.store import Store

    champion = Store(uri).champion_evidence(settings.registry.model_name)
    verdict = decide(evidence, policy, champion, now=time.time())
    _show(verdict, as_json)
    if not verdict.passed:
        raise typer.Exit(1)


def _show(verdict: "Verdict", as_json: bool) -> None:
    from hone.records import to_json

    if as_json:
        print(to_json(verdict).decode(), end="")
        return
    print("passed" if verdict.passed else "failed")
    for reason in verdict.reasons:
        print(f"  {reason}")
    print(f"  adapter {verdict.adapter_digest}")
