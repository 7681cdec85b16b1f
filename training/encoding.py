"""Examples → token ids, and batches of like lengths. Right padding needs no mask under causal attention."""

import random
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedTokenizerBase

from hone.errors import TrainingError
from hone.records import Example, Record

IGNORED = -100  # the label that a loss leaves out (PyTorch's convention)
MARK = "☺"  # the one that Code Llama's own tokenizer.py uses


class Encoded(Record, frozen=True):
    """One example as token ids; the first `prompt_tokens` are given, the rest is trained on."""

    ids: tuple[int, ...]
    prompt_tokens: int


def encode(tokenizer: PreTrainedTokenizerBase, example: Example) -> Encoded:
    """Prompt and completion are tokenised apart, as they meet at generation; the end-of-text token closes both."""
    prompt = tokenizer(example.prompt, add_special_tokens=True)["input_ids"]
    completion = continued_ids(tokenizer, example.completion)
    return Encoded(ids=(*prompt, *completion, tokenizer.eos_token_id), prompt_tokens=len(prompt))


def continued_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The ids of a text that stands after another.

    SentencePiece's tokenizers (Llama, Code Llama, Mistral) put a space before every text, which here would be learnt:
    a mark that no token joins with what follows takes that space, and is taken off.
    """

    def ids(of: str) -> list[int]:
        return list(tokenizer(of, add_special_tokens=False)["input_ids"])

    if not str(tokenizer.convert_ids_to_tokens(ids("x"))[0]).startswith("▁"):
        return ids(text)
    return ids(MARK + text)[len(ids(MARK)) :]


def encode_all(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], max_tokens: int
) -> tuple[list[Encoded], int]:
    """Encodes those of at most `max_tokens`; returns them with the number left out.

    Raises `TrainingError` where none is left to train on.
    """
    encoded = [encode(tokenizer, example) for example in examples]
    kept = [
        one
        for one, example in zip(encoded, examples, strict=True)
        if len(one.ids) <= max_tokens and example.completion.strip()
    ]
    if not kept:
        raise TrainingError(
            f"none of the {len(examples)} training examples has a label to train on within `max_tokens: {max_tokens}`; "
            "raise `max_tokens`, or look at them with `hone data show`"
        )
    return kept, len(encoded) - len(kept)


def collate(examples: Sequence[Encoded], padding_id: int) -> dict[str, torch.Tensor]:
    """`input_ids` and `labels`, both (batch, longest); prompt and padding are ignored in the labels."""
    longest = max(len(example.ids) for example in examples)
    input_ids = torch.full((len(examples), longest), padding_id, dtype=torch.long)
    labels = torch.full((len(examples), longest), IGNORED, dtype=torch.long)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.ids)
        input_ids[row, : len(ids)] = ids
        labels[row, example.prompt_tokens : len(ids)] = ids[example.prompt_tokens :]
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
