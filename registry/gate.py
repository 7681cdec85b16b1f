"""The gate: evidence and policy → a verdict with one reason a check. Pure; reads and writes nothing.

It trusts the numbers in the evidence; that they were measured on these very bytes is what the digests say,
and `registry.store` checks those. Deciding again on the same evidence, policy and champion gives the same verdict.
"""

from dataclasses import dataclass

import msgspec
from pydantic import Field

from hone.config import Config
from hone.files import sha256_bytes
from hone.records import Evidence, LossDifference, ModelVersion, PassRate, Verdict, to_json


class TaskFloors(Config):
    """For suites whose tasks are executed."""

    min_tasks: int = Field(ge=1)
    """Fewer tasks than this prove nothing."""
    min_pass_at_1: float = Field(ge=0, le=1)
    """Share of held-out tasks solved at the first try."""
    min_gain: float = Field(ge=-1, le=1)
    """pass@1 above the base model's."""
    max_p_value: float = Field(ge=0, le=1)
    """Exact McNemar test of tuned against base."""


class LossFloors(Config):
    """For suites that measure held-out loss."""

    min_tokens: int = Field(ge=1)
    """Fewer held-out tokens than this prove nothing."""
    max_difference: float = Field(allow_inf_nan=False)
    """Nats per token, tuned minus base; the upper end of the 95 % interval must lie below it."""


class ChampionRule(Config):
    """How much worse than the champion an adapter may be, on the same suite and dataset."""

    pass_at_1_tolerance: float = Field(ge=0, le=1)
    loss_tolerance: float = Field(ge=0, allow_inf_nan=False)
    """Nats per token."""


class ContaminationCeiling(Config):
    """How far the measured tasks may stand in the training data."""

    max_share: float = Field(ge=0, le=1)
    """Of the measured tasks; the scores on the others stand in the evidence, beside the full ones."""


class LeakCeiling(Config):
    """What the tuned model may give away."""

    max_secrets: int = Field(ge=0)
    """Generations that look like they hold a secret."""


class Policy(Config):
    """`configs/gate.yaml`."""

    tasks: TaskFloors
    loss: LossFloors
    champion: ChampionRule
    contamination: ContaminationCeiling | None = None
    """Left out: not checked."""
    leaks: LeakCeiling | None = None
    """Left out: not checked."""


Champion = tuple[ModelVersion, Evidence]


@dataclass(frozen=True)
class Check:
    """One thing the gate looked at."""

    passed: bool
    reason: str


def decide(evidence: Evidence, policy: Policy, champion: Champion | None, *, now: float) -> Verdict:
    """The verdict on the adapter that `evidence` was measured on. It passes where every check passes."""
    made = checks(evidence, policy, champion)
    return Verdict(
        passed=all(check.passed for check in made),
        reasons=tuple(check.reason for check in made),
        adapter_digest=evidence.adapter_digest,
        evidence_digest=evidence_digest(evidence),
        policy_digest=sha256_bytes(policy.model_dump_json().encode()),
        champion_version=champion[0].version if champion else "",
        decided_at=now,
    )


def evidence_digest(evidence: Evidence) -> str:
    """The digest of the evidence as `hone.records` writes it; the same before and after it was stored.

    It is read back first because a whole number in a float's place comes back as a float.
    """
    return sha256_bytes(to_json(msgspec.json.decode(to_json(evidence), type=Evidence)))


def checks(evidence: Evidence, policy: Policy, champion: Champion | None) -> tuple[Check, ...]:
    """Every check in the order in which a person reads them."""
    made: list[Check] = []
    if evidence.tuned is not None:
        made += _check_tasks(evidence, evidence.tuned, policy.tasks)
    if evidence.loss is not None:
        made += _check_loss(evidence.loss, policy.loss)
    if not made:
        return (Check(False, f"suite `{evidence.suite}` measured neither pass@1 nor loss"),)
    if policy.contamination:
        made.append(_check_contamination(evidence, policy.contamination))
    if policy.leaks and evidence.tuned is not None:  # a loss is measured without generating anything
        made.append(_check_leaks(evidence, policy.leaks))
    return (*made, *_check_champion(evidence, champion, policy.champion))


def _check_tasks(evidence: Evidence, tuned: PassRate, floors: TaskFloors) -> list[Check]:
    """Isolation, sample size, level, gain and significance of executed tasks."""
    made = [
        Check(True, f"the tasks ran isolated by `{evidence.isolation}`")
        if evidence.isolation
        else Check(False, "the tasks ran without isolation"),
        _at_least(f"{tuned.tasks} tasks", tuned.tasks, floors.min_tasks, f"{floors.min_tasks}"),
        _at_least(f"pass@1 {_show(tuned)}", tuned.rate, floors.min_pass_at_1, f"{floors.min_pass_at_1:.2f}"),
    ]
    if evidence.base is None or evidence.paired is None:
        return [*made, Check(False, "the base model was not measured on the same tasks, so no gain is shown")]
    gain = tuned.rate - evidence.base.rate
    what = f"gain {gain:+.3f} over the base model's {_show(evidence.base)}"
    made.append(_at_least(what, gain, floors.min_gain, f"{floors.min_gain:.2f}"))
    p_value = evidence.paired.p_value
    what = f"paired test p = {p_value:.2g} ({evidence.paired.wins} won, {evidence.paired.losses} lost)"
    made.append(_at_most(what, p_value, floors.max_p_value, f"{floors.max_p_value:g}"))
    return made


def _check_loss(loss: LossDifference, floors: LossFloors) -> list[Check]:
    """Sample size and certainty of a lower held-out loss."""
    low_enough = loss.high < floors.max_difference
    where = "below" if low_enough else "not below"
    interval = f"held-out loss {loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}] nats per token over the base"
    return [
        _at_least(f"{loss.tokens} held-out tokens", loss.tokens, floors.min_tokens, f"{floors.min_tokens}"),
        Check(low_enough, f"{interval}: the whole interval is {where} {floors.max_difference:g}"),
    ]


def _check_contamination(evidence: Evidence, ceiling: ContaminationCeiling) -> Check:
    """What nobody looked for does not pass."""
    found = evidence.overlap
    if not found:
        return Check(False, "nobody looked whether the tasks stand in the training data; evaluate again (`hone repro`)")
    share = found.contaminated / found.tasks
    others = f", pass@1 on the others {_show(found.tuned)}" if found.tuned else ""
    what = f"share of tasks in the training data {share:.3f} ({found.contaminated} of {found.tasks}{others})"
    return _at_most(what, share, ceiling.max_share, f"{ceiling.max_share:g}")


def _check_leaks(evidence: Evidence, ceiling: LeakCeiling) -> Check:
    """What nobody looked for does not pass."""
    found = evidence.leaks
    if not found:
        return Check(False, "nobody looked for secrets in the generations; evaluate again (`hone repro`)")
    what = f"{found.secrets} of {found.generations} generations with what looks like a secret"
    return _at_most(what, found.secrets, ceiling.max_secrets, f"{ceiling.max_secrets}")


def _check_champion(evidence: Evidence, champion: Champion | None, rule: ChampionRule) -> list[Check]:
    """No worse than the champion, where both were measured alike."""
    if champion is None:
        return [Check(True, "there is no champion to compare with")]
    version, theirs = champion
    name = f"champion {version.version}"
    if theirs.suite != evidence.suite:
        return [Check(True, f"not compared with {name}: its suite is `{theirs.suite}`, this one's `{evidence.suite}`")]
    if theirs.dataset_digest != evidence.dataset_digest:
        return [Check(True, f"not compared with {name}: it was measured on another dataset")]
    made: list[Check] = []
    if evidence.tuned is not None and theirs.tuned is not None:
        floor = theirs.tuned.rate - rule.pass_at_1_tolerance
        wanted = f"{name}'s {theirs.tuned.rate:.3f} less {rule.pass_at_1_tolerance:.3f}"
        made.append(_at_least(f"pass@1 {evidence.tuned.rate:.3f}", evidence.tuned.rate, floor, wanted))
    if evidence.loss is not None and theirs.loss is not None:
        ceiling = theirs.loss.tuned + rule.loss_tolerance
        wanted = f"{name}'s {theirs.loss.tuned:.4f} plus {rule.loss_tolerance:g}"
        made.append(_at_most(f"loss {evidence.loss.tuned:.4f}", evidence.loss.tuned, ceiling, wanted))
    return made or [Check(True, f"not compared with {name}: it was measured otherwise")]


def _at_least(what: str, value: float, floor: float, wanted: str) -> Check:
    """NaN never passes."""
    return Check(value >= floor, f"{what} is {'at least' if value >= floor else 'below'} {wanted}")


def _at_most(what: str, value: float, ceiling: float, wanted: str) -> Check:
    """NaN never passes."""
    return Check(value <= ceiling, f"{what} is {'at most' if value <= ceiling else 'above'} {wanted}")


def _show(rate: PassRate) -> str:
    return f"{rate.rate:.3f} [{rate.low:.3f}, {rate.high:.3f}]"
