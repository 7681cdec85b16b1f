"""What the three files in configs/ say, as frozen records that the hot path reads. Made once for each reload."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hone.records import Record
from router.kinds import Asked, Capability, Hop, Policy, Wire


class Secret:
    """A provider's key. Shows itself only when asked to: never in a log, an error or a dump."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one header that carries it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


class Provider(Record, frozen=True):
    """An authenticated upstream."""

    name: str
    wire: Wire
    url: str  # without a final slash; empty where the environment names none
    off: str = ""  # why it cannot be asked, in one line; empty where it can
    key: Secret | None = None
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 60.0
    stall_timeout_s: float = 30.0
    max_in_flight: int = 256
    only: tuple[str, ...] = ()  # of the models that name it, only these; empty: all


class Candidate(Record, frozen=True):
    """A hop with what the choice weighs: what it can do, and how well."""

    hop: Hop
    chat: bool = True  # the doors chat, messages and count_tokens
    completions: bool = False
    embeddings: bool = False
    suffix: bool = False  # fill-in-the-middle
    tools: bool = False
    images: bool = False
    json_output: bool = False
    quality: Mapping[Capability, float] = {}  # 0 … 1, NaN: not measured; a capability that is not here is not had
    off: str = ""  # why it can never be asked, in one line


class Proof(Record, frozen=True):
    """What our own version must have shown in a suite to go first on a route."""

    suite: str
    min_size: int  # tasks; of the suite "loss": held-out tokens
    min_low: float  # the lower end of the 95 % interval; of "loss": how far the loss surely fell, nats per token


class Route(Record, frozen=True):
    """From a capability to the places that can do it, in order."""

    capability: Capability
    policy: Policy
    places: tuple[Candidate, ...]  # of its own models, then of the fallback
    proofs: tuple[Proof, ...] = ()  # any of them lets our own version go first; none: it never does
    trim: bool = False  # a request that is too long for every place loses its oldest turns
    continues: bool = False  # a stream that breaks off is gone on with by the next place
    without_proof: bool = False  # our own version without one stands last, rather than nowhere
    weights: tuple[tuple[str, float], ...] = ()  # weighted: "current", an alias or `name:version` → share
    good_enough: float = 0.0  # cheapest: the least quality
    max_usd: float = 0.0  # quality: the most that one answer may cost, by estimate
    output_tokens: int = 500  # the length of an answer that estimates assume where the client sets no limit
    first_token_s: float = 1.0  # fastest: assumed of a place that was not measured yet
    token_s: float = 0.02


class Retired(Record, frozen=True):
    """A name that its provider no longer serves."""

    successor: str  # a name in the catalog
    since: str  # YYYY-MM-DD
    note: str = ""


class Tables(Record, frozen=True):
    """The three files together, checked against each other."""

    providers: Mapping[str, Provider]
    models: Mapping[str, tuple[Candidate, ...]]  # name in the catalog → its places, in order
    aliases: Mapping[str, str]  # other names → name in the catalog
    retired: Mapping[str, Retired]
    routes: Mapping[Capability, Route]
    strict: bool = False  # a retired name is an error
    tokenizers: Mapping[str, Path] = {}  # by the name that models have for them
    files: tuple[Path, ...] = ()  # beside the three, what these were read from: keys, tokenizers
    counters: Mapping[str, Callable[[Asked], int]] = {}  # of those: the exact tokens of a request's input
