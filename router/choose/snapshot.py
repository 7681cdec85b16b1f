"""The world as one decision sees it: the tables, our own deployments, and live facts that others keep up to date."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hone.records import Evidence, Record
from router.choose.tables import Route, Tables
from router.kinds import Capability, Decision, Hop

HopKey = tuple[str, str]
UNLIMITED = float("inf")


class Access(Record, frozen=True):
    """What a virtual key may use. The default is a router without keys: everything."""

    routes: frozenset[Capability] | None = None  # which routes may be asked; None: every one
    models: frozenset[str] | None = None  # which places: `MODEL`, `PROVIDER/MODEL` or `PROVIDER/*`; None: every one
    budget_left_usd: float = UNLIMITED  # what is left until a limit, reservations taken off


class Latency(Record, frozen=True):
    """What was measured of one hop lately."""

    first_token_s: float
    token_s: float  # seconds for each further token


class Measured(Record, frozen=True):
    """What was measured of one of our versions in one suite: a pass rate, or a difference in held-out loss."""

    suite: str  # "execution", "repository", "humaneval", "mbpp", "bfcl", "loss"
    size: int  # tasks; of the suite "loss": held-out tokens
    low: float  # the lower end of the 95 % interval of the pass rate; of "loss": how far the loss surely fell, in nats


class Own(Record, frozen=True):
    """One of our deployments that runs now."""

    hop: Hop  # provider "hone", model `name:version`
    aliases: frozenset[str] = frozenset()  # "champion", "challenger"
    measured: tuple[Measured, ...] = ()
    chat: bool = True  # it has a chat template
    suffix: bool = False  # it was trained to fill in the middle
    gated: bool = (
        False  # its deployment's record says that the gate passed it; its proof where nothing measured is left
    )


class Snapshot(Record, frozen=True):
    """Everything that `decide` reads. The mappings may be live: whoever owns them changes them in place.

    A change of the tables or of our own deployments needs a new snapshot.
    """

    tables: Tables
    own: tuple[Own, ...] = ()  # the one that traffic goes to first
    open_breakers: Mapping[HopKey, str] = {}  # closed ones are absent; the reason in one line
    unhealthy: Mapping[HopKey, str] = {}  # healthy ones are absent; the reason in one line
    latency: Mapping[HopKey, Latency] = {}
    plans: dict[Any, Any] = msgspec.field(default_factory=dict)  # what `decide` has worked out; leave it alone

    def route_of(self, decision: Decision) -> Route | None:
        """The route that a decision was made by; None where the client named a model."""
        return self.tables.routes.get(decision.capability) if decision.capability is not None else None


def measured_of(evidence: Evidence) -> Measured | None:
    """The gate's evidence as a route weighs it; None where it measured nothing."""
    if evidence.tuned is not None:
        return Measured(evidence.suite, evidence.tuned.tasks, evidence.tuned.low)
    if evidence.loss is not None:
        return Measured(evidence.suite, evidence.loss.tokens, -evidence.loss.high)
    return None
