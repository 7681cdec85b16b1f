"""What the commands of `hone code` are given: a file or a folder, a language, a function; and where pictures go."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hone.cli.given import read_given
from hone.errors import AnalysisError, ConfigError
from hone.files import write_atomic

if TYPE_CHECKING:
    from analysis import Module
    from analysis.cache import Cache
    from analysis.syntax import Function

Value = TypeVar("Value")

MOST_NAMED = 8  # functions that an ambiguous name is shown with

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A source file; - reads it from stdin.")]
PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="A source file or a folder; - reads from stdin.")]
LanguageOption = Annotated[str, typer.Option("--language", help="Its language, where its name does not say it.")]
FunctionOption = Annotated[
    str,
    typer.Option("--function", metavar="NAME", help="One function, by its qualified name or the end of it."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DotOption = Annotated[bool, typer.Option("--dot", help="Print the graph in DOT.")]
SvgOption = Annotated[bool, typer.Option("--svg", help="Print the graph as SVG; needs graphviz.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the picture here: its name ends in .svg or .dot."),
]


def read_module(file: str, language: str, *, tell_faults: bool = True) -> "Module":
    """The parsed file. Raises `AnalysisError` that says what is missing or wrong."""
    from analysis import parse
    from analysis.languages.endings import language_told
    from analysis.outlines import checked, read_file

    if folder_given(file):
        raise AnalysisError(f"`{file}` is a folder; give a file (`outline` and `calls` take folders too)")
    given = read_given(file, AnalysisError) if file == "-" else b""
    try:
        content = checked(given) if file == "-" else read_file(Path(file))
    except AnalysisError as error:
        raise AnalysisError(f"`{file}` {error}") from error
    known = language or language_told("" if file == "-" else Path(file).name, content)
    if known is None:
        raise AnalysisError(f"nothing says the language of `{file}`, neither its name nor a `#!` line; use --language")
    module = parse(content, known)
    if tell_faults:
        _tell_faults(file, module)
    return module


def _tell_faults(file: str, module: "Module") -> None:
    """On stderr, for what is shown is of the rest alone."""
    try:
        module.source.decode()
    except UnicodeDecodeError as error:
        line = module.line_of(error.start)
        print(f"hone: `{file}` is no UTF-8 (line {line}); what cannot be read is left out", file=sys.stderr)
    if module.errors:
        first = module.errors[0]
        more = f", and at {counted(len(module.errors) - 1, 'place', 'places')} more" if len(module.errors) > 1 else ""
        where = f"line {first.place.first_line} ({first.message})"
        print(f"hone: `{file}` is broken at {where}{more}; shown is what stands whole", file=sys.stderr)


def folder_given(path: str) -> bool:
    """Whether a folder is given. What cannot be looked at is none: reading it says why."""
    from analysis.tree_files import is_folder

    return path != "-" and is_folder(Path(path))


def refuse_language(language: str) -> None:
    """Raises `AnalysisError` where a folder is given one."""
    if language:
        raise AnalysisError("--language is for one file; in a folder the names of the files say theirs")


@contextmanager
def cache_of(name: str, kind: type[Value]) -> "Iterator[Cache[Value] | None]":
    """The project's cache of that name; none outside of a project."""
    from analysis.cache import Cache
    from hone.layout import find_layout
    from hone.log import configure_logging

    configure_logging()  # it warns of what is damaged
    try:
        path = find_layout().code_cache / name
    except ConfigError:
        path = None
    with nullcontext() if path is None else Cache(path, kind) as cache:
        yield cache


def find_function(module: "Module", wanted: str) -> "Function | None":
    """The function of that name; None for no name. Raises `AnalysisError` with near ones, or with all that it means."""
    if not wanted:
        return None
    name, _, line = wanted.partition(":")
    functions = module.syntax.functions
    found = [one for one in functions if one.qualified_name == name]
    found = found or [one for one in functions if one.qualified_name.endswith(f".{name}")]
    found = [one for one in found if str(one.place.first_line) == line] or found
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"`{one.qualified_name}:{one.place.first_line}`" for one in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise AnalysisError(f"`{wanted}` is several functions; give one of {listed}{more}")
    names = {one.qualified_name for one in functions} | {one.name for one in functions}
    near = get_close_matches(name, sorted(names), 1)
    hint = f"; did you mean `{near[0]}`?" if near else f"; `hone code outline` lists its {len(functions):,}"
    raise AnalysisError(f"there is no function `{wanted}`" + (hint if functions else ": there are none at all"))


def wants_picture(*, dot: bool, svg: bool, output: Path | None, as_json: bool) -> bool:
    """Whether a graph is drawn and not told. Raises `AnalysisError` where the flags contradict each other."""
    if dot and svg:
        raise AnalysisError("--dot and --svg are two pictures; give one")
    if as_json and (dot or svg or output is not None):
        raise AnalysisError("--json prints no picture; give it without --dot, --svg and -o")
    if output is not None and ((dot and output.suffix == ".svg") or (svg and output.suffix in (".dot", ".gv"))):
        raise AnalysisError(f"the name of `{output}` says another picture than --{'dot' if dot else 'svg'}; give one")
    if output is not None and not dot and not svg and output.suffix not in (".dot", ".gv", ".svg"):
        raise AnalysisError(f"the name of `{output}` does not say what to draw; end it in .svg or .dot, or give --svg")
    return dot or svg or output is not None


def draw(text: str, *, svg: bool, output: Path | None) -> None:
    """Prints DOT text or its picture, or writes it. Raises `AnalysisError` where that fails."""
    from analysis.draw import svg_of

    picture = svg or (output is not None and output.suffix == ".svg")
    content = svg_of(text) if picture else text.encode(errors="replace")
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        write_atomic(output, content)
    except OSError as error:
        raise AnalysisError(f"`{output}` cannot be written: {(error.strerror or str(error)).lower()}") from error


def print_json(value: dict[str, Any] | list[Any]) -> None:
    """For programs."""
    from hone.records import to_json

    sys.stdout.flush()
    sys.stdout.buffer.write(to_json(value))  # UTF-8, whatever the terminal has
    sys.stdout.buffer.flush()


def counted(number: int, one: str, many: str) -> str:
    """`1 class`, `2 classes`."""
    return f"{number:,} {one if number == 1 else many}"
