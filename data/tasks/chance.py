"""How data is chosen: by hashes of what is chosen from, so that nothing moves as other things come."""

import hashlib
import random


def is_taken(share: float, *what: str) -> bool:
    """Whether something belongs to a share: decided by the hash of what it is, alone."""
    digest = hashlib.sha256("\0".join(what).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def dice(*what: str) -> random.Random:
    """Choices that are the same for the same thing."""
    return random.Random("\0".join(what))  # noqa: S311 - data, not secrets
