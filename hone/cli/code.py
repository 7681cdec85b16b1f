"""`hone code`: what a source file says of itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hone.cli.given import read_given
from hone.errors import AnalysisError

if TYPE_CHECKING:
    from analysis import Module
    from analysis.syntax import Class, Function

app = typer.Typer(help="What a source file says of itself: outline.", no_args_is_help=True, add_completion=False)

DOCSTRING_CHARACTERS = 60  # of its first line, that are shown


@app.callback()
def code() -> None:
    """What a source file says of itself."""


@app.command()
def outline(
    file: Annotated[str, typer.Argument(help="A source file; - reads it from stdin.")],
    language: Annotated[str, typer.Option(help="Its language, where its name does not say it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print functions, classes, imports and comments.")] = False,
) -> None:
    """List a file's classes and functions with their lines. Of broken code what is whole, and where it is broken.

    Example: hone code outline analysis/module.py
    """
    from hone.records import to_json

    module = _read(file, language)
    if as_json:
        syntax = module.syntax
        print(
            to_json(
                {
                    "language": module.language,
                    "functions": list(syntax.functions),
                    "classes": list(syntax.classes),
                    "imports": list(syntax.imports),
                    "comments": list(syntax.comments),
                    "errors": list(module.errors),
                }
            ).decode(),
            end="",
        )
        return
    print(f"{file}: {module.language}, {_counted(module)}")
    parts: list[Class | Function] = [*module.syntax.classes, *module.syntax.functions]
    for part in sorted(parts, key=lambda part: (part.place.start, -part.place.end)):
        print(_line(part))
    for error in module.errors:
        print(f"broken at line {error.place.first_line}: {error.message}")


def _read(file: str, language: str) -> "Module":
    """The parsed file. Raises `AnalysisError` that says what is missing."""
    from analysis import language_of, parse

    known = language or (language_of(Path(file).name) if file != "-" else None)
    if known is None:
        raise AnalysisError(f"the name of `{file}` does not say its language; give it with --language")
    return parse(read_given(file, AnalysisError), known)


def _counted(module: "Module") -> str:
    syntax = module.syntax
    counts = (
        (len(syntax.classes), "class", "classes"),
        (len(syntax.functions), "function", "functions"),
        (len(syntax.imports), "import", "imports"),
        (len(syntax.comments), "comment", "comments"),
    )
    return ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in counts)


def _line(part: "Class | Function") -> str:
    """One definition, indented by how deep it stands."""
    kind = getattr(part, "kind", "function")
    depth = len([step for step in part.qualified_name.split(".")[:-1] if step != "<locals>"])
    said = part.docstring.partition("\n")[0]
    shown = said if len(said) <= DOCSTRING_CHARACTERS else f"{said[:DOCSTRING_CHARACTERS]}…"
    lines = f"{part.place.first_line}–{part.place.last_line}"
    return f"{lines:>11}  {'  ' * depth}{kind} {part.name}" + (f"  {shown}" if shown else "")
