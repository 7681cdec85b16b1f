"""How `hone data show` draws an example: its parts, or the tokens that a model is trained on in it."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hone.cli.show import counting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from hone.layout import Layout
    from hone.records import Example
    from pipelines.masks import Mask

OPEN, CLOSE = "⟦", "⟧"  # around what is trained on, where there are no colours


def show_masks(
    layout: "Layout", chosen: "Sequence[Example]", split: "Sequence[Example]", console: "Console", *, plain: bool
) -> None:
    """Prints the chosen examples as they are trained on, and how many of all that were meant are left out."""
    from hone.errors import TrainingError
    from pipelines.masks import open_masks
    from pipelines.recipe import load_recipe

    masks = open_masks(layout, load_recipe(layout))
    refusals = 0
    for example in chosen:
        try:
            console.print(masked(example, masks.of(example), plain=plain))
        except TrainingError as error:
            refusals += 1
            console.print(refused(example, str(error)))
    if not refusals and len(split) > len(chosen):
        try:
            with counting() as progress:
                line = masks.counted(split, progress)
        except TrainingError as error:
            line = f"training would stop: {error}"
        console.print(line)


def drawn(example: "Example") -> "Text":
    """Names and places bold, what is given plain, what is to be said highlighted with a bar before it."""
    from rich.syntax import Syntax
    from rich.text import Text

    highlighter = Syntax("", example.origin.language or "python", theme="ansi_dark")  # the terminal's own colours
    text = _heading(example)
    for turn in example.turns:
        said = "\n".join([turn.content, *(f"{call.name}({json.dumps(call.arguments)})" for call in turn.calls)]).strip()
        text.append(f"  {turn.role}\n", style="dim")
        text.append_text(_barred(Text(printable(said)), "│ " if turn.role == "assistant" else "  "))
    if example.prompt:
        text.append_text(_barred(Text(printable(example.prompt.removesuffix("\n"))), "  "))
    if example.completion:
        text.append_text(_barred(highlighter.highlight(printable(example.completion.removesuffix("\n"))), "│ "))
    if example.suffix:
        text.append_text(_barred(Text(printable(example.suffix.removesuffix("\n"))), "  "))
    for test in example.tests:
        arguments = ", ".join(repr(argument) for argument in test.arguments)
        text.append(f"  {example.entry_point}({arguments}) == {test.expected!r}\n", style="dim")
    return text


def masked(example: "Example", mask: "Mask", *, plain: bool) -> "Text":
    """The whole text as the model reads it, with what is trained on in colour or, if `plain`, in brackets."""
    text = _heading(example)
    for piece, trained in mask.pieces:
        if plain and trained:
            text.append(f"{OPEN}{printable(piece)}{CLOSE}")
        else:
            text.append(printable(piece), style="black on green" if trained else "")
    tokens, trained_tokens = len(mask.encoded.ids), mask.encoded.trained_tokens
    text.append(f"\n{tokens} tokens, {trained_tokens} of them trained on", style="dim")
    text.append(f"; left out: {mask.left_out}\n" if mask.left_out else "\n", style="dim")
    return text


def refused(example: "Example", why: str) -> "Text":
    """An example that the base model cannot be trained on."""
    text = _heading(example)
    text.append(f"cannot be trained on: {why}\n", style="dim")
    return text


def printable(code: str) -> str:
    """Somebody's source may hold escape codes; a terminal must not obey them."""
    shown = "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in code.replace("\r\n", "\n"))
    return shown.expandtabs(4)


def _heading(example: "Example") -> "Text":
    from rich.text import Text

    origin = example.origin
    place = f"{origin.path}:{origin.first_line}-{origin.last_line}" if origin.path else "made by data/generated.py"
    source = f"{origin.source} {origin.commit}".strip()
    facts = [example.id, source, place, origin.licence or "licence unknown", example.task]
    return Text.assemble((printable(" · ".join(facts)), "bold"), "\n")


def _barred(code: "Text", bar: str) -> "Text":
    """The lines of a text, each behind a bar."""
    from rich.text import Text

    lines = code.split("\n")
    return Text("").join(Text.assemble((bar, "green"), line, "\n") for line in lines)
