"""Prompts are given, completions are learnt, padding counts for nothing."""

import statistics
from pathlib import Path

import msgspec
import pytest

from hone.errors import TrainingError
from hone.records import Example, Origin
from tests.serving.tiny import spaced_tokenizer
from training.encoding import bucketed_batches, collate, described, encode, select, shown
from training.loss import IGNORED
from training.saving import load_tokenizer


def test_the_labels_are_the_completion_and_the_end_and_nothing_else(base: Path, examples: list[Example]) -> None:
    tokenizer = load_tokenizer(str(base))
    batch = collate([encode(tokenizer, example) for example in examples[:4]], tokenizer.eos_token_id)
    for row, example in enumerate(examples[:4]):
        learnt = [token for token in batch["labels"][row].tolist() if token != IGNORED]
        assert tokenizer.decode(learnt) == example.completion + tokenizer.eos_token


def test_prompt_and_completion_come_back_byte_for_byte(base: Path, examples: list[Example]) -> None:
    tokenizer = load_tokenizer(str(base))
    for example in examples:
        encoded = encode(tokenizer, example)
        assert tokenizer.decode(encoded.ids[:-1]) == example.prompt + example.completion


def test_a_completion_gets_no_space_from_a_tokenizer_that_begins_every_text_with_one() -> None:
    example = Example("one", "def f():\n", "    return 1\n", "f", Origin("test"))
    tokenizer = spaced_tokenizer()
    encoded = encode(tokenizer, example)
    assert tokenizer.decode(encoded.ids[:-1], skip_special_tokens=True) == "def f():\n    return 1\n"


def test_what_is_left_out_is_told_with_its_reason(base: Path, examples: list[Example]) -> None:
    long = msgspec.structs.replace(examples[0], id="long", completion=examples[0].completion * 50)
    blank = msgspec.structs.replace(examples[0], id="blank", completion=" \n")
    selection = select(load_tokenizer(str(base)), [*examples[:3], long, blank], 256)
    assert [(one.id, one.reason) for one in selection.left_out] == [
        ("long", "longer than `max_tokens`"),
        ("blank", "nothing to train on"),
    ]
    assert (
        described(selection.left_out)
        == "1 longer than `max_tokens` (first: `long`); 1 nothing to train on (first: `blank`)"
    )
    assert list(selection.measures.values()) == [3, 1, 1]


def test_a_dataset_with_nothing_to_train_on_is_refused(base: Path, examples: list[Example]) -> None:
    empty = [msgspec.structs.replace(example, completion="") for example in examples]
    with pytest.raises(TrainingError, match="none of the 48 training examples has a label to train on"):
        select(load_tokenizer(str(base)), empty, 128)


def test_what_is_shown_is_the_whole_text_with_what_is_trained_on(base: Path, examples: list[Example]) -> None:
    tokenizer = load_tokenizer(str(base))
    prompt, completion = examples[0].prompt, examples[0].completion
    pieces = shown(tokenizer, encode(tokenizer, examples[0]))
    assert pieces == [(prompt, False), (completion + tokenizer.eos_token, True)]


@pytest.mark.parametrize(("groups", "padding"), [(1, 1.05), (2, 1.3), (4, 1.6)])
def test_an_epoch_has_every_example_once_in_batches_of_few_lengths(groups: int, padding: float) -> None:
    lengths = [10 + index * 7 % 40 for index in range(400)]
    batches = list(bucketed_batches(lengths, 8, groups, seed=1, epoch=0))
    assert sorted(index for batch in batches for index in batch) == list(range(400))
    padded = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    assert padded < padding * sum(lengths)


def test_a_batch_of_several_groups_does_not_lean_to_one_length() -> None:
    lengths = [10 + index * 7 % 40 for index in range(400)]
    of_one, of_two = (
        [statistics.mean(lengths[index] for index in batch) for batch in bucketed_batches(lengths, 8, groups, 1, 0)]
        for groups in (1, 2)
    )
    assert statistics.stdev(of_two) < 0.85 * statistics.stdev(of_one)


def test_the_order_follows_seed_and_epoch_alone() -> None:
    lengths = list(range(64))
    assert list(bucketed_batches(lengths, 8, 2, 1, 0)) == list(bucketed_batches(lengths, 8, 2, 1, 0))
    assert list(bucketed_batches(lengths, 8, 2, 1, 0)) != list(bucketed_batches(lengths, 8, 2, 1, 1))
