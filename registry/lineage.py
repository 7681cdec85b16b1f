"""A model version's lineage as MLflow tags, and back. Pure: no server, no files.

All tags are written in the one call that creates the version, so that a version without them is not ours.
"""

from collections.abc import Mapping

from hone.errors import RegistryError
from hone.files import sha256_bytes
from hone.records import Evidence, ModelVersion, Verdict

REGISTRATION = "hone.registration"  # what makes a registration the same one
ALIASED = "hone.aliased"  # set once the verdict's aliases are given; a later move of them is a person's
ADAPTER = "hone.adapter_digest"
BASE = "hone.base_digest"
DATASET = "hone.dataset_digest"
COMMIT = "hone.git_commit"
RUN = "hone.run_id"
SUITE = "hone.suite"
VERDICT = "hone.verdict"
REASONS = "hone.reasons"
EVIDENCE = "hone.evidence_digest"
POLICY = "hone.policy_digest"
CHAMPION = "hone.compared_with"
DECIDED_AT = "hone.decided_at"
PASSED, FAILED = "passed", "failed"


def registration_id(verdict: Verdict) -> str:
    """The same bytes, evidence, policy and outcome are the same registration, however often it is decided."""
    outcome = PASSED if verdict.passed else FAILED
    parts = (verdict.adapter_digest, verdict.evidence_digest, verdict.policy_digest, outcome)
    return sha256_bytes("\n".join(parts).encode())


def tags_of(evidence: Evidence, verdict: Verdict, *, run_id: str, git_commit: str) -> dict[str, str]:
    """The whole lineage of one version."""
    return {
        REGISTRATION: registration_id(verdict),
        RUN: run_id,
        COMMIT: git_commit,
        DATASET: evidence.dataset_digest,
        BASE: evidence.base_digest,
        ADAPTER: verdict.adapter_digest,
        SUITE: evidence.suite,
        VERDICT: PASSED if verdict.passed else FAILED,
        REASONS: "\n".join(verdict.reasons),
        EVIDENCE: verdict.evidence_digest,
        POLICY: verdict.policy_digest,
        CHAMPION: verdict.champion_version,
        DECIDED_AT: repr(verdict.decided_at),
    }


def is_ours(tags: Mapping[str, str]) -> bool:
    """Whether Hone registered the version."""
    return REGISTRATION in tags


def version_of(
    name: str, version: str, tags: Mapping[str, str], *, aliases: tuple[str, ...], source: str
) -> ModelVersion:
    """The record of one version. Raises `RegistryError` where tags are missing or not what Hone wrote."""
    try:
        verdict = Verdict(
            passed=tags[VERDICT] == PASSED,
            reasons=tuple(tags[REASONS].split("\n")),
            adapter_digest=tags[ADAPTER],
            evidence_digest=tags[EVIDENCE],
            policy_digest=tags[POLICY],
            champion_version=tags.get(CHAMPION, ""),
            decided_at=float(tags[DECIDED_AT]),
        )
        return ModelVersion(
            name=name,
            version=version,
            run_id=tags[RUN],
            adapter_digest=tags[ADAPTER],
            base_digest=tags[BASE],
            dataset_digest=tags[DATASET],
            git_commit=tags.get(COMMIT, ""),
            verdict=verdict,
            aliases=aliases,
            source=source,
        )
    except KeyError as error:
        raise RegistryError(
            f"version {version} of `{name}` has no tag `{error.args[0]}`, so Hone did not register it; "
            "register adapters with `hone repro`"
        ) from None
    except ValueError:
        raise RegistryError(f"version {version} of `{name}` has an unreadable tag `{DECIDED_AT}`") from None
