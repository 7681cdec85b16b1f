"""The causal language-model loss with the head computed only where there is a label, and in chunks.

The stock trainers compute logits for every position, prompt and padding too, and keep them for the backward pass; with
a small model that is most of a step's time, with a large vocabulary most of its memory.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own convention
from transformers import PreTrainedModel

IGNORED = -100  # the label that a loss leaves out (PyTorch's convention)
CHUNK_ROWS = 512  # of logits at a time: with 4,096 tokens 8 MB, which stays in the cache


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Summed cross entropy of `hidden @ weight.T`, whose gradients are made with the logits, chunk by chunk.

    `hidden` is (rows, width), `weight` (vocabulary, width), `targets` (rows,). The idea is Liger Kernel's (Hsu et al.
    2024); here the products run in `dtype` and the softmax in fp32.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, dtype: torch.dtype
    ) -> torch.Tensor:
        rows, head = hidden.to(dtype), weight.to(dtype)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for_hidden = torch.empty_like(rows)
        for_weight = torch.zeros_like(weight, dtype=torch.float32) if weight.requires_grad else None
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk, wanted = rows[start : start + CHUNK_ROWS], targets[start : start + CHUNK_ROWS, None]
            log_probabilities = F.log_softmax((chunk @ head.T).float(), dim=-1)
            total -= log_probabilities.gather(1, wanted).sum()
            gradient = log_probabilities.exp_()
            gradient.scatter_add_(1, wanted, gradient.new_full(wanted.shape, -1.0))
            gradient = gradient.to(dtype)
            for_hidden[start : start + CHUNK_ROWS] = gradient @ head
            if for_weight is not None:
                for_weight += gradient.T @ chunk
        ctx.save_for_backward(for_hidden, for_weight)
        ctx.dtypes = hidden.dtype, weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        for_hidden, for_weight = ctx.saved_tensors
        of_hidden, of_weight = ctx.dtypes
        weight = (for_weight * scale).to(of_weight) if for_weight is not None else None
        return for_hidden.to(of_hidden) * scale, weight, None, None


def labelled_loss(
    model: PreTrainedModel, input_ids: torch.Tensor, labels: torch.Tensor, items: torch.Tensor | int | None
) -> torch.Tensor:
    """The summed cross entropy in nats divided by `items` (default: the labels of this batch).

    `input_ids` and `labels` are (batch, length), right-padded; `labels` are not shifted. The model must be one whose
    logits are its head applied to its last hidden state: `has_plain_head` tells.
    """
    hidden = model.get_decoder()(input_ids=input_ids, use_cache=False).last_hidden_state
    targets = labels[:, 1:]
    labelled = targets != IGNORED
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    total: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden[:, :-1][labelled], model.get_output_embeddings().weight, targets[labelled], dtype
    )
    return total / (items if items is not None else labelled.sum())


@torch.no_grad()
def has_plain_head(model: PreTrainedModel, input_ids: torch.Tensor) -> bool:
    """Whether the model's logits are its head's weight on its last hidden state (no bias, scaling or soft cap)."""
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear) or head.bias is not None:
        return False
    training = model.training
    model.eval()
    first = input_ids[:1]
    own = model(input_ids=first, use_cache=False).logits.float()
    ours = head(model.get_decoder()(input_ids=first, use_cache=False).last_hidden_state).float()
    model.train(training)
    return bool((own - ours).abs().max() <= 0.01 * own.abs().max())
