"""The evaluation section of a recipe. Every default has its reason beside it."""

from typing import Literal

from pydantic import Field

from evaluation.sandbox import Engine, Limits
from hone.config import Config


class EvaluationConfig(Config):
    """How an adapter is measured against its base model."""

    suite: Literal["execution", "loss"]
    """execution: completions are run against unit inputs in the sandbox. loss: held-out loss per token, for code that
    cannot be run by itself."""
    tasks: int = Field(500, ge=0)
    """Held-out examples to measure, evenly spaced over all; 0 takes all. With 400, the 95 % interval of a pass rate is
    at most 0.1 wide."""
    batch_size: int = Field(100, ge=1)
    """Examples at a time. More is faster until memory is full; the results do not depend on it."""
    max_new_tokens: int = Field(96, ge=1)
    """Tokens of a completion at most. A base model that never ends costs them all, for each task."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: matrix products in bfloat16 by autocast. Pays for large models; near ties may fall otherwise."""
    bootstrap_resamples: int = Field(10_000, ge=100)
    """Of the loss suite. Fewer make the interval's ends noisier; ten thousand take a second for a thousand files."""
    seed: int = 0
    """Of the bootstrap. Generation is greedy and needs none."""
    engine: Engine = "local"
    """Where completions run. ray: on every node of the cluster that the environment variable `RAY_ADDRESS` names, or
    else of the one that this machine is a node of."""
    limits: Limits = Limits()
    """What one candidate may use in the sandbox."""
