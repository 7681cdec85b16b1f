"""Counts a request's tokens exactly, with a model's own tokenizer: for what the estimate finds too long for it.

Our own deployments count for themselves and say when a request is too long: the router then goes on to the next place.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from hone.errors import ConfigError
from router.choose import Tables
from router.kinds import Asked, Door
from router.wires import Tokenizer, read_request

KEPT = 32  # requests whose count is remembered: one is weighed for several places, and again after each failure


def with_counters(tables: Tables) -> Tables:
    """The tables with the tokenizers that they name. Raises `ConfigError` for a file that is none."""
    counters = {name: _counter(open_tokenizer(name, path)) for name, path in tables.tokenizers.items()}
    return replace(tables, counters=counters) if counters else tables


def open_tokenizer(name: str, path: Path) -> Tokenizer:
    """A `tokenizer.json`. Raises `ConfigError`."""
    at = f"`tokenizers.{name}` of configs/catalog.yaml"
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError(f"{at} needs the package `tokenizers`: install it, or leave the entry out") from error
    if not path.is_file():
        raise ConfigError(f"{at}: there is no file `{path}`")
    try:
        return cast(Tokenizer, tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # the package raises nothing more exact
        raise ConfigError(f"{at}: `{path}` is no tokenizer.json: {' '.join(str(error).split())[:200]}") from error


def _counter(tokenizer: Tokenizer) -> Callable[[Asked], int]:
    @lru_cache(KEPT)
    def count(door: Door, body: bytes, model: str, stream: bool) -> int:
        return read_request(door, body, tokenizer, model=model, stream=stream).input_tokens

    return lambda asked: count(asked.door, asked.body, asked.model, asked.stream)
