"""The router's counters: plain numbers while it answers, Prometheus' text form only when somebody asks.

Several workers each write theirs beside the others' every second; whoever is asked adds them up.
"""

import bisect
import os
import resource
import time
from pathlib import Path

import msgspec

from hone.files import write_atomic
from router.kinds import Entry

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
STALE_S = 10.0  # numbers of a worker that wrote none for so long belong to a former process and stay as they are


class Series(msgspec.Struct):
    """One histogram."""

    buckets: list[int]
    sum: float = 0.0
    count: int = 0


class Numbers(msgspec.Struct):
    """One worker's counters since its start. Keys are labels, joined by a tab."""

    requests: dict[str, int] = {}  # path, status
    answers: dict[str, int] = {}  # provider, model, outcome
    tokens: dict[str, int] = {}  # provider, model, kind
    usd: dict[str, float] = {}  # provider, model
    seconds: dict[str, Series] = {}  # path
    first_token: dict[str, Series] = {}  # path
    in_flight: int = 0
    retries: int = 0
    gone: int = 0
    cut: int = 0
    cached: int = 0
    hedged: int = 0
    ledger_waiting: int = 0
    ledger_lost: int = 0
    cpu_s: float = 0.0
    memory_bytes: int = 0


class Metrics:
    """One worker's numbers, and the sum of all."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where several workers leave their numbers; None: there is one."""
        self.numbers = Numbers()
        self._folder = folder

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Counts one answer, the router's own refusals too."""
        numbers = self.numbers
        label = f"{path}\t{status}"
        numbers.requests[label] = numbers.requests.get(label, 0) + 1
        _observe(numbers.seconds, path, seconds)

    def served(self, path: str, entry: Entry) -> None:
        """Counts what came of one request for a model."""
        numbers = self.numbers
        place = f"{entry.provider}\t{entry.model}"
        label = f"{place}\t{entry.outcome}"
        numbers.answers[label] = numbers.answers.get(label, 0) + 1
        if entry.attempts > 1:
            numbers.retries += entry.attempts - 1
        if entry.outcome == "gone":
            numbers.gone += 1
        elif entry.outcome == "cut":
            numbers.cut += 1
        for kind, count in (("input", entry.usage.input_tokens), ("output", entry.usage.output_tokens)):
            if count:
                label = f"{place}\t{kind}"
                numbers.tokens[label] = numbers.tokens.get(label, 0) + count
        if entry.cost_usd:
            numbers.usd[place] = numbers.usd.get(place, 0.0) + entry.cost_usd
        if entry.first_token_s:
            _observe(numbers.first_token, path, entry.first_token_s)

    def write(self) -> None:
        """Leaves the numbers for the other workers."""
        if self._folder is not None:
            self._measure()
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._folder / f"{os.getpid()}.json", msgspec.json.encode(self.numbers))

    def remove(self) -> None:
        """The worker ends."""
        if self._folder is not None:
            (self._folder / f"{os.getpid()}.json").unlink(missing_ok=True)

    def text(self, *, generation: int, breakers: dict[tuple[str, str], str], stale_config: bool) -> bytes:
        """All of them, as Prometheus reads them."""
        self._measure()
        total = Numbers()
        for numbers in self._all():
            _add(total, numbers)
        lines = _lines(total)
        lines += _told("hone_router_generation", "gauge", "The endpoint's generation; 0: none")
        lines.append(f"hone_router_generation {generation}")
        lines += _told("hone_router_config_stale", "gauge", "Whether a changed file in configs/ was refused")
        lines.append(f"hone_router_config_stale {int(stale_config)}")
        lines += _told("hone_router_breaker_open", "gauge", "Places that are not asked now")
        lines += [f'hone_router_breaker_open{{provider="{_esc(p)}",model="{_esc(m)}"}} 1' for p, m in breakers]
        lines.append("")
        return "\n".join(lines).encode()

    def _measure(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.numbers.cpu_s = used.ru_utime + used.ru_stime
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.numbers.memory_bytes = pages * resource.getpagesize()
        except (OSError, IndexError, ValueError):
            self.numbers.memory_bytes = used.ru_maxrss * 1024

    def _all(self) -> list[Numbers]:
        found = [self.numbers]
        if self._folder is None or not self._folder.is_dir():
            return found
        for path in self._folder.glob("*.json"):
            if path.stem != str(os.getpid()):
                try:
                    other = msgspec.json.decode(path.read_bytes(), type=Numbers)
                    if time.time() - path.stat().st_mtime > STALE_S:
                        other.in_flight = other.memory_bytes = other.ledger_waiting = 0
                    found.append(other)
                except (OSError, msgspec.DecodeError):
                    continue
        return found


def _observe(into: dict[str, Series], path: str, seconds: float) -> None:
    series = into.get(path)
    if series is None:
        series = into[path] = Series([0] * (len(LATENCY_BUCKETS_S) + 1))
    series.buckets[bisect.bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
    series.sum += seconds
    series.count += 1


def _add(total: Numbers, more: Numbers) -> None:
    for name in Numbers.__struct_fields__:
        mine, theirs = getattr(total, name), getattr(more, name)
        if not isinstance(theirs, dict):
            setattr(total, name, mine + theirs)
            continue
        for label, value in theirs.items():
            if isinstance(value, Series):
                known = mine.setdefault(label, Series([0] * len(value.buckets)))
                known.buckets = [a + b for a, b in zip(known.buckets, value.buckets, strict=True)]
                known.sum += value.sum
                known.count += value.count
            else:
                mine[label] = mine.get(label, 0) + value


COUNTERS = (
    ("requests", "hone_router_requests_total", "Requests answered", ("path", "status")),
    ("answers", "hone_router_answers_total", "Requests by who was asked last", ("provider", "model", "outcome")),
    ("tokens", "hone_router_tokens_total", "Tokens, as providers counted them", ("provider", "model", "kind")),
    ("usd", "hone_router_cost_usd_total", "What answers cost, in US dollars", ("provider", "model")),
)
PLAIN = (
    ("in_flight", "hone_router_in_flight", "gauge", "Requests under way"),
    ("retries", "hone_router_retries_total", "counter", "Attempts after a request's first"),
    ("gone", "hone_router_clients_gone_total", "counter", "Clients that left before their answer's end"),
    ("cut", "hone_router_streams_cut_total", "counter", "Streams that ended with an error event"),
    ("cached", "hone_router_cached_total", "counter", "Requests answered from the cache"),
    ("hedged", "hone_router_hedged_total", "counter", "Second requests sent since the first was slow"),
    ("ledger_waiting", "hone_router_ledger_waiting", "gauge", "Requests that are not in the database yet"),
    ("ledger_lost", "hone_router_ledger_lost_total", "counter", "Requests that could be kept nowhere"),
    ("cpu_s", "process_cpu_seconds_total", "counter", "CPU of all workers"),
    ("memory_bytes", "process_resident_memory_bytes", "gauge", "Memory of all workers"),
)
HISTOGRAMS = (
    ("seconds", "hone_router_request_seconds", "From first to last byte"),
    ("first_token", "hone_router_first_token_seconds", "From a request's arrival to its first content"),
)


def _lines(numbers: Numbers) -> list[str]:
    lines: list[str] = []
    for field, name, told, labels in COUNTERS:
        lines += _told(name, "counter", told)
        for joined, value in getattr(numbers, field).items():
            parts = zip(labels, joined.split("\t"), strict=True)
            labelled = ",".join(f'{key}="{_esc(part)}"' for key, part in parts)
            lines.append(f"{name}{{{labelled}}} {value:.10g}")
    for field, name, kind, told in PLAIN:
        lines += [*_told(name, kind, told), f"{name} {getattr(numbers, field):.10g}"]
    for field, name, told in HISTOGRAMS:
        lines += _told(name, "histogram", told)
        for path, series in getattr(numbers, field).items():
            under, label = 0, f'path="{_esc(path)}"'
            for bound, count in zip([*LATENCY_BUCKETS_S, "+Inf"], series.buckets, strict=True):
                under += count
                lines.append(f'{name}_bucket{{{label},le="{bound}"}} {under}')
            lines += [f"{name}_sum{{{label}}} {series.sum:.10g}", f"{name}_count{{{label}}} {series.count}"]
    return lines


def _told(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


def _esc(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
