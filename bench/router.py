"""The router's figures: what it adds, takes and keeps, beside LiteLLM's proxy and Portkey's gateway.

    make bench-router

All sides stand before the same upstream written in C, each one worker on the same core; load and upstream have the
others. The router has everything on: a key with every limit, `hone/auto`, prices, ledger, metrics.
"""

import argparse
import array
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import gateways
from bench.gateways import ANSWER, HONE, LAST_EVENT, Cores, Gateway
from bench.report import Row, measured, show, unmeasured, write_report
from hone.errors import HoneError
from hone.files import locked
from hone.layout import Layout, find_layout

CLIENTS = 16
STREAMING = 4  # of these, while memory is watched
STARTS = 5
TURNS = 3  # of each side
GAP_US = 2000  # between the events of slow streams
GROWTH_FROM = 0.2  # of the minutes at full load: memory still settles before
PEERS = ((gateways.litellm, "LiteLLM", "≥ 50 ×"), (gateways.portkey, "Portkey", "≥ 4 ×"))


@dataclass(frozen=True)
class Load:
    """What a load client saw, and the gateway's CPU seconds meanwhile."""

    answered: int
    failed: int
    seconds: float
    problem: str
    cpu_s: float
    latencies_us: list[int]


@dataclass(frozen=True)
class Bench:
    """One run. `asked` is every load that the router was under; `elsewhere` that of another project's."""

    folder: Path
    cores: Cores
    slice_s: float  # of one side's turn
    minutes: float
    peers: Path | None
    starts: int = STARTS
    asked: list[Load] = field(default_factory=list)
    elsewhere: list[Load] = field(default_factory=list)

    @contextlib.contextmanager
    def asking(
        self, port: int, request: bytes, clients: int, seconds: float, expected: str = ANSWER
    ) -> Iterator[Callable[[], Load]]:
        """A load client at work; the call waits for its end."""
        name = self.folder / f"load-{time.monotonic_ns()}"
        name.write_bytes(request)
        asker = [str(self.folder / "asker"), str(port), str(clients), f"{seconds:g}", str(name), expected, f"{name}-us"]
        process = subprocess.Popen(["taskset", "-c", self.cores.load, *asker], stdout=subprocess.PIPE, text=True)

        def ended() -> Load:
            told = json.loads(process.communicate()[0])
            took = array.array("I", Path(f"{name}-us").read_bytes())
            return Load(**told, cpu_s=0.0, latencies_us=took.tolist())

        try:
            yield ended
        finally:
            process.kill()
            process.wait()
            name.unlink()
            Path(f"{name}-us").unlink(missing_ok=True)

    def ask(self, gateway: Gateway, *, clients: int = CLIENTS, stream: bool = False, seconds: float = 0.0) -> Load:
        """One turn of a gateway. Raises `HoneError` where it answers nothing."""
        before = gateway.service.cpu_s
        request, expected = gateway.request(stream=stream), LAST_EVENT if stream else ANSWER
        with self.asking(gateway.port, request, clients, seconds or self.slice_s, expected) as ended:
            load = ended()
        if not load.answered:
            raise HoneError(f"{gateway.name} answered nothing whole: {load.problem}")
        if gateway.name == HONE:
            self.asked.append(load)
        return replace(load, cpu_s=gateway.service.cpu_s - before)


def measure(layout: Layout, bench: Bench) -> Iterator[Row]:
    """Every row. What a peer does not let us measure says why."""
    gateways.build(bench.folder)
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    say(f"load average {load:.2f} on {cores} cores; gateways on core {bench.cores.gateway}, load on {bench.cores.load}")
    with gateways.upstream(bench.folder, bench.cores) as port:
        root = bench.folder / "project"
        token = gateways.write_project(root, layout.root / "configs", port)
        yield from cold_starts(bench, root, token)
        with gateways.hone(root, token, bench.cores) as router:
            yield from added(bench, router, port)
            yield from throughput(bench, router, port)
            yield measured(
                f"CPU per 50-chunk stream, {CLIENTS} clients", stream_ms(bench, router, "at once"), "ms", "≤ 0.6"
            )
            yield slow_streams(bench, layout)
            yield from memory(bench, router)
        yield from accounts(bench, root)
    yield measured(f"for comparison: the machine's load average before, on {cores} cores", load, "", "")


def cold_starts(bench: Bench, root: Path, token: str) -> Iterator[Row]:
    """From the start of `hone router serve` to the first 200 of /health/ready."""
    took: list[float] = []
    for _ in range(bench.starts):
        with gateways.hone(root, token, bench.cores) as router:
            took.append(router.ready_s)
    say("ready after " + ", ".join(f"{seconds:.2f} s" for seconds in took))
    yield measured(f"cold start to ready, median of {bench.starts}", statistics.median(took), "s", "≤ 1.5")


def added(bench: Bench, router: Gateway, port: int) -> Iterator[Row]:
    """One client, upstream and router in turns."""
    direct, through = array.array("I"), array.array("I")
    bench.ask(router, clients=1)  # warms it up
    for _ in range(TURNS):
        with bench.asking(port, router.request(), 1, bench.slice_s) as ended:
            direct.extend(ended().latencies_us)
        through.extend(bench.ask(router, clients=1).latencies_us)
    for percent, goal in ((50, "≤ 0.6"), (99, "≤ 3")):
        ours, theirs = percentile_ms(through, percent), percentile_ms(direct, percent)
        say(f"p{percent} {ours:.3f} ms through the router, {theirs:.3f} ms directly")
        yield measured(f"added p{percent} at 1 client, everything on", ours - theirs, "ms", goal)


def throughput(bench: Bench, router: Gateway, port: int) -> Iterator[Row]:
    """16 clients, all sides in turns."""
    missing: dict[str, str] = {}
    sides: list[Gateway] = [router]
    loads: dict[str, list[Load]] = {}
    with contextlib.ExitStack() as running:
        for peer, name, _ in PEERS:
            if bench.peers is None:
                missing[name] = "left out"
                continue
            say(f"starting {name}")
            try:
                gateway = running.enter_context(peer(bench.peers, bench.folder, port, bench.cores))
                bench.ask(gateway)  # warms it up
                sides.append(gateway)
            except HoneError as error:
                say(f"{name}: {error}\n{error.detail}".rstrip())
                missing[name] = str(error)
        for turn in range(TURNS):
            for side in sides:
                loads.setdefault(side.name, []).append(bench.ask(side))
            said = (f"{name} {a_second(of_side[-1]):,.0f}" for name, of_side in loads.items())
            say(f"requests per second, turn {turn + 1} of {TURNS}: " + ", ".join(said))
    yield from throughput_rows(loads, missing)
    with bench.asking(port, router.request(), CLIENTS, bench.slice_s) as ended:
        bare = a_second(ended())
    yield measured("for comparison: the same load on the upstream directly", bare, "requests/s", "")


def throughput_rows(loads: dict[str, list[Load]], missing: dict[str, str]) -> Iterator[Row]:
    """Medians of the turns; `missing` says why a peer has none."""
    ours = loads[HONE]
    speed, cpu_ms = statistics.median(map(a_second, ours)), statistics.median(map(cpu_ms_each, ours))
    name = f"requests per second on one core, {CLIENTS} clients"
    yield measured(name, speed, "requests/s", "≥ 4000")
    for _, peer, goal in PEERS:
        of_peer = next((side for side in loads if side.startswith(peer)), None)
        if of_peer is None:
            yield unmeasured(f"{name}, against {peer}", "requests/s", goal, missing[peer])
            continue
        theirs = loads[of_peer]
        failed = sum(load.failed for load in theirs)
        row = f"{name}, against {peer}" + (f" ({failed:,} of its answers were not whole)" if failed else "")
        peer_speed = statistics.median(map(a_second, theirs))
        yield measured(row, speed, "requests/s", goal, peer=of_peer, peer_value=peer_speed)
        peer_ms = statistics.median(map(cpu_ms_each, theirs))
        yield measured(f"for comparison: CPU per request, {peer}'s", cpu_ms, "ms", "", peer=of_peer, peer_value=peer_ms)
    yield measured(f"CPU per request, {CLIENTS} clients", cpu_ms, "ms", "≤ 0.25")
    share = sum(load.cpu_s for load in ours) / sum(load.seconds for load in ours)
    yield measured("for comparison: the router's share of its core meanwhile", share, "", "")


def stream_ms(bench: Bench, router: Gateway, manner: str) -> float:
    """CPU of one stream of 50 chunks, median of the turns."""
    bench.ask(router, stream=True)  # warms it up
    each = [cpu_ms_each(bench.ask(router, stream=True)) for _ in range(TURNS)]
    say(f"CPU per stream, its events {manner}: " + ", ".join(f"{ms:.3f} ms" for ms in each))
    return statistics.median(each)


def slow_streams(bench: Bench, layout: Layout) -> Row:
    """The same before an upstream that sends event by event: each is read and passed on by itself."""
    root, own = bench.folder / "slow", replace(bench, asked=bench.elsewhere)
    manner = f"{GAP_US // 1000} ms apart"
    with gateways.upstream(bench.folder, bench.cores, gap_us=GAP_US) as port:
        token = gateways.write_project(root, layout.root / "configs", port)
        with gateways.hone(root, token, bench.cores) as router:
            taken_ms = stream_ms(own, router, manner)
    return measured(f"for comparison: the same with events {manner}, each passed on alone", taken_ms, "ms", "")


def memory(bench: Bench, router: Gateway) -> Iterator[Row]:
    """Resident memory while 12 clients ask and 4 more stream, without a pause."""
    seconds = 60 * bench.minutes
    say(f"{bench.minutes:g} min at full load")
    seen: list[tuple[float, float]] = []  # seconds, MB
    with (
        bench.asking(router.port, router.request(), CLIENTS - STREAMING, seconds) as ended,
        bench.asking(router.port, router.request(stream=True), STREAMING, seconds, LAST_EVENT) as streams_ended,
    ):
        started, told = time.monotonic(), 0
        while (now := time.monotonic() - started) < seconds:
            seen.append((now, router.service.memory_mb))
            if now // 60 > told:
                told = int(now // 60)
                say(f"{told} min: {seen[-1][1]:.1f} MB")
            time.sleep(min(0.5, seconds / 20))
        bench.asked.extend((ended(), streams_ended()))
    seen.append((seconds, router.service.memory_mb))
    yield from memory_rows(seen, bench.minutes)


def memory_rows(seen: list[tuple[float, float]], minutes: float) -> Iterator[Row]:
    """`seen` holds seconds and MB, of at least one moment after the first fifth."""
    settled = [mb for at, mb in seen if at >= GROWTH_FROM * 60 * minutes]
    yield measured(f"memory after {minutes:g} min at full load", seen[-1][1], "MB", "≤ 120")
    span = f"{minutes * (1 - GROWTH_FROM):g} min"
    yield measured(f"its growth in the last {span}", seen[-1][1] - settled[0], "MB", "≤ 3")


def accounts(bench: Bench, root: Path) -> Iterator[Row]:
    """What the router failed, and whether all that it was asked stands in its ledger after its end."""
    with contextlib.closing(sqlite3.connect(root / "artifacts" / "router" / "router.db")) as database:
        written: int = database.execute("SELECT count(*) FROM requests").fetchone()[0]
    yield from accounts_rows(bench.asked, bench.elsewhere, written - bench.starts - 1)  # each start is tried


def accounts_rows(asked: list[Load], elsewhere: list[Load], written: int) -> Iterator[Row]:
    """`written` is the ledger's count of `asked`."""
    total, more = (sum(load.answered + load.failed for load in loads) for loads in (asked, elsewhere))
    bad = [load for load in (*asked, *elsewhere) if load.failed]
    name = "requests that the router did not answer whole" + (f" ({bad[0].problem})" if bad else "")
    yield measured(name, sum(load.failed for load in bad), f"of {total + more:,}", "≤ 0")
    yield measured("requests that are not in the ledger after SIGTERM", total - written, f"of {total:,}", "≤ 0")


def percentile_ms(latencies_us: "array.array[int]", percent: int) -> float:
    """Of latencies in microseconds."""
    return statistics.quantiles(latencies_us, n=100)[percent - 1] / 1000


def a_second(load: Load) -> float:
    """Whole answers a second."""
    return load.answered / load.seconds


def cpu_ms_each(load: Load) -> float:
    """The gateway's CPU for one whole answer."""
    return 1000 * load.cpu_s / load.answered


def say(line: str) -> None:
    print(f"· {line}", flush=True)


def main() -> int:
    """Measures, shows, writes artifacts/bench/router.json; exit code 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="at full load, for memory (default: 10)")
    parser.add_argument("--seconds", type=float, default=5.0, help=argparse.SUPPRESS)  # of one turn, for tests
    parser.add_argument("--starts", type=int, default=STARTS, help=argparse.SUPPRESS)
    parser.add_argument("--without-peers", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as Ctrl-C: what was started is ended
    try:
        layout = find_layout()
        peers = None if given.without_peers else layout.bench / "peers-router"
        with (
            locked(layout.bench / ".lock-router", what="`make bench-router`"),
            tempfile.TemporaryDirectory(prefix="router-", dir=layout.bench) as folder,
        ):
            bench = Bench(Path(folder), Cores.of_this_machine(), given.seconds, given.minutes, peers, given.starts)
            rows = list(measure(layout, bench))
        write_report(layout, "router", rows)
    except HoneError as error:
        print(f"bench: {error}\n{error.detail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; what it started is stopped, nothing is written", file=sys.stderr)
        return 130
    show(f"The router, beside LiteLLM {gateways.LITELLM} and Portkey's gateway {gateways.PORTKEY}", rows)
    unmet = [row for row in rows if not row.met]
    print(f"{len(rows) - len(unmet)} of {len(rows)} met; the rows are in {layout.bench / 'router.json'}")
    return 1 if unmet else 0


if __name__ == "__main__":
    sys.exit(main())
