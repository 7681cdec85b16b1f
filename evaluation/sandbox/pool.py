"""Several candidates at a time, each by a thread that waits for it."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from evaluation.sandbox.interface import Candidate, OnDone, Outcome

LOOK_S = 0.02  # between two looks at what is done: a thread that woke for each outcome would cost as much as a fork


def run_each(
    candidates: Sequence[Candidate], run_one: Callable[[Candidate], Outcome], workers: int, on_done: OnDone
) -> list[Outcome]:
    """The outcomes in the order of the candidates; what is waiting is dropped where one raises."""
    waiting = deque(enumerate(candidates))
    outcomes: dict[int, Outcome] = {}
    fresh: deque[Outcome] = deque()

    def work() -> None:
        while waiting:
            try:
                place, candidate = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            outcomes[place] = outcome = run_one(candidate)
            fresh.append(outcome)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
    try:
        pending = {pool.submit(work) for _ in range(min(workers, len(candidates)))}
        while pending:
            ended, pending = wait(pending, LOOK_S, FIRST_EXCEPTION)
            while fresh:
                on_done(fresh.popleft())
            for future in ended:
                future.result()
        return [outcomes[place] for place in range(len(candidates))]
    finally:
        waiting.clear()
        pool.shutdown()
