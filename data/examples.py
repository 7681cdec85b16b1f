"""One file → the examples of every task that the recipe asks for."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from data.files import CodeFile
from data.tasks.bodies import TO_BODY, BodyConfig, bodies
from data.tasks.completion import CompletionConfig, completions
from data.tasks.docstrings import TO_DOCSTRING, DocstringConfig, docstrings
from data.tasks.fill import FillConfig, gaps
from data.tasks.history import HistoryConfig
from data.tasks.plans import PlanConfig
from data.tasks.tool_calls import ToolCallConfig, tool_calls
from hone.config import Config
from hone.records import Example

LeftOut = defaultdict[str, Counter[str]]  # task → reason → how many functions or files made no example of it


class TaskConfig(Config):
    """What is made of a file. `null` leaves a task out; `{}` takes it as by default."""

    docstring_to_body: BodyConfig | None = BodyConfig()
    """A function's signature and docstring, and its body to be written."""
    body_to_docstring: DocstringConfig | None = None
    """A function without its docstring, and the docstring to be written."""
    completion: CompletionConfig | None = None
    """A file up to the middle of a function, and the rest of that to be written."""
    fill: FillConfig | None = None
    """A file with a gap, and what stands in it to be written."""
    tool_calls: ToolCallConfig | None = None
    """A request and tools, and the right call to be made."""
    plans: PlanConfig | None = None
    """Files that import each other, and the order to change them in to be said. Made of whole repositories."""
    history: HistoryConfig | None = None
    """Past commits, and their messages, fixes and reviews to be written. Made of whole repositories."""


def examples_of(file: CodeFile, config: TaskConfig, left_out: LeftOut) -> Iterator[Example]:
    """The examples of one file, task by task. What makes none is counted in `left_out`, with the reason."""
    if config.docstring_to_body:
        yield from bodies(file, config.docstring_to_body, left_out[TO_BODY])
    if config.body_to_docstring:
        yield from docstrings(file, config.body_to_docstring, left_out[TO_DOCSTRING])
    if config.completion:
        yield from completions(file, config.completion)
    if config.fill:
        yield from gaps(file, config.fill)
    if config.tool_calls:
        yield from tool_calls(file, config.tool_calls)
