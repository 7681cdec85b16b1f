"""How makers of examples choose: by hashes of what they choose from, so that nothing moves as other things come."""

import hashlib
import random


def is_taken(share: float, *what: str) -> bool:
    """Whether something belongs to a share: decided by the hash of what it is, alone."""
    return share >= 1 or int.from_bytes(hashlib.sha256("\0".join(what).encode()).digest()[:8], "big") < share * 2**64


def dice(*what: str) -> random.Random:
    """Choices that are the same for the same thing."""
    return random.Random("\0".join(what))  # noqa: S311 - data, not secrets
