"""An admitted request → its answer, whole or as a stream of server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from serving.doors import COMPLETIONS, Door, Wording
from serving.engine import Engine, Piece
from serving.exchange import Exchange
from serving.metrics import Metrics
from serving.protocol import Usage
from serving.sampling import Sampling


@dataclass(frozen=True)
class Admitted:
    """A request with everything decided."""

    door: Door
    wording: Wording
    prompt: list[int]
    sampling: Sampling
    include_usage: bool  # in a stream


async def answer_whole(exchange: Exchange, admitted: Admitted, engine: Engine, metrics: Metrics) -> None:
    """Generates to the end, then answers."""
    text, last = "", Piece("", 0)
    async with aclosing(_pieces(exchange, admitted, engine, metrics)) as pieces:
        async for last in pieces:
            text += last.text
    whole = admitted.wording.whole(text, last.finish, _usage(admitted, last))
    await exchange.answer(msgspec.json.encode(whole))


async def answer_stream(exchange: Exchange, admitted: Admitted, engine: Engine, metrics: Metrics) -> None:
    """Sends each piece as it comes; begins with the first, so that a failure before it has its own status."""
    wording, last = admitted.wording, Piece("", 0)
    async with aclosing(_pieces(exchange, admitted, engine, metrics)) as pieces:
        async for last in pieces:
            if not exchange.status:
                await exchange.start_events()
                for opening in wording.opening():
                    await exchange.event(msgspec.json.encode(opening))
            await exchange.event(msgspec.json.encode(wording.chunk(last.text, last.finish or None)))
    if admitted.include_usage:
        await exchange.event(msgspec.json.encode(wording.counted(_usage(admitted, last))))
    await exchange.end_events()


async def _pieces(
    exchange: Exchange, admitted: Admitted, engine: Engine, metrics: Metrics
) -> AsyncGenerator[Piece, None]:
    """The engine's pieces, measured; what was generated for a client that left counts too."""
    piece, first = None, True
    metrics.prompt_tokens.inc(len(admitted.prompt))
    try:
        goes_on = admitted.door is COMPLETIONS
        async with aclosing(engine.generate(admitted.prompt, admitted.sampling, goes_on=goes_on)) as pieces:
            async for piece in pieces:
                if first:
                    metrics.first_token_s.labels(admitted.door.name).observe(exchange.age_s)
                    first = False
                yield piece
    finally:
        metrics.completion_tokens.inc(piece.tokens if piece else 0)


def _usage(admitted: Admitted, last: Piece) -> Usage:
    prompt = len(admitted.prompt)
    return Usage(prompt, last.tokens, prompt + last.tokens)
