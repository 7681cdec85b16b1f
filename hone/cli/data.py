"""`hone data …`: build the dataset of a recipe, look at its examples, and see what it is made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hone.cli.show import counting
from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.layout import Layout
    from hone.records import Example

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The dataset: build it, look at examples, see what it is made of."
)

Recipe = Annotated[Path | None, typer.Option("--recipe", help="A recipe; without it, the one that `hone repro` runs.")]
Side = Annotated[Literal["train", "heldout"], typer.Option("--split", help="Which examples.")]


@app.command()
def build(
    recipe: Recipe = None,
    engine: Annotated[
        Literal["local", "ray"] | None, typer.Option(help="Where files are worked on; `RAY_ADDRESS` names a cluster.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes of this machine; by default one a core.")
    ] = None,
) -> None:
    """Read a recipe's sources and write train, held-out and corpus files with their manifest to artifacts/data.

    A build that was stopped goes on where it was; a later one works on changed files alone.
    Example: hone data build --recipe configs/recipes/NAME.yaml
    """
    from hone.cli.data_tables import print_manifest
    from hone.log import configure_logging
    from pipelines.curate import curate
    from pipelines.recipe import load_recipe

    configure_logging()
    layout = find_layout()
    wanted = load_recipe(layout, recipe)
    chosen = {name: value for name, value in (("engine", engine), ("workers", workers)) if value is not None}
    if chosen:
        wanted = wanted.model_copy(update={"data": wanted.data.model_copy(update=chosen)})
    with counting() as progress:
        manifest = curate(layout, wanted, progress=progress)
    print_manifest(manifest)


@app.command()
def sources(
    recipe: Recipe = None,
    as_json: Annotated[bool, typer.Option("--json", help="As written, for programs.")] = False,
) -> None:
    """Print where a recipe's sources and benchmarks stand now, and write that to artifacts/sources.json.

    A branch elsewhere is fetched. The first stage of `dvc repro`: where something moved, `curate` runs again.
    Example: hone data sources --recipe configs/recipes/repository.yaml
    """
    from hone.cli.data_tables import print_standings
    from hone.log import configure_logging
    from hone.records import to_json
    from pipelines.recipe import load_recipe
    from pipelines.sources import look_at_sources

    configure_logging()
    layout = find_layout()
    found = look_at_sources(layout, load_recipe(layout, recipe))
    if as_json:
        print(to_json(found).decode(), end="")
    else:
        print_standings(found)


@app.command()
def show(
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="How many, spread evenly over the split.")] = 1,
    *,
    split: Side = "train",
    identity: Annotated[str | None, typer.Option("--id", help="One example by its id, from either split.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Examples of one task alone: `fill`, say.")] = None,
    mask: Annotated[bool, typer.Option("--mask", help="As the base model reads them, what is learnt marked.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="With brackets and not with colours.")] = False,
) -> None:
    """Print examples: what is given, what is trained on, the tests, and where they come from.

    Example: hone data show 3 --task fill --mask
    """
    from rich.console import Console

    from hone.cli.data_show import drawn, show_masks

    layout = find_layout()
    found = _examples(layout, split, identity, task)
    chosen = [found[number * len(found) // min(count, len(found))] for number in range(min(count, len(found)))]
    console = Console(soft_wrap=True, highlight=False)
    if mask:
        show_masks(layout, chosen, found, console, plain=plain or not console.is_terminal)
        return
    for example in chosen:
        console.print(drawn(example))


@app.command()
def stats(as_json: Annotated[bool, typer.Option("--json", help="The manifest itself, for programs.")] = False) -> None:
    """Print what the dataset is made of: sources with commit and licence, counts, sizes, digests.

    Example: hone data stats --json
    """
    from hone.cli.data_tables import print_manifest
    from hone.records import Manifest, read_record, to_json

    manifest = read_record(find_layout().data / "manifest.json", Manifest)
    if as_json:
        print(to_json(manifest).decode(), end="")
    else:
        print_manifest(manifest)


@app.command()
def why(
    identity: Annotated[str, typer.Argument(metavar="EXAMPLE", help="An example's id, or SOURCE/PATH of a file.")],
    recipe: Recipe = None,
) -> None:
    """Say where an example comes from: repository, commit, licence and lines, and what was decided on its file.

    Example: hone data why mlflow/mlflow/utils/uri.py:42
    """
    from rich.console import Console

    from data.tracing import trace
    from hone.cli.data_why import lines, told
    from pipelines.recipe import load_recipe

    layout = find_layout()
    found = trace(layout.data, identity)
    console = Console(soft_wrap=True, highlight=False)
    console.print(told(found))
    if found.file:
        console.print(lines(found, load_recipe(layout, recipe).data, layout))


def _examples(layout: "Layout", split: str, identity: str | None, task: str | None) -> "list[Example]":
    """The examples that are meant, at least one. Raises `DataError` where there is none."""
    from hone.errors import DataError
    from hone.records import read_examples

    if identity is not None:
        both = [one for name in ("train", "heldout") for one in read_examples(layout.data / f"{name}.jsonl")]
        if found := [example for example in both if example.id == identity]:
            return found
        raise DataError(f"no example has the id `{identity}`; `hone data show 20` lists some")
    found = read_examples(layout.data / f"{split}.jsonl")
    if task and not (of_task := [example for example in found if example.task == task]):
        there = ", ".join(f"`{name}`" for name in sorted({example.task for example in found}))
        raise DataError(f"no example of the split `{split}` is of the task `{task}`; there are: {there or 'none'}")
    return of_task if task else found
