"""Shards on a Ray cluster: files are read here, worked on by whichever node is free, and written here as shards.

Nodes need Hone, and neither the sources nor the cache. What a lost node had is given to another one.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from data.build import SHARD_S, Run, apart, code_digest
from data.reading import ReadFile, Unread
from data.shards import Row
from data.sources import FileSource
from data.work import Rows, Rules, Work, finish, known, rows_of, unknown
from hone.cluster import connect
from hone.errors import DataError

AHEAD = 2  # shards on their way for each CPU of the cluster, so that none waits for the next
RETRIES = 3  # of a shard whose node was lost

Files = list[tuple[bytes, ReadFile | Unread]]  # each with the key of its entry


@contextmanager
def on_cluster(rules: Rules, address: str = "") -> Iterator[Run]:
    """Joins the cluster at `address` (as in `hone.cluster.connect`) for as long as shards are run.

    Raises `ClusterUnavailable` where there is none, `DataError` where a node cannot do the work.
    """
    connect(address)
    import ray

    try:
        yield _runner(rules)
    finally:
        ray.shutdown()


def _runner(rules: Rules) -> Run:
    import ray

    remote = ray.remote(_on_node).options(num_cpus=1, max_retries=RETRIES)
    shared = ray.put((rules, code_digest()))  # once for each node, and not with every shard

    def run(works: Iterable[Work]) -> Iterator[tuple[Work, str]]:
        waiting: deque[tuple[Work, Rows, Any]] = deque()
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        for work in works:
            rows = known(work)
            waiting.append((work, rows, remote.remote(list(unknown(work, rows, rules.config)), work.source, shared)))
            if len(waiting) == most:
                yield _finished(*waiting.popleft(), rules)
        while waiting:
            yield _finished(*waiting.popleft(), rules)

    return run


def _on_node(files: Files, source: FileSource, shared: tuple[Rules, str]) -> list[Row] | str:
    """The rows of some files; or why there are none. Runs on a node."""
    rules, code = shared
    if code_digest() != code:
        return "it has another version of Hone"
    return rows_of(files, source, rules)


def _finished(work: Work, rows: Rows, call: Any, rules: Rules) -> tuple[Work, str]:
    """Waits for a shard and writes it. One that hangs or crashes its worker is taken apart on this machine."""
    import ray

    try:
        found = ray.get(call, timeout=SHARD_S * AHEAD)
    except (ray.exceptions.GetTimeoutError, ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        ray.cancel(call, force=True)
        return work, apart(work, rules)
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise DataError(
            f"a node of the Ray cluster cannot curate files of source `{work.tree.name}`: {lines[-1]}",
            detail=str(error),
        ) from error
    if isinstance(found, str):
        raise DataError(
            f"a node of the Ray cluster cannot take part: {found}; run `ray start` there with this very one"
        )
    return work, finish(work, rows, found)
