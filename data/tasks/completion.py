"""Files cut at the beginning of a statement in a function; what follows up to the function's end is the completion."""

from collections.abc import Iterator

from pydantic import Field

from analysis import Module
from analysis.syntax import Function
from data.files import CodeFile, origin_of, parsed
from data.tasks.chance import dice, is_taken
from data.tasks.places import line_of, offsets, tail
from hone.config import Config
from hone.records import Example

COMPLETION = "completion"


class CompletionConfig(Config):
    """Which functions make examples, and how much stands before the cut."""

    share: float = Field(1.0, gt=0, le=1)
    """The part of the functions that is taken, by a hash of each."""
    most_per_file: int = Field(4, ge=1)
    max_prompt_chars: int = Field(1500, ge=1)
    """What stands further before the cut is left out, whole lines at a time."""
    max_completion_chars: int = Field(800, ge=1)
    """A function is cut no further before its end."""


def completions(file: CodeFile, config: CompletionConfig) -> Iterator[Example]:
    """At most one of each function, in the order of the file."""
    module = parsed(file.text, file.language)
    places = offsets(file.text, module.source)
    made = 0
    for function in module.syntax.functions:
        if made == config.most_per_file:
            return
        if not is_taken(config.share, COMPLETION, file.path, function.qualified_name):
            continue
        end = places(function.place.end)
        cuts = [cut for cut in map(places, _statements(module, function)) if end - cut < config.max_completion_chars]
        if not cuts:
            continue
        cut = dice(COMPLETION, file.path, file.digest, function.qualified_name).choice(cuts)
        line = line_of(file.text, cut)
        made += 1
        yield Example(
            id=f"{file.source}/{file.path}:{line}#{COMPLETION}",
            prompt=tail(file.text[:cut], config.max_prompt_chars),
            completion=f"{file.text[cut:end]}\n",
            entry_point=function.qualified_name,
            origin=origin_of(file, line, function.place.last_line),
            task=COMPLETION,
        )


def _statements(module: Module, function: Function) -> Iterator[int]:
    """Beginnings of lines in a function's body, but for its first one, at which a node begins that fills the line."""
    body = module.source[function.body.start : function.body.end]
    at = body.find(b"\n")
    while at >= 0:
        after = body.find(b"\n", at + 1)
        line = body[at + 1 : after if after >= 0 else len(body)]
        word = function.body.start + at + 1 + len(line) - len(line.lstrip())
        last = function.body.start + at + 1 + len(line.rstrip())
        if last > word and any(start == word and end >= last for start, end in module.nodes_at(word)):
            yield function.body.start + at + 1
        at = after
