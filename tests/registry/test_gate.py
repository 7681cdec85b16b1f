"""The gate's decisions."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.config import load_config
from hone.errors import ConfigError
from hone.files import sha256_bytes
from hone.layout import Layout
from hone.records import (
    Evidence,
    LeakCount,
    LossDifference,
    ModelVersion,
    PairedTest,
    PassRate,
    TrainingOverlap,
    Verdict,
)
from registry.gate import (
    ChampionRule,
    ContaminationCeiling,
    LeakCeiling,
    LossFloors,
    Policy,
    TaskFloors,
    checks,
    decide,
    evidence_digest,
)

POLICY = Policy(
    tasks=TaskFloors(min_tasks=100, min_pass_at_1=0.8, min_gain=0.2, max_p_value=0.01),
    loss=LossFloors(min_tokens=1000, max_difference=0.0),
    champion=ChampionRule(pass_at_1_tolerance=0.02, loss_tolerance=0.01),
)


def rate(passed: int, tasks: int = 400) -> PassRate:
    share = passed / tasks if tasks else 0.0
    return PassRate(passed, tasks, share, max(0.0, share - 0.04), min(1.0, share + 0.04))


def tasks_evidence(passed: int = 344, base: int = 0, tasks: int = 400, p_value: float = 1e-9, **changed) -> Evidence:
    evidence = Evidence(
        suite="generated",
        adapter_digest="sha256:adapter",
        base_digest="sha256:base",
        dataset_digest="sha256:dataset",
        isolation="bubblewrap",
        base=rate(base, tasks),
        tuned=rate(passed, tasks),
        paired=PairedTest(wins=passed, losses=0, p_value=p_value),
    )
    return msgspec.structs.replace(evidence, **changed)


def loss_evidence(difference: float, half_width: float, tokens: int = 50_000) -> Evidence:
    loss = LossDifference(
        base=2.0,
        tuned=2.0 + difference,
        difference=difference,
        low=difference - half_width,
        high=difference + half_width,
        tokens=tokens,
        files=20,
    )
    return tasks_evidence(base=0, suite="repository", isolation="", tuned=None, paired=None, loss=loss)


def champion_with(evidence: Evidence, version: str = "7") -> tuple[ModelVersion, Evidence]:
    verdict = Verdict(True, ("fine",), evidence.adapter_digest, evidence_digest(evidence), "sha256:policy")
    digests = (evidence.adapter_digest, evidence.base_digest, evidence.dataset_digest)
    return ModelVersion("hone-code", version, "run", *digests, "c0ffee", verdict), evidence


def decided(evidence: Evidence, champion: tuple[ModelVersion, Evidence] | None = None) -> Verdict:
    return decide(evidence, POLICY, champion, now=5.0)


def failing(evidence: Evidence, champion: tuple[ModelVersion, Evidence] | None = None) -> list[str]:
    return [check.reason for check in checks(evidence, POLICY, champion) if not check.passed]


def test_good_evidence_passes_with_a_readable_reason_for_each_check():
    verdict = decided(tasks_evidence())
    assert verdict.passed
    assert verdict.reasons == (
        "the tasks ran isolated by `bubblewrap`",
        "400 tasks is at least 100",
        "pass@1 0.860 [0.820, 0.900] is at least 0.80",
        "gain +0.860 over the base model's 0.000 [0.000, 0.040] is at least 0.20",
        "paired test p = 1e-09 (344 won, 0 lost) is at most 0.01",
        "there is no champion to compare with",
    )


def test_a_verdict_is_bound_to_what_it_judged():
    evidence = tasks_evidence()
    verdict = decide(evidence, POLICY, champion_with(evidence), now=5.0)
    assert verdict.adapter_digest == "sha256:adapter"
    assert verdict.evidence_digest == evidence_digest(evidence)
    assert verdict.champion_version == "7"
    assert verdict.decided_at == 5.0


def test_another_policy_gives_another_policy_digest():
    other = POLICY.model_copy(update={"champion": ChampionRule(pass_at_1_tolerance=0.1, loss_tolerance=0.01)})
    digests = {decide(tasks_evidence(), policy, None, now=5.0).policy_digest for policy in (POLICY, other)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (tasks_evidence(passed=316), "pass@1 0.790 [0.750, 0.830] is below 0.80"),
        (tasks_evidence(passed=86, tasks=99), "99 tasks is below 100"),
        (tasks_evidence(base=300), "gain +0.110 over the base model's 0.750 [0.710, 0.790] is below 0.20"),
        (tasks_evidence(p_value=0.05), "paired test p = 0.05 (344 won, 0 lost) is above 0.01"),
        (tasks_evidence(isolation=""), "the tasks ran without isolation"),
        (tasks_evidence(base=0, paired=None), "the base model was not measured on the same tasks, so no gain is shown"),
        (tasks_evidence(tuned=None), "suite `generated` measured neither pass@1 nor loss"),
        (loss_evidence(-0.1, 0.01, tokens=999), "999 held-out tokens is below 1000"),
    ],
)
def test_what_falls_short_fails_and_says_why(evidence, reason):
    assert failing(evidence) == [reason]
    assert not decided(evidence).passed


def test_a_lower_loss_counts_only_where_the_whole_interval_is_below_zero():
    assert decided(loss_evidence(-0.10, 0.05)).passed
    assert "the whole interval is not below 0" in failing(loss_evidence(-0.10, 0.15))[0]


@pytest.mark.parametrize("difference", [float("nan"), float("inf")])
def test_a_loss_that_is_not_a_number_never_passes(difference):
    assert failing(loss_evidence(difference, 0.01))


def test_an_adapter_within_the_tolerance_of_the_champion_passes():
    assert decided(tasks_evidence(passed=342), champion_with(tasks_evidence(passed=350))).passed


def test_an_adapter_clearly_worse_than_the_champion_fails():
    reasons = failing(tasks_evidence(passed=341), champion_with(tasks_evidence(passed=350)))
    assert reasons == ["pass@1 0.853 is below champion 7's 0.875 less 0.020"]


def test_a_loss_clearly_above_the_champions_fails():
    reasons = failing(loss_evidence(-0.10, 0.01), champion_with(loss_evidence(-0.20, 0.01)))
    assert reasons == ["loss 1.9000 is above champion 7's 1.8000 plus 0.01"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"suite": "other"}, "not compared with champion 7: its suite is `other`, this one's `generated`"),
        ({"dataset_digest": "sha256:x"}, "not compared with champion 7: it was measured on another dataset"),
    ],
)
def test_a_champion_measured_on_something_else_is_not_compared_and_the_reason_says_so(changed, reason):
    verdict = decided(tasks_evidence(), champion_with(tasks_evidence(passed=400, **changed)))
    assert verdict.passed
    assert verdict.reasons[-1] == reason


def test_evidence_has_the_same_digest_before_and_after_it_was_stored():
    evidence = tasks_evidence(tuned=PassRate(passed=400, tasks=400, rate=1, low=0, high=1))
    stored = msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence)
    assert evidence_digest(stored) == evidence_digest(evidence)


def test_the_shipped_policy_is_valid_and_names_the_command_that_uses_it(request):
    path = Layout(request.config.rootpath, request.config.rootpath).root / "configs" / "gate.yaml"
    policy = load_config(path, Policy)
    assert policy.tasks.min_pass_at_1 > 0
    assert (policy.contamination.max_share, policy.leaks.max_secrets) == (0.05, 0)
    assert path.read_text().startswith("# hone gate check\n")


def test_a_mistyped_floor_names_the_line_and_the_key(tmp_path, request):
    text = (request.config.rootpath / "configs" / "gate.yaml").read_text()
    path = tmp_path / "gate.yaml"
    path.write_text(text.replace("min_gain", "min_gian"))
    with pytest.raises(ConfigError, match="did you mean `min_gain`"):
        load_config(path, Policy)


STRICT = POLICY.model_copy(
    update={"contamination": ContaminationCeiling(max_share=0.05), "leaks": LeakCeiling(max_secrets=0)}
)


def overlap(contaminated: int, tasks: int = 400) -> TrainingOverlap:
    return TrainingOverlap(tasks, contaminated, documents=9, tuned=rate(300) if contaminated < tasks else None)


def strictly(evidence: Evidence) -> list[tuple[bool, str]]:
    """The checks of training data and secrets."""
    return [(check.passed, check.reason) for check in checks(evidence, STRICT, None)[5:-1]]


def test_few_contaminated_tasks_and_no_secret_pass_and_say_so():
    clean = tasks_evidence(overlap=overlap(20), leaks=LeakCount(400, 7, 0))
    others = "pass@1 on the others 0.750 [0.710, 0.790]"
    assert strictly(clean) == [
        (True, f"share of tasks in the training data 0.050 (20 of 400, {others}) is at most 0.05"),
        (True, "0 of 400 generations with what looks like a secret is at most 0"),
    ]
    assert decide(clean, STRICT, None, now=5.0).passed


def test_too_many_contaminated_tasks_and_a_secret_fail_and_say_so():
    told = strictly(tasks_evidence(overlap=overlap(400), leaks=LeakCount(400, 0, 1)))
    assert told == [
        (False, "share of tasks in the training data 1.000 (400 of 400) is above 0.05"),
        (False, "1 of 400 generations with what looks like a secret is above 0"),
    ]


def test_what_nobody_looked_for_does_not_pass():
    told = strictly(tasks_evidence())
    assert [passed for passed, _ in told] == [False, False]
    assert all(reason.startswith("nobody looked") and "hone repro" in reason for _, reason in told)


def test_a_policy_that_asks_for_neither_checks_neither():
    assert decided(tasks_evidence(overlap=overlap(400), leaks=LeakCount(400, 400, 400))).passed


def test_where_nothing_was_generated_there_is_no_secret_to_look_for():
    evidence = msgspec.structs.replace(loss_evidence(-0.1, 0.01), overlap=overlap(3))
    verdict = decide(evidence, STRICT, None, now=5.0)
    assert verdict.passed
    assert not any("secret" in reason for reason in verdict.reasons)


# As Hone wrote it before evidence told of overlap and leaks, and the digest that versions were registered with.
BEFORE = b"""{
  "suite": "execution",
  "adapter_digest": "sha256:a",
  "base_digest": "sha256:b",
  "dataset_digest": "sha256:d",
  "isolation": "namespaces",
  "base": {
    "passed": 0,
    "tasks": 4,
    "rate": 0.0,
    "low": 0.0,
    "high": 0.5
  },
  "tuned": null,
  "paired": null,
  "loss": null,
  "measured_at": 5.0
}
"""


def test_evidence_of_before_is_read_and_keeps_its_digest():
    evidence = msgspec.json.decode(BEFORE, type=Evidence)
    assert not evidence.overlap
    assert evidence_digest(evidence) == sha256_bytes(BEFORE)
    assert evidence_digest(evidence) == "sha256:6e9d3595a3fb1c39baa691c574e33a63ee09dff4f59ebd9eda443a57f1f4d074"


counts = st.integers(min_value=0, max_value=400)
evidences = st.builds(
    tasks_evidence,
    passed=counts,
    base=counts,
    p_value=st.floats(min_value=0, max_value=1),
    isolation=st.sampled_from(["", "bubblewrap"]),
)


@given(evidence=evidences, champion=st.none() | st.builds(champion_with, evidences))
def test_a_verdict_passes_exactly_where_every_check_passes(evidence, champion):
    verdict = decided(evidence, champion)
    made = checks(evidence, POLICY, champion)
    assert verdict.passed == all(check.passed for check in made)
    assert len(verdict.reasons) == len(made) > 0


@given(fewer=counts, more=counts, champion=st.none() | st.builds(champion_with, evidences))
def test_solving_more_tasks_never_turns_a_pass_into_a_fail(fewer, more, champion):
    fewer, more = sorted((fewer, more))
    if decided(tasks_evidence(passed=fewer), champion).passed:
        assert decided(tasks_evidence(passed=more), champion).passed


@given(evidence=evidences)
def test_no_reason_holds_a_line_break(evidence):
    assert not any("\n" in reason for reason in decided(evidence).reasons)
