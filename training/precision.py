"""Which numbers matrix products run in: bfloat16 where the hardware multiplies it, else float32.

Without instructions for it a processor's library falls back to plain loops, a hundred times as slow as float32.
"""

from typing import Literal

import torch

from training.config import OptimizationConfig, Precision, Weights

NAMES: dict[torch.dtype, Literal["bf16", "fp32"]] = {torch.bfloat16: "bf16", torch.float32: "fp32"}
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # of x86-64 and of ARM


def products_of(config: OptimizationConfig) -> torch.dtype:
    """The type of a run's products on this machine's GPU, or else its processor."""
    return product_dtype(config.precision, config.weights)


def product_dtype(wanted: Precision, weights: Weights = "float32") -> torch.dtype:
    """The same by what a recipe says. Weights that are held in bfloat16 are not made twice as large for a product."""
    if wanted == "auto":
        return torch.bfloat16 if weights == "bfloat16" or multiplies_bfloat16() else torch.float32
    return torch.bfloat16 if wanted == "bf16" else torch.float32


def multiplies_bfloat16() -> bool:
    """Whether the hardware that trains has instructions for products in bfloat16."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in _INSTRUCTIONS)
