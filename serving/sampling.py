"""How the next token is chosen, as the engine understands it. Pure: no model, no HTTP."""

import math
import random
from collections.abc import Sequence

from hone.records import Record


class Sampling(Record, frozen=True):
    """One request's wishes, all decided."""

    max_tokens: int  # at least 1, and within the context
    temperature: float  # 0: greedy
    top_p: float = 1.0  # 1: off
    top_k: int = 0  # 0: off
    seed: int | None = None  # the same seed gives the same answer
    stop: tuple[str, ...] = ()  # the answer ends before the first of these


def choose_token(logits: Sequence[float], sampling: Sampling, generator: random.Random) -> int:
    """Draws one token id: temperature, the `top_k` likeliest, then the nucleus of `top_p` (Holtzman et al. 2020)."""
    ranked = sorted(range(len(logits)), key=logits.__getitem__, reverse=True)
    if sampling.top_k:
        ranked = ranked[: sampling.top_k]
    highest = logits[ranked[0]]
    weights = [math.exp((logits[token] - highest) / sampling.temperature) for token in ranked]
    nucleus, mass, total = 0, 0.0, math.fsum(weights)
    while nucleus < len(weights) and mass < sampling.top_p * total:
        mass += weights[nucleus]
        nucleus += 1
    return generator.choices(ranked[:nucleus], weights[:nucleus])[0]
