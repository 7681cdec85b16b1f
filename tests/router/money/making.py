"""Keys and requests for tests, and waiting."""

import time
from collections.abc import Callable
from typing import Any

from router.kinds import Entry, Usage
from router.money.keys import Key

POLL_S = 0.02
DEADLINE_S = 30.0


def wait_for(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Polls until it holds, for a bounded time."""
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(POLL_S)


def key(name: str = "ci", **limits: Any) -> Key:
    """A key that is not stored."""
    return Key(id=f"key_{name}", name=name, **limits)


def entry(number: int = 0, **changed: Any) -> Entry:
    """A request as the ledger gets it."""
    values: dict[str, Any] = {
        "id": f"request-{number}", "at": 1_790_000_000.0 + number, "key": "key_ci", "door": "chat",
        "asked_model": "hone/auto", "route": "code-generation", "provider": "openai", "model": "gpt",
        "model_version": "", "generation": 0, "status": 200, "outcome": "ok", "attempts": 1,
        "usage": Usage(input_tokens=100, cached_tokens=20, output_tokens=50, reasoning_tokens=10),
        "cost_usd": 0.25, "first_token_s": 0.2, "seconds": 1.0,
    }  # fmt: skip
    return Entry(**{**values, **changed})
