"""Examples → token ids with what is trained on in them, and batches of like lengths.

Right padding needs no mask under causal attention. Nothing is ever cut: what is too long is left out, and told.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedTokenizerBase

from hone.errors import TrainingError
from hone.records import Example, Record
from training.continuing import continued_ids, continued_text
from training.conversations import encode_conversation
from training.gaps import encode_gap, format_of
from training.loss import IGNORED
from training.spans import Encoded

TOO_LONG, NOTHING = "longer than `max_tokens`", "nothing to train on"  # why examples are left out


class LeftOut(Record, frozen=True):
    """An example that is not trained on, and why."""

    id: str
    task: str
    reason: str
    tokens: int


class Selection(Record, frozen=True):
    """What is trained on, in the order of the examples, and what is left out."""

    encoded: tuple[Encoded, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def measures(self) -> dict[str, float]:
        """The counts by their metrics' names."""
        reasons = Counter(one.reason for one in self.left_out)
        return {
            "examples_trained_on": len(self.encoded),
            "examples_too_long": reasons[TOO_LONG],
            "examples_with_nothing_to_train_on": reasons[NOTHING],
        }


def described(left_out: Sequence[LeftOut]) -> str:
    """Counts by reason, and the first that each met."""
    reasons = Counter(one.reason for one in left_out)
    first = {reason: next(one.id for one in left_out if one.reason == reason) for reason in reasons}
    return "; ".join(f"{count} {reason} (first: `{first[reason]}`)" for reason, count in sorted(reasons.items()))


def encode(tokenizer: PreTrainedTokenizerBase, example: Example) -> Encoded:
    """The example as the model will meet it when it is served: given parts, and what it must say, tokenised apart.

    Raises `TrainingError` where the base model lacks what the example needs: sentinels, or a chat template.
    """
    if example.turns:
        return encode_conversation(tokenizer, example)
    if example.task == "fill":
        return encode_gap(tokenizer, example, format_of(tokenizer, example.suffix_first))
    prompt = tokenizer(example.prompt, add_special_tokens=True)["input_ids"]
    completion = continued_ids(tokenizer, example.completion)
    ids = (*prompt, *completion, tokenizer.eos_token_id)
    return Encoded(ids, ((len(prompt), len(ids)),))


def divide(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], max_tokens: int) -> Selection:
    """Encodes the examples, without those of more than `max_tokens` and those with nothing to train on.

    Raises `TrainingError` where the base model lacks what they need.
    """
    encoded, left_out = [], []
    for example in examples:
        one = encode(tokenizer, example)
        if reason := left_out_for(example, one, max_tokens):
            left_out.append(LeftOut(example.id, example.task, reason, len(one.ids)))
        else:
            encoded.append(one)
    return Selection(tuple(encoded), tuple(left_out))


def select(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], max_tokens: int) -> Selection:
    """As `divide`. Raises `TrainingError` where nothing is left to train on, too."""
    selection = divide(tokenizer, examples, max_tokens)
    if not selection.encoded:
        raise TrainingError(
            f"none of the {len(examples)} training examples has a label to train on within `max_tokens: {max_tokens}`; "
            "raise `max_tokens`, or look at them with `hone data show --mask`"
        )
    return selection


def left_out_for(example: Example, encoded: Encoded, max_tokens: int) -> str:
    """Why an example is not trained on; empty where it is."""
    says = any(turn.role == "assistant" and (turn.content.strip() or turn.calls) for turn in example.turns)
    if not encoded.trained or not (says or example.completion.strip()):
        return NOTHING
    return TOO_LONG if len(encoded.ids) > max_tokens else ""


def shown(tokenizer: PreTrainedTokenizerBase, encoded: Encoded) -> list[tuple[str, bool]]:
    """The text that the ids stand for, special tokens spelled out, in pieces: each with whether it is trained on."""
    pieces, at = [], 0
    for start, end in (*encoded.trained, (len(encoded.ids), len(encoded.ids))):
        for first, last, trained in ((at, start, False), (start, end, True)):
            if last > first:
                pieces.append((continued_text(tokenizer, encoded.ids[first:last]), trained))
        at = end
    return pieces


def collate(examples: Sequence[Encoded], padding_id: int) -> dict[str, torch.Tensor]:
    """`input_ids` and `labels`, both (batch, longest); what is given and padding are ignored in the labels."""
    longest = max(len(example.ids) for example in examples)
    input_ids = torch.full((len(examples), longest), padding_id, dtype=torch.long)
    labels = torch.full((len(examples), longest), IGNORED, dtype=torch.long)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.ids)
        input_ids[row, : len(ids)] = ids
        for start, end in example.trained:
            labels[row, start:end] = ids[start:end]
    return {"input_ids": input_ids, "labels": labels}


def bucketed_batches(
    lengths: Sequence[int], batch_size: int, groups: int, seed: int, epoch: int
) -> Iterator[list[int]]:
    """Indices in batches of `groups` groups of like lengths, shuffled anew each epoch; the same for the same arguments.

    Shuffles, sorts windows of fifty batches by length, cuts them into groups, shuffles these and joins them: little
    padding, and yet no step sees one length alone. Every example comes once an epoch.
    """
    rng = random.Random(f"{seed}/{epoch}")  # noqa: S311 - an order, not a secret
    order = list(range(len(lengths)))
    rng.shuffle(order)
    window, size = 50 * batch_size, max(1, batch_size // groups)
    batches = []
    for start in range(0, len(order), window):
        part = sorted(order[start : start + window], key=lambda index: lengths[index])
        cut = [part[at : at + size] for at in range(0, len(part), size)]
        rng.shuffle(cut)
        shuffled = [index for group in cut for index in group]
        batches += [shuffled[at : at + batch_size] for at in range(0, len(shuffled), batch_size)]
    rng.shuffle(batches)
    yield from batches
