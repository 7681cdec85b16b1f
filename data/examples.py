"""One file → the examples of every task that the recipe asks for."""

from collections import Counter
from collections.abc import Iterator

from data.bodies import BodyConfig, bodies
from data.files import CodeFile
from hone.config import Config
from hone.records import Example


class TaskConfig(Config):
    """What is made of a file. `null` leaves a task out."""

    docstring_to_body: BodyConfig | None = BodyConfig()
    """A function's signature and docstring, and its body to be written."""


def examples_of(file: CodeFile, config: TaskConfig, left_out: Counter[str]) -> Iterator[Example]:
    """The examples of one file, task by task. What makes none is counted in `left_out`, with the reason."""
    if config.docstring_to_body:
        yield from bodies(file, config.docstring_to_body, left_out)
