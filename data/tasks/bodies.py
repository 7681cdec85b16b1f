"""Documented functions of a file → docstring → body examples.

Of Python, the prompt is the imports and enclosing lines above a function, its signature and its docstring; of other
languages, the file's own lines above the body. The completion is the body. Nothing is run: there are no tests.
"""

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from analysis.python import Function, Module
from data.files import CodeFile, origin_of, parsed, parsed_python
from data.tasks.chance import is_taken
from data.tasks.places import offsets, tail
from hone.config import Config
from hone.records import Example

TO_BODY = "docstring-to-body"


class BodyConfig(Config):
    """Which functions make examples, and how much stands above them."""

    share: float = Field(1.0, gt=0, le=1)
    """The part of the functions that is taken, by a hash of each: it stays the same part as others come and go."""
    max_prompt_chars: int = Field(1500, ge=100)
    """Context is cut to fit this; a function whose own signature and docstring do not fit is left out."""
    max_completion_chars: int = Field(1500, ge=10)
    """A function with a longer body is left out; one that was cut short would teach to stop too early."""
    context_lines: int = Field(20, ge=0)
    """At most so many lines of imports and enclosing definitions above the function."""


def bodies(file: CodeFile, config: BodyConfig, left_out: Counter[str]) -> Iterator[Example]:
    """The examples of one file, in the order of its lines. Documented functions that give none are counted."""
    yield from _of_python(file, config, left_out) if file.language == "python" else _of_others(file, config, left_out)


def _of_python(file: CodeFile, config: BodyConfig, left_out: Counter[str]) -> Iterator[Example]:
    if not any(function.docstring for function in parsed(file.text, file.language).syntax.functions):
        return  # the other parser costs more
    module = parsed_python(file.text)
    if module.fault:
        left_out[f"files: {module.fault.reason}"] += 1
    for function in module.functions:
        if not function.docstring or not is_taken(config.share, TO_BODY, file.path, function.qualified_name):
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


def _of_others(file: CodeFile, config: BodyConfig, left_out: Counter[str]) -> Iterator[Example]:
    module = parsed(file.text, file.language)
    places = offsets(file.text, module.source)
    for function in module.syntax.functions:
        if not function.docstring or not is_taken(config.share, TO_BODY, file.path, function.qualified_name):
            continue
        own, start, end = (places(byte) for byte in (function.place.start, function.body.start, function.body.end))
        start += file.text[start:end].startswith("{")  # the brace tells that the body begins
        body = file.text[start:end]
        if start <= own or not body.strip("{}; \t\n"):
            continue
        if reason := _too_long(start - own + len(function.docstring), len(body), config):
            left_out[f"functions: {reason}"] += 1
            continue
        lines = file.text.count("\n", own, start) + function.docstring.count("\n") + 3  # the comment's own marks too
        yield Example(
            id=f"{file.source}/{file.path}:{function.place.first_line}",
            prompt=tail(file.text[:start], config.max_prompt_chars, lines + config.context_lines).lstrip("\n"),
            completion=f"{body}\n",
            entry_point=function.qualified_name,
            origin=origin_of(file, function.place.first_line, function.place.last_line),
        )


def _unfit(function: Function, config: BodyConfig) -> str:
    """Why a documented function makes no example; empty where it does."""
    if function.trivial:
        return "nothing in the body"
    if not function.header.endswith("\n"):
        return "docstring and body on one line"
    return _too_long(len(function.header), len(function.body), config)


def _too_long(header_chars: int, body_chars: int, config: BodyConfig) -> str:
    if header_chars > config.max_prompt_chars:
        return "signature and docstring longer than `max_prompt_chars`"
    return "body longer than `max_completion_chars`" if body_chars > config.max_completion_chars else ""


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
