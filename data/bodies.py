"""Documented Python functions of a file → docstring → body examples.

The prompt is the imports and enclosing lines above a function, its signature and its docstring; the completion is its
body. Nothing is run, so the examples carry no tests.
"""

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from analysis.python import Function, Module, parse
from data.files import CodeFile, origin_of
from hone.config import Config
from hone.records import Example


class BodyConfig(Config):
    """Which functions make examples, and how much stands above them."""

    max_prompt_chars: int = Field(1500, ge=100)
    """Context is cut to fit this; a function whose own signature and docstring do not fit is left out."""
    max_completion_chars: int = Field(1500, ge=10)
    """A function with a longer body is left out; one that was cut short would teach to stop too early."""
    context_lines: int = Field(20, ge=0)
    """At most so many lines of imports and enclosing definitions above the function."""


def bodies(file: CodeFile, config: BodyConfig, left_out: Counter[str]) -> Iterator[Example]:
    """The examples of one file, in the order of its lines. Documented functions that give none are counted."""
    if file.language != "python":
        return
    module = parse(file.text)
    if module.fault:
        left_out[f"files: {module.fault.reason}"] += 1
    for function in module.functions:
        if not function.docstring:
            continue
        if reason := _unfit(function, config):
            left_out[f"functions: {reason}"] += 1
            continue
        context = _context(function, module, config.context_lines, config.max_prompt_chars - len(function.header))
        body = function.body
        yield Example(
            id=f"{file.source}/{file.path}:{function.first_line}",
            prompt=context + function.header,
            completion=body if body.endswith("\n") else f"{body}\n",
            entry_point=function.qualified_name,
            origin=origin_of(file, function.first_line, function.last_line),
        )


def _unfit(function: Function, config: BodyConfig) -> str:
    """Why a documented function makes no example; empty where it does."""
    if function.trivial:
        return "nothing in the body"
    if not function.header.endswith("\n"):
        return "docstring and body on one line"
    if len(function.header) > config.max_prompt_chars:
        return "signature and docstring longer than `max_prompt_chars`"
    return "body longer than `max_completion_chars`" if len(function.body) > config.max_completion_chars else ""


def _context(function: Function, module: Module, most_lines: int, most_chars: int) -> str:
    """Imports above the function, then the definitions around it: whole statements, the nearest kept first."""
    imports = [line.text.rstrip("\n") for line in module.imports if line.last_line < function.first_line]
    context = ""
    lines = 0
    for index, statement in reversed(list(enumerate([*imports, *function.enclosing]))):
        gap = "\n\n\n" if index == len(imports) - 1 else "\n"  # two empty lines between imports and code
        lines += statement.count("\n") + 1
        if lines > most_lines or len(statement) + len(gap) + len(context) > most_chars:
            break
        context = statement + gap + context
    return context
