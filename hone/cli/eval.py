"""`hone eval …`: measure the adapter, and look at what was measured."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hone.cli import eval_reports, eval_repository, eval_sandbox
from hone.cli.eval_findings import TrainingData, show_evidence, show_losses
from hone.cli.eval_suite import ks_of, run_as_json, show_run
from hone.cli.show import counting, say
from hone.errors import ConfigError
from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.layout import Layout
    from hone.records import Evidence
    from pipelines.suite import SuiteRequest

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure the adapter against its base model.")

app.add_typer(eval_reports.app)
app.add_typer(eval_repository.app)
app.add_typer(eval_sandbox.app)

AsJson = Annotated[bool, typer.Option("--json", help="Print the record instead, for programs.")]


@app.command()
def run(
    *,
    suite: Annotated[
        Literal["humaneval", "mbpp", "bfcl", "fim"] | None,
        typer.Option(help="Which benchmark; none: the stage `evaluate`. fim fills gaps in texts."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The benchmark's file; of bfcl its folder.")] = None,
    target: Annotated[
        str,
        typer.Option(
            help="What is measured: adapter, base, an OpenAI-compatible address up to /v1, or for proof canonical or "
            "empty (bfcl: ground-truth or mutated)."
        ),
    ] = "adapter",
    model: Annotated[str, typer.Option(help="What the server at that address calls its model.")] = "",
    chat: Annotated[bool, typer.Option("--chat", help="Ask as a chat, not for the rest of a text.")] = False,
    fim_format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How gaps are asked for: codellama, codellama-suffix-first, deepseek-coder, qwen2.5-coder or "
            "starcoder2. Default: by the field `suffix`; adapter and base as their tokens show.",
        ),
    ] = "",
    k: Annotated[str, typer.Option(help="Of pass@k; several by commas.")] = "1",
    samples: Annotated[int, typer.Option(min=0, help="A task; 0: as many as the largest k needs.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Default: 0 for one sample, else 0.8.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling; each task and sample has its own, made of it.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of one answer.")] = 512,
    api_key_env: Annotated[str, typer.Option(metavar="NAME", help="The environment variable with the key.")] = "",
    at_once: Annotated[int, typer.Option(min=1, help="Requests in flight.")] = 8,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that one request may take.")] = 120.0,
    once: Annotated[
        bool, typer.Option("--once", help="Run each answer once: verdicts that come by chance are not found.")
    ] = False,
    name: Annotated[str, typer.Option(help="The run's; the same name goes on where it stopped.")] = "",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where code runs: here, or on every node of a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="The cluster's; default: RAY_ADDRESS, or else auto, which finds one here."
        ),
    ] = "",
    training_data: TrainingData = None,
    as_json: AsJson = False,
) -> None:
    """Measure base and tuned model on the held-out examples: the stage `evaluate`. Or, by --suite, run a benchmark.

    Answers are kept as they come: after Ctrl-C or a failure the same command goes on where it stopped.

    Example: hone eval run --suite humaneval --data HumanEval.jsonl.gz --target adapter --k 1,10
    """
    from hone.log import configure_logging

    configure_logging()
    if suite is None and data is None and target == "adapter" and not name and not training_data:
        if engine != "local" or ray_address:
            raise ConfigError(
                "the stage `evaluate` runs where `evaluation.engine` in its recipe says; set `engine: ray`"
            )
        _run_stage(as_json=as_json)
        return
    if suite is None or data is None:
        raise ConfigError("a benchmark needs both `--suite` (humaneval, mbpp, bfcl, fim) and `--data PATH`")
    from pipelines.suite import SuiteRequest
    from pipelines.targets import Asking

    ks = ks_of(k)
    if 0 < samples < ks[-1]:
        raise ConfigError(f"pass@{ks[-1]} needs `--samples {ks[-1]}` at least, not {samples}")
    asking = Asking(
        target=target,
        model=model,
        chat=chat,
        samples=samples or ks[-1],
        temperature=temperature,
        seed=seed,
        max_tokens=max_tokens,
        api_key_env=api_key_env,
        at_once=at_once,
        timeout_s=timeout,
        name=name,
        training_data=tuple(training_data or ()),
    )
    request = SuiteRequest(
        suite, data, asking, fim_format=fim_format, reruns=not once, engine=engine, ray_address=ray_address
    )
    _run_suite(request, ks, as_json=as_json)


def _run_stage(*, as_json: bool) -> None:
    from hone.collector import large_imports
    from hone.records import to_json
    from pipelines.beside import TrainingLook
    from pipelines.recipe import load_recipe

    layout = find_layout()
    recipe = load_recipe(layout)
    with TrainingLook(layout) as look:
        with large_imports():
            from pipelines.evaluate import evaluate

        with redirect_stdout(sys.stderr if as_json else sys.stdout), counting() as progress:
            evidence = evaluate(layout, recipe, look, progress=progress)
    if as_json:
        print(to_json(evidence).decode(), end="")
    else:
        _show(evidence, layout)


def _run_suite(asked: "SuiteRequest", ks: tuple[int, ...], *, as_json: bool) -> None:
    from pipelines.suite import TARGETS, run_suite

    try:
        with redirect_stdout(sys.stderr if as_json else sys.stdout), counting() as progress:
            found = run_suite(find_layout(), asked, progress=progress)
    except KeyboardInterrupt:
        print("hone: stopped; what was answered is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        print(run_as_json(found, ks))
    else:
        show_run(found, ks, proof=asked.asking.target in TARGETS[asked.suite])


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the evidence of the last evaluation.

    Example: hone eval show --json
    """
    from hone.records import Evidence, read_record, to_json

    layout = find_layout()
    evidence = read_record(layout.evaluation / "evidence.json", Evidence)
    if as_json:
        print(to_json(evidence).decode(), end="")
    else:
        _show(evidence, layout)


def _show(evidence: "Evidence", layout: "Layout") -> None:
    for name, score in (("base ", evidence.base), ("tuned", evidence.tuned)):
        if score:
            say(f"{name} pass@1 {score.rate:.3f} [{score.low:.3f}, {score.high:.3f}]  {score.passed} of {score.tasks}")
    if paired := evidence.paired:
        say(f"{paired.wins} tasks won and {paired.losses} lost by tuning, p = {paired.p_value:.2g}")
    if evidence.flaky:
        say(f"{len(evidence.flaky)} tasks with a verdict that changed between runs: {', '.join(evidence.flaky[:10])}")
    if loss := evidence.loss:
        interval = f"{loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]"
        say(f"held-out loss {loss.base:.4f} → {loss.tuned:.4f} nats per token, {interval}")
        say(f"{loss.tokens:,} tokens in {loss.files} files")
        show_losses(layout)
    show_evidence(evidence)
