"""Circuit breakers, one for each provider and model: closed, open until a deadline, half open with one probe.

A state machine without a clock of its own. Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from collections.abc import Callable

import msgspec

HopKey = tuple[str, str]

FAILURES = 5  # in a row, to open
COOLDOWN_S = 5.0  # of the first opening; each further one without a success between takes twice as long
LONGEST_COOLDOWN_S = 60.0


class _Circuit(msgspec.Struct):
    failures: int = 0  # since the last success
    openings: int = 0  # since the last success
    until: float = 0.0  # open until then; 0: closed
    probing: float = 0.0  # since when one request tries it; 0: none does
    reason: str = ""


class Breakers:
    """All circuits. `open` is for readers: what is not to be asked now, and why; a closed circuit is absent."""

    def __init__(self) -> None:
        self.open: dict[HopKey, str] = {}
        self._circuits: dict[HopKey, _Circuit] = {}
        self._changed: Callable[[HopKey, float], None] | None = None

    def on_change(self, changed: Callable[[HopKey, float], None]) -> None:
        """`changed` hears of each opening, with the seconds for which it is open, and of each closing, with 0."""
        self._changed = changed

    def refresh(self, now: float) -> None:
        """Half-opens what has cooled down. Call it before `open` is read; costs nothing while all are closed."""
        for key in [key for key in self.open if self._may_probe(self._circuits[key], now)]:
            del self.open[key]

    def admits(self, key: HopKey, now: float) -> bool:
        """Whether a request may go there; one that goes to a half-open circuit is its probe."""
        circuit = self._circuits.get(key)
        if circuit is None or not circuit.until:
            return True
        if not self._may_probe(circuit, now):
            return False
        circuit.probing = now
        self.open[key] = "is being tried by one request"
        return True

    def succeeded(self, key: HopKey) -> None:
        """It answered: closed."""
        circuit = self._circuits.get(key)
        if circuit is not None:
            del self._circuits[key]
            self.open.pop(key, None)
            if circuit.until:
                self._tell(key, 0.0)

    def failed(self, key: HopKey, now: float, reason: str, retry_after_s: float = 0.0) -> None:
        """It failed. Opens at the `FAILURES`th time in a row, at a failed probe, and where it says for how long.

        The deadline of an open circuit only ever moves away: it is the later of the old and the new one.
        """
        circuit = self._circuits.setdefault(key, _Circuit())
        circuit.failures += 1
        probe_failed = bool(circuit.probing)
        circuit.probing = 0.0
        if circuit.failures < FAILURES and not probe_failed and not retry_after_s:
            return
        cooldown_s = retry_after_s
        if circuit.failures >= FAILURES or probe_failed:
            if not circuit.until or circuit.until <= now:
                circuit.openings += 1
            doubled = COOLDOWN_S * 2 ** min(circuit.openings - 1, 6)
            cooldown_s = max(cooldown_s, min(doubled, LONGEST_COOLDOWN_S))
        span_s = min(cooldown_s, LONGEST_COOLDOWN_S)
        circuit.until = max(circuit.until, now + span_s)
        circuit.reason = reason
        self.open[key] = reason
        self._tell(key, span_s)

    def forget(self, key: HopKey) -> None:
        """What stands there now is something else."""
        self._circuits.pop(key, None)
        self.open.pop(key, None)

    def left(self, key: HopKey) -> None:
        """A request was taken back before its end was known: a probe makes room for the next."""
        circuit = self._circuits.get(key)
        if circuit is not None and circuit.probing:
            circuit.probing = 0.0
            self.open.pop(key, None)

    def hear(self, key: HopKey, until: float, reason: str) -> None:
        """What another worker found: open until then."""
        circuit = self._circuits.setdefault(key, _Circuit())
        if until > circuit.until:
            circuit.until = until
            circuit.reason = reason
            self.open[key] = reason

    def _tell(self, key: HopKey, span_s: float) -> None:
        if self._changed is not None:
            self._changed(key, span_s)

    @staticmethod
    def _may_probe(circuit: _Circuit, now: float) -> bool:
        """Cooled down, and nobody tries it; a probe that never told its end counts as lost after a while."""
        return circuit.until <= now and (not circuit.probing or now - circuit.probing > LONGEST_COOLDOWN_S)
