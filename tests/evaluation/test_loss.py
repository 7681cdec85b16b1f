"""Completion loss against the loss that the model itself computes from labels."""

import pytest
import torch

from evaluation.loss import completion_loss

TEXTS = [
    ("def f(x):\n", "    return x\n"),
    ("x", "=1"),
    ("", "print(1)"),
    ("a longer prompt than the others", "\n"),
    ("b", ""),
]


@pytest.fixture
def encoded(tokenizer):
    pairs = [(tokenizer(prompt)["input_ids"], tokenizer(completion)["input_ids"]) for prompt, completion in TEXTS]
    wholes = [([*prompt, *completion, tokenizer.eos_token_id], len(prompt)) for prompt, completion in pairs]
    return [(ids, ((start, len(ids)),)) for ids, start in wholes]


def measure(model, encoded, batch_size):
    return completion_loss(model, encoded, batch_size=batch_size, precision="fp32", progress=lambda done, total: None)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_each_loss_is_the_sum_over_its_completion_tokens_alone(llama, encoded, batch_size):
    for (loss, tokens), (ids, ((prompt_tokens, _),)) in zip(measure(llama, encoded, batch_size), encoded, strict=True):
        labels = torch.tensor([ids])
        labels[:, :prompt_tokens] = -100
        with torch.no_grad():
            mean = llama(input_ids=torch.tensor([ids]), labels=labels).loss.item()
        assert tokens == len(ids) - max(1, prompt_tokens)
        assert loss == pytest.approx(mean * tokens, rel=1e-4)


def test_progress_ends_at_all_of_them(llama, encoded):
    seen: list[tuple[int, int]] = []
    completion_loss(
        llama, encoded, batch_size=2, precision="fp32", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_what_stands_between_two_answers_is_not_counted(llama, encoded):
    ids = encoded[3][0]
    spans = ((2, 4), (7, len(ids)))
    labels = torch.full((1, len(ids)), -100)
    for start, end in spans:
        labels[0, start:end] = torch.tensor(ids[start:end])
    with torch.no_grad():
        mean = llama(input_ids=torch.tensor([ids]), labels=labels).loss.item()
    ((loss, tokens), _) = measure(llama, [(ids, spans), encoded[0]], 2)
    assert tokens == len(ids) - 5
    assert loss == pytest.approx(mean * tokens, rel=1e-4)
