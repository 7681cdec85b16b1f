"""`hone eval sandbox-check`: try the known attacks on this machine's sandbox."""

from contextlib import closing
from typing import Annotated, Literal

import typer

from hone.cli.show import counting, say

app = typer.Typer()


@app.command()
def sandbox_check(
    isolation: Annotated[
        Literal["namespaces", "bubblewrap"] | None,
        typer.Option(help="Which isolation to try, in place of the strongest that there is."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trials instead, for programs.")] = False,
) -> None:
    """Try every known attack and forged pass on the sandbox of this machine; exit code 1 if one is not contained.

    Example: hone eval sandbox-check --isolation bubblewrap
    """
    import os

    from evaluation.sandbox import open_sandbox
    from evaluation.sandbox.trial import TRIAL_LIMITS, try_all
    from hone.records import to_json

    with closing(open_sandbox(TRIAL_LIMITS, workers=os.cpu_count() or 1, isolation=isolation)) as sandbox:
        if as_json:
            trials = try_all(sandbox, progress=lambda _done, _total: None)
        else:
            say(f"isolation: {sandbox.isolation}; user id {os.getuid()}")
            with counting() as progress:
                trials = try_all(sandbox, progress=lambda done, total: progress("attacks", done, total))
    escaped = [trial for trial in trials if not trial.contained]
    if as_json:
        print("[" + ",\n".join(to_json(trial).decode().strip() for trial in trials) + "]")
    else:
        for trial in trials:
            word = "contained" if trial.contained else "ESCAPED"
            say(f"{word:<9}  {trial.name:<48} {trial.outcome:<14} {trial.detail}")
        say(f"{len(trials) - len(escaped)} of {len(trials)} contained")
    if escaped:
        raise typer.Exit(1)
