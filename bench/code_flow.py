"""The figures of Python's control and data flow: speed on the whole standard library, one core, in CPU seconds.

    python -m bench.code_flow

From source to every chain of definition and use of every function, what reaches each block and what is live there.
"""

import time
from collections.abc import Iterator

from analysis import parse
from bench.measuring import LIBRARY, library
from bench.report import Row, finish, measured

RUNS = 3  # the fastest counts
STAGES = ("parse", "scopes and references", "control flow", "data flow")
SLOWEST_MB_S = 1.5


def measure() -> Iterator[Row]:
    """Every row."""
    paths = library()
    without_tests = [path for path in paths if {"test", "tests"}.isdisjoint(path.relative_to(LIBRARY).parts)]
    for name, chosen in (("whole library", paths), ("library without its tests", without_tests)):
        sources = [path.read_bytes() for path in chosen]
        megabytes = sum(map(len, sources)) / 1e6
        seconds, chains = min((stages(sources) for _ in range(RUNS)), key=lambda taken: sum(taken[0]))
        yield measured(
            f"parse, scopes, control and data flow, {name}", megabytes / sum(seconds), "MB/s", f"≥ {SLOWEST_MB_S}"
        )
        for stage, taken in zip(STAGES, seconds, strict=True):
            yield measured(f"  {stage}", 1000 * taken / megabytes, "ms/MB", "")
        yield measured("  chains of definition and use", chains, "", "")


def stages(sources: list[bytes]) -> tuple[list[float], int]:
    """CPU seconds of each stage, and the number of chains."""
    seconds, chains = [0.0] * len(STAGES), 0
    for source in sources:
        at = [time.process_time()]
        module = parse(source, "python")
        at.append(time.process_time())
        _ = module.occurrences
        at.append(time.process_time())
        _ = module.flows
        at.append(time.process_time())
        for flow in module.dataflows:
            chains += sum(1 for _ in flow.chains())
            flow.reaching(flow.graph.exit)
            flow.live(flow.graph.entry)
        at.append(time.process_time())
        for stage in range(len(STAGES)):
            seconds[stage] += at[stage + 1] - at[stage]
    return seconds, chains


if __name__ == "__main__":
    finish("Python's control and data flow", measure())
