"""Documented functions of a file → the documentation, asked for behind the code without it."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import Field

from data.files import CodeFile, origin_of, parsed, parsed_python
from data.tasks.chance import is_taken
from hone.config import Config
from hone.records import Example

TO_DOCSTRING = "body-to-docstring"
HASHES = frozenset(["bash", "elixir", "julia", "perl", "python", "r", "ruby"])  # where a comment begins with `#`


class DocstringConfig(Config):
    """Which functions make examples."""

    share: float = Field(1.0, gt=0, le=1)
    """The part of the functions that is taken, by a hash of each."""
    max_prompt_chars: int = Field(1500, ge=100)
    """A longer function is left out."""
    max_completion_chars: int = Field(800, ge=10)
    """A function with more documentation is left out."""


class _Documented(NamedTuple):
    name: str
    docstring: str
    first_line: int
    last_line: int


def docstrings(file: CodeFile, config: DocstringConfig, left_out: Counter[str]) -> Iterator[Example]:
    """The examples of one file. What is too long is counted."""
    for code, function in _documented_code(file):
        if not is_taken(config.share, TO_DOCSTRING, file.path, function.name):
            continue
        question, answer = _about(function.name, function.docstring, file.language)
        prompt = f"{code.rstrip()}\n\n{question}"
        if len(prompt) > config.max_prompt_chars or len(answer) > config.max_completion_chars:
            left_out["functions: too long to be documented"] += 1
            continue
        yield Example(
            id=f"{file.source}/{file.path}:{function.first_line}#docstring",
            prompt=prompt,
            completion=answer,
            entry_point=function.name,
            origin=origin_of(file, function.first_line, function.last_line),
            task=TO_DOCSTRING,
        )


def _documented_code(file: CodeFile) -> Iterator[tuple[str, _Documented]]:
    """Documented functions, each as code without the documentation."""
    if file.language == "python":
        for function in parsed_python(file.text).functions:
            simple = '"""' not in function.docstring and "\\" not in function.docstring  # what needs no escapes
            if function.docstring and simple and not function.trivial and function.header.endswith("\n"):
                code = textwrap.dedent(f"{function.indentation}{function.signature}\n{function.body}")
                place = (function.first_line, function.last_line)
                yield code, _Documented(function.qualified_name, function.docstring, *place)
        return
    module = parsed(file.text, file.language)
    for found in module.syntax.functions:
        if found.docstring:
            code = module.text(found.place.start, found.place.end)
            place = (found.place.first_line, found.place.last_line)
            yield code, _Documented(found.qualified_name, found.docstring, *place)


def _about(name: str, docstring: str, language: str) -> tuple[str, str]:
    """How the documentation is asked for behind the code, and how it then stands there."""
    if language == "python":
        return f'# The docstring of `{name}`:\n"""', f'{docstring.strip()}"""\n'
    mark = "#" if language in HASHES else "//"
    lines = [f"{mark} {line}".rstrip() for line in docstring.split("\n")]
    return f"{mark} What `{name}` does:\n", "\n".join(lines) + "\n"
