"""`hone data …`: build the dataset of a recipe, look at its examples, and see what it is made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hone.cli.show import counting
from hone.layout import find_layout

if TYPE_CHECKING:
    from hone.layout import Layout
    from hone.records import Example, Manifest, SourceUse

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The dataset: build it, look at examples, see what it is made of."
)

Recipe = Annotated[Path | None, typer.Option("--recipe", help="A recipe; without it, the one that `hone repro` runs.")]
Side = Annotated[Literal["train", "heldout"], typer.Option("--split", help="Which examples.")]


@app.command()
def build(recipe: Recipe = None) -> None:
    """Read a recipe's sources and write train, held-out and corpus files with their manifest to artifacts/data.

    Example: hone data build --recipe configs/recipes/NAME.yaml
    """
    from hone.config import load_config
    from hone.log import configure_logging
    from pipelines.curate import curate
    from pipelines.recipe import Recipe as RecipeFile
    from pipelines.recipe import load_recipe

    configure_logging()
    layout = find_layout()
    wanted = load_config(recipe, RecipeFile) if recipe else load_recipe(layout)
    with counting() as progress:
        manifest = curate(layout, wanted, progress=progress)
    _print_manifest(manifest)


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
    from hone.records import Manifest, read_record, to_json

    manifest = read_record(find_layout().data / "manifest.json", Manifest)
    if as_json:
        print(to_json(manifest).decode(), end="")
    else:
        _print_manifest(manifest)


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


def _print_manifest(manifest: "Manifest") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    sources = Table("source", "kind", "version", "licence", box=None, header_style="bold", pad_edge=False)
    for heading in ("files", "examples", "duplicates"):
        sources.add_column(heading, justify="right")
    for use in manifest.sources:
        numbers = (str(number) for number in (use.files, use.examples, use.duplicates))
        sources.add_row(use.name, use.kind, use.commit[:12], use.licence or "unknown", *numbers)
    splits = Table("split", box=None, header_style="bold", pad_edge=False)
    for heading in ("examples", "bytes"):
        splits.add_column(heading, justify="right")
    splits.add_column("digest")
    for split in manifest.splits:
        splits.add_row(split.name, f"{split.examples:,}", f"{split.bytes:,}", split.digest[:19])
    console.print(sources, "", splits, "", f"dataset {manifest.digest}", sep="\n")
    for use in manifest.sources:
        _print_left_out(use)


def _print_left_out(use: "SourceUse") -> None:
    for reason, count in use.skipped.items():
        kind, _, why = reason.partition(": ")
        print(f"left out of {use.name}: {count:,} {kind}: {why}")
