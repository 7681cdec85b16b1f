"""What is trained on in examples, as the recipe's base model will meet them. Trains nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hone.errors import TrainingError
from hone.layout import Layout
from hone.records import Example, Record
from pipelines.facts import BASE_FILE, base_location, read_base
from pipelines.recipe import Recipe
from training.encoding import LeftOut, described, divide, encode, left_out_for, shown
from training.saving import load_tokenizer
from training.spans import Encoded

EVERY = 1000  # examples between two words of progress


class Mask(Record, frozen=True):
    """One example as it is trained on: text in pieces, each with whether it is learnt."""

    encoded: Encoded
    pieces: tuple[tuple[str, bool], ...]
    left_out: str  # why it is not trained on after all; empty where it is


@dataclass(frozen=True)
class Masks:
    """The base model's tokenizer, and how much it is given."""

    tokenizer: Any  # of Transformers
    max_tokens: int

    def of(self, example: Example) -> Mask:
        """Raises `TrainingError` where the base model lacks what the example needs."""
        encoded = encode(self.tokenizer, example)
        reason = left_out_for(example, encoded, self.max_tokens)
        if reason:
            reason += f" ({self.max_tokens})" if len(encoded.ids) > self.max_tokens else ""
        return Mask(encoded, tuple(shown(self.tokenizer, encoded)), reason)

    def counted(self, examples: Sequence[Example], progress: Callable[[str, int, int], None]) -> str:
        """How many of all examples are trained on, and why the others are not, in one line. Raises as `of` does."""
        trained = 0
        left_out: list[LeftOut] = []
        for start in range(0, len(examples), EVERY):
            selection = divide(self.tokenizer, examples[start : start + EVERY], self.max_tokens)
            trained += len(selection.encoded)
            left_out += selection.left_out
            progress("encoding", min(start + EVERY, len(examples)), len(examples))
        whole = f"{trained:,} of {len(examples):,} examples are trained on"
        return f"{whole}; left out: {described(left_out)}" if left_out else whole


def open_masks(layout: Layout, recipe: Recipe) -> Masks:
    """Loads the tokenizer of the recipe's base model. Raises `TrainingError` where that is not there."""
    name = recipe.base_model
    if name is None:
        if not (layout.base / BASE_FILE).is_file() or not (layout.base / "tokenizer.json").is_file():
            raise TrainingError("the base model's tokenizer is not there yet; run `hone train base`")
        name = read_base(layout).name
    return Masks(load_tokenizer(base_location(layout, name)), recipe.train.max_tokens)
