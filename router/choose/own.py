"""A deployment record and what the gate saw of the same bytes → our own version as the choice weighs it."""

from hone.records import Endpoint, Evidence, Verdict
from router.choose.snapshot import Own, measured_of
from router.kinds import Hop

OUR_PROVIDER = "hone"


def own_of(
    endpoint: Endpoint,
    *,
    verdict: Verdict | None = None,
    evidence: Evidence | None = None,
    aliases: frozenset[str] = frozenset(),
) -> Own:
    """The endpoint's version. A verdict or evidence of other bytes than those that run does not count."""
    deployment = endpoint.deployment
    name = f"{deployment.model_name}:{deployment.model_version}"
    bound = verdict is not None and verdict.adapter_digest == deployment.adapter_digest
    measured = measured_of(evidence) if evidence and evidence.adapter_digest == deployment.adapter_digest else None
    return Own(
        hop=Hop(
            provider=OUR_PROVIDER,
            model=name,
            upstream_model=deployment.model_name,
            wire="openai",
            url=f"{deployment.url}/v1",
            model_version=name,
            verdict=("passed" if verdict.passed else "failed") if verdict is not None and bound else deployment.verdict,
            generation=endpoint.generation,
        ),
        aliases=aliases,
        measured=(measured,) if measured else (),
        gated=deployment.verdict == "passed",
    )
