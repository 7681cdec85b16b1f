"""`hone code`: what a source file or a folder says of itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hone.cli import code_calls, code_flow, code_names
from hone.cli.code_given import (
    JsonOption,
    LanguageOption,
    PathArgument,
    cache_of,
    counted,
    folder_given,
    print_json,
    read_module,
    refuse_language,
)

if TYPE_CHECKING:
    from analysis.syntax import Class, Fault, Function, Syntax

app = typer.Typer(
    help="What source code says of itself: outline, symbols, types, control flow, data flow, calls.",
    no_args_is_help=True,
    add_completion=False,
)

DOCSTRING_CHARACTERS = 60  # of its first line, that are shown


@app.callback()
def code() -> None:
    """What source code says of itself."""


@app.command()
def outline(path: PathArgument, language: LanguageOption = "", as_json: JsonOption = False) -> None:
    """List classes and functions with their lines. Of broken code what is whole, and where it is broken.

    Of a folder: what each file holds; the files that git ignores are left out.

    Example: hone code outline analysis/module.py
    """
    if folder_given(path):
        _outline_folder(Path(path), language, as_json=as_json)
        return
    module = read_module(path, language, tell_faults=False)
    if as_json:
        print_json(_as_json(module.language, module.syntax, module.errors))
        return
    print(f"{path}: {module.language}, {_counted(module.syntax)}")
    parts: list[Class | Function] = [*module.syntax.classes, *module.syntax.functions]
    for part in sorted(parts, key=lambda part: (part.place.start, -part.place.end)):
        print(_line(part))
    for error in module.errors:
        print(f"broken at line {error.place.first_line}: {error.message}")


app.add_typer(code_names.app)
app.add_typer(code_flow.app)
app.add_typer(code_calls.app)


def _outline_folder(root: Path, language: str, *, as_json: bool) -> None:
    from analysis.outlines import Outline, outlines
    from analysis.tree_files import Skipped, source_files

    refuse_language(language)
    names, skipped = source_files(root)
    told: list[dict[str, object]] = []
    outlined: list[Outline] = []
    with cache_of("outlines.db", Outline) as cache:
        for name, found in zip(names, outlines([root / name for name in names], cache=cache), strict=True):
            if found.value is None:
                skipped.append(Skipped(name, found.reason))
                continue
            outlined.append(found.value)
            if as_json:
                told.append({"path": name, **_as_json(found.language, found.value.syntax, found.value.errors)})
            else:
                broken = (
                    f"; broken at {counted(len(found.value.errors), 'place', 'places')}" if found.value.errors else ""
                )
                print(f"{name}: {found.language}, {_counted(found.value.syntax)}{broken}")
    if as_json:
        print_json({"files": told, "skipped": list(skipped)})
        return
    for one in sorted(skipped, key=lambda one: one.path):
        print(f"skipped {one.path}: {one.reason}")
    functions = sum(len(one.syntax.functions) for one in outlined)
    classes = sum(len(one.syntax.classes) for one in outlined)
    print(
        f"{counted(len(outlined), 'file', 'files')}, {counted(classes, 'class', 'classes')}, "
        f"{counted(functions, 'function', 'functions')}"
    )


def _as_json(language: str, syntax: "Syntax", errors: "tuple[Fault, ...]") -> dict[str, object]:
    return {
        "language": language,
        "functions": list(syntax.functions),
        "classes": list(syntax.classes),
        "imports": list(syntax.imports),
        "comments": list(syntax.comments),
        "errors": list(errors),
    }


def _counted(syntax: "Syntax") -> str:
    counts = (
        (len(syntax.classes), "class", "classes"),
        (len(syntax.functions), "function", "functions"),
        (len(syntax.imports), "import", "imports"),
        (len(syntax.comments), "comment", "comments"),
    )
    return ", ".join(counted(*count) for count in counts)


def _line(part: "Class | Function") -> str:
    """One definition, indented by how deep it stands."""
    kind = getattr(part, "kind", "function")
    depth = len([step for step in part.qualified_name.split(".")[:-1] if step != "<locals>"])
    said = part.docstring.partition("\n")[0]
    shown = said if len(said) <= DOCSTRING_CHARACTERS else f"{said[:DOCSTRING_CHARACTERS]}…"
    lines = f"{part.place.first_line}–{part.place.last_line}"
    return f"{lines:>11}  {'  ' * depth}{kind} {part.name}" + (f"  {shown}" if shown else "")
