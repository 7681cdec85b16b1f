"""`hone data …`: build the dataset of a recipe, look at its examples, and see what it is made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hone.cli.show import counting
from hone.layout import find_layout

if TYPE_CHECKING:
    from rich.text import Text

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
    split: Side = "train",
    identity: Annotated[str | None, typer.Option("--id", help="One example by its id, from either split.")] = None,
) -> None:
    """Print examples: the prompt, the completion that is trained on, the tests, and where they come from.

    Example: hone data show 3 --split heldout
    """
    from rich.console import Console

    from hone.errors import DataError
    from hone.records import read_examples

    layout = find_layout()
    if identity is None:
        found = read_examples(layout.data / f"{split}.jsonl")
        chosen = [found[number * len(found) // min(count, len(found))] for number in range(min(count, len(found)))]
    else:
        both = [one for name in ("train", "heldout") for one in read_examples(layout.data / f"{name}.jsonl")]
        chosen = [example for example in both if example.id == identity]
        if not chosen:
            raise DataError(f"no example has the id `{identity}`; `hone data show 20` lists some")
    console = Console(soft_wrap=True, highlight=False)
    for example in chosen:
        console.print(_drawn(example))


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


def _drawn(example: "Example") -> "Text":
    """One example as text: names and places dim, the prompt plain, the completion highlighted with a bar before it."""
    from rich.syntax import Syntax
    from rich.text import Text

    python = Syntax("", "python", theme="ansi_dark")  # the terminal's own colours
    origin = example.origin
    place = f"{origin.path}:{origin.first_line}-{origin.last_line}" if origin.path else "made by data/generated.py"
    facts = [example.id, f"{origin.source} {origin.commit}".strip(), place, origin.licence or "licence unknown"]
    drawn = Text.assemble((" · ".join(facts), "bold"), "\n")
    drawn.append_text(_barred(Text(_printable(example.prompt)), "  "))
    drawn.append_text(_barred(python.highlight(_printable(example.completion)), "│ "))
    for test in example.tests:
        arguments = ", ".join(repr(argument) for argument in test.arguments)
        drawn.append(f"  {example.entry_point}({arguments}) == {test.expected!r}\n", style="dim")
    return drawn


def _barred(code: "Text", bar: str) -> "Text":
    """The lines of a text, each behind a bar."""
    from rich.text import Text

    lines = code.split("\n")
    return Text("").join(Text.assemble((bar, "green"), line, "\n") for line in lines)


def _printable(code: str) -> str:
    """Somebody's source may hold escape codes; a terminal must not obey them."""
    shown = "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in code.rstrip("\n"))
    return shown.expandtabs(4)


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
