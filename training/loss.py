"""The causal language-model loss with the head computed only where there is a label.

The stock trainers compute logits for every position, prompt and padding too, which is most of a small model's step.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own convention
from transformers import PreTrainedModel

from training.encoding import IGNORED


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
    logits = model.get_output_embeddings()(hidden[:, :-1][labelled])
    total = F.cross_entropy(logits.float(), targets[labelled], reduction="sum")
    return total / (items if items is not None else labelled.sum())


@torch.no_grad()
def has_plain_head(model: PreTrainedModel, input_ids: torch.Tensor, labels: torch.Tensor) -> bool:
    """Whether `labelled_loss` equals the model's own loss on this batch (not so with logit scaling or soft caps)."""
    if not isinstance(model.get_output_embeddings(), nn.Module):
        return False
    training = model.training
    model.eval()
    own = model(input_ids=input_ids, labels=labels, use_cache=False).loss
    ours = labelled_loss(model, input_ids, labels, None)
    model.train(training)
    return bool(torch.isclose(own.float(), ours.float(), rtol=1e-2, atol=1e-3))
