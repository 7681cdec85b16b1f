"""A closed-loop load client for one OpenAI-compatible address: N clients, each asks again when it was answered.

Counts every request that was not answered whole with 200, and says which model versions answered. Measures no
throughput limit: client and server share this machine.

    python -m bench.load http://127.0.0.1:8100 --clients 8 --requests 2000
"""

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

JsonObject = dict[str, object]
DURING_AFTER = 0.25  # the share of the requests after which `during` runs


@dataclass(frozen=True)
class LoadReport:
    """What a load saw. `switch_ms`: from the start of `during` to the first answer of another version than before."""

    requests: int
    failures: dict[str, int]  # reason → requests
    versions: dict[str, int]  # x-hone-model-version → whole answers
    seconds: float
    p50_ms: float
    p99_ms: float
    during_ms: float | None = None
    switch_ms: float | None = None

    @property
    def lost(self) -> int:
        """Requests that were not answered whole with 200."""
        return sum(self.failures.values())


@dataclass
class _Tally:
    """The load under way."""

    limit: int
    deadline: float
    during_due: bool  # `during` is not done yet
    awaits_switch: bool
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    started: int = 0
    last_version: str = ""
    during_started: float | None = None
    during_ended: float | None = None
    version_before: str = ""
    switched: float | None = None

    def more(self) -> bool:
        """Whether another request is due."""
        if time.perf_counter() > self.deadline or self.failures.total() >= self.limit:
            return False
        return self.started < self.limit or self.during_due or (self.awaits_switch and self.switched is None)

    def answered(self, version: str, seconds: float) -> None:
        self.seconds.append(seconds)
        self.versions[version] += 1
        self.last_version = version
        if self.during_started is not None and self.switched is None and version != self.version_before:
            self.switched = time.perf_counter()

    def report(self, seconds: float) -> LoadReport:
        cuts = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [0.0] * 99
        begun = self.during_started
        return LoadReport(
            requests=self.started,
            failures=dict(self.failures),
            versions=dict(self.versions),
            seconds=seconds,
            p50_ms=1000 * cuts[49],
            p99_ms=1000 * cuts[98],
            during_ms=1000 * (self.during_ended - begun) if begun and self.during_ended else None,
            switch_ms=1000 * (self.switched - begun) if begun and self.switched else None,
        )


def run_load(
    url: str,
    clients: int,
    requests: int,
    body: JsonObject,
    during: Callable[[], object] | None = None,
    *,
    path: str = "/v1/completions",
    awaits_switch: bool = False,
    limit_s: float = 300.0,
) -> LoadReport:
    """Sends `body` from `clients` closed loops until `requests` are answered.

    `during` runs once on the way, in a thread; the load goes on until it is done and, with `awaits_switch`, until
    another version answered. As many failures, or `limit_s`, end it in any case. An exception of `during` is raised.
    """
    tally = _Tally(requests, time.perf_counter() + limit_s, during_due=during is not None, awaits_switch=awaits_switch)
    return asyncio.run(_run(url + path, clients, body, during, tally))


async def _run(
    url: str, clients: int, body: JsonObject, during: Callable[[], object] | None, tally: _Tally
) -> LoadReport:
    started = time.perf_counter()
    timeout = aiohttp.ClientTimeout(total=tally.deadline - started)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        loops = [_client(session, url, body, tally) for _ in range(clients)]
        if during is not None:
            loops.append(_interrupt(during, tally))
        await asyncio.gather(*loops)
    return tally.report(time.perf_counter() - started)


async def _interrupt(during: Callable[[], object], tally: _Tally) -> None:
    """Runs `during` when the first share of the requests is through."""
    while len(tally.seconds) + tally.failures.total() < DURING_AFTER * tally.limit and tally.more():
        await asyncio.sleep(0.001)
    tally.version_before = tally.last_version
    tally.during_started = time.perf_counter()
    try:
        await asyncio.to_thread(during)
    finally:
        tally.during_ended = time.perf_counter()
        tally.during_due = False


async def _client(session: aiohttp.ClientSession, url: str, body: JsonObject, tally: _Tally) -> None:
    """One closed loop."""
    content = json.dumps(body).encode()
    while tally.more():
        tally.started += 1
        started = time.perf_counter()
        try:
            async with session.post(url, data=content, headers={"content-type": "application/json"}) as response:
                answer = await response.read()
                version = response.headers.get("x-hone-model-version", "")
                problem = _problem(response.status, answer, stream=bool(body.get("stream")))
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = type(error).__name__
        if problem:
            tally.failures[problem] += 1
        else:
            tally.answered(version, time.perf_counter() - started)


def _problem(status: int, answer: bytes, *, stream: bool) -> str:
    """Why this is not a whole answer; empty where it is one."""
    if status != 200:
        return f"status {status}"
    if stream:
        if b'"error"' in answer:
            return "error event"
        return "" if answer.rstrip().endswith(b"data: [DONE]") else "cut stream"
    try:
        choice = json.loads(answer)["choices"][0]
        text = choice["text"] if "text" in choice else choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return "wrong body"
    return "" if isinstance(text, str) else "wrong body"


def describe(report: LoadReport) -> str:
    """The report as lines for a person."""
    versions = ", ".join(f"{name or 'unnamed'} {count}" for name, count in report.versions.items())
    lines = [
        f"{report.requests} requests in {report.seconds:.1f} s, {report.lost} lost {report.failures or ''}".rstrip(),
        f"p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms; answered by {versions or 'nobody'}",
    ]
    if report.during_ms is not None:
        switch = f"{report.switch_ms:.0f} ms" if report.switch_ms is not None else "never"
        lines.append(f"command took {report.during_ms:.0f} ms; first answer of the other version after {switch}")
    return "\n".join(lines)


def main() -> None:
    """A plain load, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the router's address, without /v1")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument(
        "--body", type=json.loads, default={"model": "hone-code", "prompt": "def f():", "max_tokens": 16}
    )
    given = parser.parse_args()
    print(describe(run_load(given.url, given.clients, given.requests, given.body)))


if __name__ == "__main__":
    main()
