"""The master key: a token that may do everything, from the environment or a file, refused where it is weak."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from hone.errors import ConfigError
from router.money.keys import PREFIX

VARIABLE = "HONE_ROUTER_MASTER_KEY"
LEAST_CHARACTERS = 32
LEAST_BITS = 80  # by its characters' frequencies; 32 random hex digits come to 90 and more
WORDS = (
    "password", "passwort", "secret", "master", "admin", "change", "example", "default", "router", "token", "qwerty",
    "letmein", "welcome", "test", "hone", "1234", "abcd",
)  # fmt: skip
WAY_OUT = "make one with `openssl rand -hex 32`"


def read_master_key(environment: Mapping[str, str]) -> str:
    """`HONE_ROUTER_MASTER_KEY`, or the content of the file that `HONE_ROUTER_MASTER_KEY_FILE` names; empty: none.

    Raises `ConfigError` in one line where it is weak or cannot be read. The key itself is never shown.
    """
    token, path = environment.get(VARIABLE, ""), environment.get(f"{VARIABLE}_FILE", "")
    if not token and path:
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"`{path}`, which `{VARIABLE}_FILE` names, cannot be read: {error}") from error
        if not token:
            raise ConfigError(f"`{path}`, which `{VARIABLE}_FILE` names, is empty; {WAY_OUT}")
    if token and (weak := weakness(token)):
        raise ConfigError(f"the router's master key (`{VARIABLE}`) is weak: {weak}; {WAY_OUT}")
    return token


def weakness(token: str) -> str:
    """Why a token can be guessed; empty where nothing says so."""
    return next(_weaknesses(token), "")


def _weaknesses(token: str) -> Iterator[str]:
    own = token.removeprefix(PREFIX)
    if not (token.isascii() and token.isprintable()) or " " in token:
        yield "it holds characters that no header can carry"
    if len(own) < LEAST_CHARACTERS:
        yield f"it has {len(own)} characters, and {LEAST_CHARACTERS} are the least"
    words = [word for word in WORDS if word in own.lower()]
    if words and len(re.sub("|".join(WORDS), "", own.lower())) <= len(own) * 3 / 4:
        yield f"it is made of known words (`{words[0]}`)"
    if own in (own + own)[1:-1]:
        yield "it repeats itself"
    steps = [abs(ord(later) - ord(first)) for first, later in pairwise(own)]
    if sum(step <= 1 for step in steps) * 2 > len(steps):
        yield "its characters follow each other in order"
    if (bits := _bits(own)) < LEAST_BITS:
        yield f"its characters hold about {bits:.0f} bits, and {LEAST_BITS} are the least"


def _bits(token: str) -> float:
    """Shannon's entropy of its characters, times their number (Shannon 1948); an upper bound of what it holds."""
    counts = Counter(token).values()
    return -sum(count * math.log2(count / len(token)) for count in counts)
