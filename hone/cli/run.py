"""`hone run`: the main job, from data to a routed answer, and its summary."""

from typing import TYPE_CHECKING

import typer

from hone.layout import find_layout

if TYPE_CHECKING:
    from pipelines.main_job import Summary

app = typer.Typer(add_completion=False)


@app.command()
def run() -> None:
    """Do the main job: data, training, evaluation, gate, registry, deployment, router, one answer.

    What is up to date is left alone. MLflow and the router stay up until `hone down`. Example: hone run
    """
    from hone.cli.show import say
    from hone.log import configure_logging
    from hone.settings import load_settings
    from pipelines.main_job import main_job

    configure_logging()
    layout = find_layout()
    _show(main_job(layout, load_settings(layout), said=say))


def _show(summary: "Summary") -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in _rows(summary):
        table.add_row(name, value)
    console = Console(highlight=False)
    console.print()
    console.print(
        Panel(table, title="Hone", title_align="left", border_style="green" if summary.verdict == "passed" else "red")
    )
    answer = Syntax(
        summary.answer.prompt + summary.answer.text.rstrip(), "python", background_color="default", word_wrap=True
    )
    title = f"{summary.serving_version} through the router, {summary.answer_ms:.0f} ms"
    console.print(Panel(answer, title=title, title_align="left", border_style="cyan"))
    console.print("Router and MLflow stay up until `make stop`. The summary is also in artifacts/summary.json.")


def _rows(summary: "Summary") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if summary.base and summary.tuned:
        for name, score in (("base", summary.base), ("tuned", summary.tuned)):
            interval = f"[{score.low:.3f}, {score.high:.3f}]"
            rows.append(
                (f"{name} pass@1", f"{score.rate:.3f}  {interval}  {score.passed} of {score.tasks} held-out tasks")
            )
    if loss := summary.evidence.loss:
        interval = f"{loss.difference:+.3f} [{loss.low:+.3f}, {loss.high:+.3f}]"
        rows.append(("held-out loss", f"{loss.base:.3f} → {loss.tuned:.3f} nats per token  ({interval})"))
    rows.append(("gate", summary.verdict))
    rows += [("", reason) for reason in summary.reasons]
    rows.append(("registered", summary.model_version))
    if summary.serving_version != summary.model_version:
        rows.append(
            ("serving", f"{summary.serving_version}, the champion: it stays where the gate refuses its successor")
        )
    if summary.image_digest:
        rows.append(("image", f"{summary.image_digest[:19]}  {summary.image_bytes / 1e6:.0f} MB"))
    rows.append(("endpoint", f"{summary.endpoint}  ({summary.engine})"))
    rows.append(("router", f"{summary.router}/v1"))
    rows.append(("MLflow", summary.mlflow))
    rows.append(("seconds", "  ".join(f"{stage} {took:.0f}" for stage, took in summary.stage_seconds.items())))
    rows.append(("this run", f"{summary.total_seconds:.0f} s"))
    return rows
