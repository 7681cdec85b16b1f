"""Gaps in files (Bavarian et al. 2022): anywhere, of whole lines, or of a node of the syntax tree.

The three parts together are the file, or a stretch of it, character for character. A node is found from a place that is
drawn, so that long ones come more often, as in structure-aware infilling (Gong et al. 2025).
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator

from pydantic import Field, model_validator

from data.files import CodeFile, origin_of, parsed
from data.tasks.chance import dice, is_taken
from data.tasks.places import head, line_of, line_starts, offsets, tail, whole
from hone.config import Config
from hone.records import Example

FILL = "fill"
TRIES = 8  # to find one gap

Span = tuple[int, int]  # characters, end excluded
Cut = Callable[[random.Random], Span]


class Levels(Config):
    """How often each kind of gap is cut, as weights."""

    character: float = Field(1.0, ge=0)
    """Anywhere, in the middle of words too: what an editor asks for while somebody types."""
    line: float = Field(1.0, ge=0)
    """Some whole lines."""
    node: float = Field(2.0, ge=0)
    """A node of the syntax tree: an expression, a statement, a block."""

    @model_validator(mode="after")
    def _cuts_something(self) -> "Levels":
        if self.character + self.line + self.node == 0:
            raise ValueError("one of `character`, `line` and `node` must be more than 0")
        return self


class FillConfig(Config):
    """A file with a gap → what stands in the gap (Bavarian et al. 2022)."""

    most_per_file: int = Field(4, ge=1)
    characters_per_gap: int = Field(2000, ge=100)
    """A file gets a gap for so many characters, until it has `most_per_file`."""
    levels: Levels = Levels()
    suffix_first_share: float = Field(0.5, ge=0, le=1)
    """The share with the suffix before the prefix (SPM), by hash. 0 for a base model that never saw it so."""
    min_middle_chars: int = Field(8, ge=1)
    """Of the gap, spaces at its ends not counted."""
    max_middle_chars: int = Field(400, ge=1)
    max_prefix_chars: int = Field(1000, ge=1)
    """What stands further before the gap is left out, whole lines at a time."""
    max_suffix_chars: int = Field(500, ge=0)

    @model_validator(mode="after")
    def _has_a_middle(self) -> "FillConfig":
        if self.min_middle_chars > self.max_middle_chars:
            raise ValueError("`min_middle_chars` is more than `max_middle_chars`")
        return self


def gaps(file: CodeFile, config: FillConfig) -> Iterator[Example]:
    """The gaps of one file, each in a stretch of it within the limits."""
    text = file.text
    levels = {name: weight for name, weight in config.levels.model_dump().items() if weight}
    cuts: dict[str, Cut] = {
        "character": _characters(text, config),
        "line": _lines(text, config),
        "node": _nodes(file, config),
    }
    seen: set[Span] = set()
    for number in range(min(config.most_per_file, -(-len(text) // config.characters_per_gap))):
        rng = dice(FILL, file.path, file.digest, str(number))
        (level,) = rng.choices(list(levels), list(levels.values()))
        start, end = _gap(text, cuts[level], config, rng)
        if start == end or (start, end) in seen:
            continue
        seen.add((start, end))
        yield Example(
            id=f"{file.source}/{file.path}:{line_of(text, start)}#{FILL}-{number}",
            prompt=tail(text[:start], config.max_prefix_chars),
            completion=text[start:end],
            entry_point="",
            origin=origin_of(file, line_of(text, start), line_of(text, end - 1)),
            task=FILL,
            suffix=head(text[end:], config.max_suffix_chars),
            suffix_first=is_taken(config.suffix_first_share, "suffix first", file.path, file.digest, str(number)),
        )


def _gap(text: str, cut: Cut, config: FillConfig, rng: random.Random) -> Span:
    """A gap within the limits; an empty one where none is found in some tries."""
    for _ in range(TRIES):
        start, end = cut(rng)
        start, end = whole(text, start), whole(text, end)
        if end - start <= config.max_middle_chars and len(text[start:end].strip()) >= config.min_middle_chars:
            return start, end
    return 0, 0


def _characters(text: str, config: FillConfig) -> Cut:
    def cut(rng: random.Random) -> Span:
        start = rng.randrange(len(text))
        return start, min(len(text), start + rng.randint(config.min_middle_chars, config.max_middle_chars))

    return cut


def _lines(text: str, config: FillConfig) -> Cut:
    starts = line_starts(text)

    def cut(rng: random.Random) -> Span:
        first = rng.randrange(len(starts))
        within = bisect_right(starts, starts[first] + config.max_middle_chars) - 1  # the last beginning that still fits
        after = rng.randint(min(first + 1, within), within) if within > first else first + 1
        return starts[first], starts[after] if after < len(starts) else len(text)

    return cut


def _nodes(file: CodeFile, config: FillConfig) -> Cut:
    def cut(rng: random.Random) -> Span:
        module = parsed(file.text, file.language)
        places = offsets(file.text, module.source)
        found = module.nodes_at(rng.randrange(len(module.source)))
        fitting = [
            span for span in found if config.min_middle_chars <= span[1] - span[0] <= 4 * config.max_middle_chars
        ]  # in bytes, of which a character has four at most
        if not fitting:
            return 0, 0
        start, end = rng.choice(fitting)
        return places(start), places(end)

    return cut
