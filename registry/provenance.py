"""The chain from an endpoint to the git commit that its model came from. Pure; `hone why` shows it."""

import time

from hone.records import Endpoint, Manifest, ModelVersion, Record


class Link(Record, frozen=True):
    """One step of the chain: what it is, which one, and what else a person wants to know of it."""

    what: str
    value: str
    details: tuple[str, ...] = ()


def chain(version: ModelVersion, endpoint: Endpoint | None, manifest: Manifest | None) -> tuple[Link, ...]:
    """Endpoint → deployment → image → version → adapter → verdict → run → dataset → commit.

    The first three only where `endpoint` serves this version; the manifest's sources only where it is this dataset's.
    """
    verdict = version.verdict
    outcome = "passed" if verdict.passed else "failed"
    return (
        *(_deployment_links(endpoint, version) if endpoint is not None and _serves(endpoint, version) else ()),
        Link("version", f"{version.name} {version.version}", tuple(f"alias {alias}" for alias in version.aliases)),
        Link("adapter", version.adapter_digest, (f"on base {version.base_digest}",)),
        Link("verdict", f"{outcome}, {_date(verdict.decided_at)}", verdict.reasons),
        Link("evidence", verdict.evidence_digest, (f"judged by policy {verdict.policy_digest}",)),
        Link("run", version.run_id),
        Link("dataset", version.dataset_digest, _sources(version, manifest)),
        Link("commit", version.git_commit or "none: trained outside a git checkout"),
    )


def _serves(endpoint: Endpoint, version: ModelVersion) -> bool:
    running = endpoint.deployment
    return (running.model_name, running.model_version) == (version.name, version.version)


def _deployment_links(endpoint: Endpoint, version: ModelVersion) -> tuple[Link, ...]:
    running = endpoint.deployment
    same = running.adapter_digest == version.adapter_digest
    image = Link("image", running.image_digest, (f"{running.image_reference}, {running.image_bytes / 1e6:.1f} MB",))
    return (
        Link("endpoint", running.url, (f"generation {endpoint.generation}",)),
        Link(
            "deployment",
            f"{running.handle} ({running.engine})",
            (
                f"since {_date(running.started_at)}",
                *(() if same else (f"serves ANOTHER adapter: {running.adapter_digest}",)),
            ),
        ),
        image if running.image_digest else Link("image", "none: the process engine runs without one"),
    )


def _sources(version: ModelVersion, manifest: Manifest | None) -> tuple[str, ...]:
    if manifest is None or manifest.digest != version.dataset_digest:
        return ()
    return tuple(
        f"{source.name} ({source.kind}{', ' + source.commit if source.commit else ''}): {source.examples} examples"
        for source in manifest.sources
    )


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
