"""`hone eval repo PATH`: measure a model on the functions of a repository that its own tests cover."""

import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hone.cli.eval_details import show_details
from hone.cli.eval_findings import TrainingData, show_findings
from hone.cli.eval_suite import run_as_json
from hone.cli.show import counting, say
from hone.layout import find_layout

if TYPE_CHECKING:
    from evaluation.suites.records import SuiteRun

app = typer.Typer()

SHOWN = 10  # of reasons, and of failed tasks


@app.command()
def repo(  # noqa: PLR0917 - the options are Typer's
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A checkout with tests: where pytest is run.")],
    target: Annotated[
        str,
        typer.Option(
            help="Who writes the bodies: adapter, base, an OpenAI-compatible address up to /v1, or for proof original "
            "or empty."
        ),
    ] = "adapter",
    environment: Annotated[
        Path | None, typer.Option(help="A virtual environment with pytest and what the tests need; none: this one.")
    ] = None,
    plugins: Annotated[
        bool | None,
        typer.Option("--plugins/--no-plugins", help="Of pytest in that environment; without either, where needed."),
    ] = None,
    model: Annotated[str, typer.Option(help="What the server at that address calls its model.")] = "",
    chat: Annotated[bool, typer.Option("--chat", help="Ask as a chat, not for the rest of a text.")] = False,
    samples: Annotated[int, typer.Option(min=1, help="A function.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling; each function and sample has its own.")] = 0,
    context: Annotated[int, typer.Option(min=0, help="Characters of the file before a function to show.")] = 4000,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of one answer.")] = 512,
    api_key_env: Annotated[str, typer.Option(metavar="NAME", help="The environment variable with the key.")] = "",
    at_once: Annotated[int, typer.Option(min=1, help="Requests in flight.")] = 8,
    request_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that one request may take.")] = 120.0,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one file of tests may take.")] = 60.0,
    memory: Annotated[int, typer.Option(min=128, help="MiB that the tests may take.")] = 1024,
    once: Annotated[
        bool, typer.Option("--once", help="Run the tests of each answer once: flaky verdicts are not found.")
    ] = False,
    name: Annotated[str, typer.Option(help="The run's; the same name goes on where it stopped.")] = "",
    training_data: TrainingData = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers instead, for programs.")] = False,
) -> None:
    """Take out the bodies of functions that a repository's own tests cover, have them written, and run the tests.

    The repository is only read; everything runs on a copy in the sandbox. After Ctrl-C or a failure the same command
    goes on where it stopped.

    Example: hone eval repo ~/src/ours --environment ~/src/ours/.venv --target adapter
    """
    from hone.log import configure_logging
    from pipelines.repository import PROOFS, RepositoryRequest, run_repository
    from pipelines.targets import Asking

    configure_logging()
    asking = Asking(
        target=target,
        model=model,
        chat=chat,
        samples=samples,
        seed=seed,
        max_tokens=max_tokens,
        api_key_env=api_key_env,
        at_once=at_once,
        timeout_s=request_timeout,
        training_data=tuple(training_data or ()),
        name=name,
    )
    asked = RepositoryRequest(
        repository=path.expanduser().resolve(),
        environment=environment.expanduser().resolve() if environment else None,
        plugins=plugins,
        context=context,
        timeout_s=timeout,
        memory_mb=memory,
        reruns=not once,
        asking=asking,
    )
    try:
        with redirect_stdout(sys.stderr if as_json else sys.stdout), counting() as progress:
            found = run_repository(find_layout(), asked, progress=progress)
    except KeyboardInterrupt:
        print("hone: stopped; what was run is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        print(run_as_json(found, (1,)))
    else:
        show(found, proof=target in PROOFS)


def show(run: "SuiteRun", *, proof: bool) -> None:
    """A few lines for people. `proof`: no model wrote the bodies."""
    from evaluation.suites.passk import counts_of, pass_at_1

    first = pass_at_1(counts_of(run))
    say(f"{run.suite} · {run.target} · {len(counts_of(run))} functions, {len(run.scores)} samples")
    say(f"  {'pass@1':<20} {first.value:.3f} [{first.low:.3f}, {first.high:.3f}]")
    show_details(run)
    for result, count in Counter(score.result for score in run.scores).most_common():
        say(f"  {result:<20} {count:,}")
    for score in [score for score in run.scores if score.result != "pass"][:SHOWN]:
        say(f"    {score.id}: {score.detail[:100]}")
    show_findings(run, proof=proof)
    say(f"  {'left out':<20} {len(run.excluded)}")
    for reason, count in Counter(one.reason.partition(":")[0] for one in run.excluded).most_common(SHOWN):
        say(f"    {count:>6,}  {reason}")
    say(f"  {'isolation':<20} {run.isolation}")
    say(f"  {run.seconds:.1f} s; kept as `{run.name}`: `hone eval report {run.name}` shows every function")
