"""Runs two attempts at one request against each other (`router.hedge`): the second starts where the first is slow."""

import asyncio
import copy
from collections.abc import Awaitable, Callable

from router.call import Call
from router.hedge import Race
from router.retry import Failure

Try = Callable[[Call], Awaitable[Failure | None]]
Prepare = Callable[[Call], Awaitable[Try | None]]


async def run_race(call: Call, first: Try, prepare: Prepare, slow_after_s: float) -> tuple[Failure | None, bool]:
    """Tries `first`, and what `prepare` gives for a copy of the call too if nothing has come in time.

    Returns as one attempt does (None: the client has its answer; `call` then tells the winner's story), and whether
    there was a second.
    """
    lead = asyncio.ensure_future(_run(first, call))
    tasks = [lead]
    twin: Call | None = None
    try:
        await asyncio.wait(tasks, timeout=slow_after_s)
        if not lead.done():
            twin = copy.copy(call)
            second = await prepare(twin)
            if second is not None and not lead.done():
                call.race = twin.race = Race()
                tasks.append(asyncio.ensure_future(_run(second, twin)))
                for task in tasks:
                    call.race.enter(task)
        pending = set(tasks)
        while pending and not any(_answered(task) for task in tasks):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if twin is not None and len(tasks) > 1:
            _merge(call, twin, twin_won=call.race is not None and call.race.winner is tasks[1])
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    if any(_answered(task) for task in tasks):
        return None, len(tasks) > 1
    failures = [task.result() for task in tasks if not task.cancelled()]
    return (failures[-1] if failures else call.failure or Failure("was left")), len(tasks) > 1


async def _run(attempt: Try, call: Call) -> Failure | None:
    return await attempt(call)


def _answered(task: "asyncio.Future[Failure | None]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None and task.result() is None


def _merge(call: Call, twin: Call, *, twin_won: bool) -> None:
    """One story of two."""
    attempts = call.attempts + twin.attempts
    if twin_won:
        for field in Call.__struct_fields__:
            setattr(call, field, getattr(twin, field))
    call.attempts = attempts
    call.reservation = call.reservation or twin.reservation
    call.race = None
