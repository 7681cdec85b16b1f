"""Muon on weight matrices, AdamW on the rest, as one optimizer that a trainer can step, save and load."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

MOMENTUM = 0.95
SCHULZ_STEPS = 5
SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's quintic: steep at 0, so that five steps bring all values near 1
RMS_OF_ADAMW = 0.2  # of an update's entries (Liu et al. 2025, section 2.2)
SMALLEST = 1e-7  # norm that is divided by


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made nearly orthogonal before each step (Jordan et al. 2024, with Nesterov).

    The library's own (`torch.optim.Muon`, the same to rounding) has its products in bfloat16 alone, which a processor
    without instructions for it does not do in any bearable time; these run in `products`.
    """

    def __init__(
        self, matrices: Sequence[nn.Parameter], *, learning_rate: float, weight_decay: float, products: torch.dtype
    ) -> None:
        self._products = products
        super().__init__(matrices, {"lr": learning_rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every matrix that has a gradient."""
        loss = closure() if closure else None
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix.grad)
                momentum = state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonal(matrix.grad.lerp(momentum, MOMENTUM), self._products)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * RMS_OF_ADAMW * max(matrix.shape) ** 0.5)
        return loss


def orthogonal(matrix: torch.Tensor, products: torch.dtype) -> torch.Tensor:
    """A matrix (rows, columns) with its singular values brought near 1 by Newton and Schulz's iteration."""
    upright = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if upright else matrix).to(products)
    x = x / x.norm().clamp(min=SMALLEST)
    first, third, fifth = SCHULZ
    for _ in range(SCHULZ_STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), x, beta=first)
    return x.T if upright else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimizers over disjoint parameters of one model.

    Muon takes the hidden matrices; embeddings, norms and biases go to AdamW. One learning rate serves both.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        learning_rate: float,
        beta2: float,
        weight_decay: float,
        products: torch.dtype = torch.float32,
    ) -> None:
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
            Muon(matrices, learning_rate=learning_rate, weight_decay=weight_decay, products=products),
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
