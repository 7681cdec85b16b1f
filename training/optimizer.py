"""Muon on weight matrices, AdamW on the rest, as one optimizer that a trainer can step, save and load."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimizers over disjoint parameters of one model.

    Muon (Jordan et al. 2024) orthogonalises the momentum of each hidden matrix; `match_rms_adamw` (Liu et al. 2025)
    scales its update so that one learning rate serves both. Embeddings, norms and biases go to AdamW.
    """

    def __init__(self, model: nn.Module, *, learning_rate: float, beta2: float, weight_decay: float) -> None:
        embeddings = {
            id(parameter)
            for module in model.modules()
            if isinstance(module, nn.Embedding)
            for parameter in module.parameters()
        }
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in trained if parameter.ndim == 2 and id(parameter) not in embeddings]
        chosen = {id(parameter) for parameter in matrices}
        rest = [parameter for parameter in trained if id(parameter) not in chosen]
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=learning_rate, betas=(0.9, beta2), weight_decay=weight_decay, fused=True),
        )
        super().__init__(trained, {"lr": learning_rate})
        self._share_groups()

    def _share_groups(self) -> None:
        """A scheduler sets learning rates through `param_groups`: the parts' own."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Steps both parts."""
        loss = closure() if closure else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Both parts' states."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores both parts."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()
