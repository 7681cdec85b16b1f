"""Held-out loss of a local causal language model on what it must say alone. What is given is never counted."""

from collections.abc import Sequence

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from evaluation.generation import Counted, Precision, autocast

Encoded = tuple[Sequence[int], Sequence[tuple[int, int]]]  # token ids, and which of them count: places, ends excluded
TokenLoss = tuple[float, int]  # loss sum in nats, tokens that count


def completion_loss(
    model: PreTrainedModel, encoded: Sequence[Encoded], *, batch_size: int, precision: Precision, progress: Counted
) -> list[TokenLoss]:
    """The loss of each example, in their order. The logits are computed from the first token that counts on only.

    Batches are padded on the right, where causal attention needs no mask: exactly as in training.
    """
    order = sorted(range(len(encoded)), key=lambda index: -len(encoded[index][0]))  # too little memory shows at once
    losses: list[TokenLoss] = [(0.0, 0)] * len(encoded)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        with torch.inference_mode(), autocast(model, precision):
            found = _batch_loss(model, [encoded[index] for index in chosen])
        for index, loss in zip(chosen, found, strict=True):
            losses[index] = loss
        progress(start + len(chosen), len(order))
    return losses


def _batch_loss(model: PreTrainedModel, batch: Sequence[Encoded]) -> list[TokenLoss]:
    width = max(len(ids) for ids, _ in batch)
    input_ids = torch.zeros(len(batch), width, dtype=torch.long)
    counted = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (ids, spans) in enumerate(batch):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        for start, end in spans:
            counted[row, max(1, start) : end] = True  # nothing predicts the very first token
    first = max(1, min((start for _, spans in batch for start, _ in spans), default=width - 1))
    input_ids, wanted = input_ids.to(model.device), counted[:, first:].to(model.device)
    logits = model(input_ids=input_ids, use_cache=False, logits_to_keep=width - first + 1).logits[:, :-1]
    each = functional.cross_entropy(logits[wanted].float(), input_ids[:, first:][wanted], reduction="none")
    sums = (
        torch.zeros(wanted.shape, dtype=torch.float64, device=model.device).masked_scatter(wanted, each.double()).sum(1)
    )
    return list(zip(sums.tolist(), wanted.sum(1).tolist(), strict=True))
