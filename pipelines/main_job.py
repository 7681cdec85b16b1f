"""The main job: services → `dvc repro` → deployment → router → one real answer → the summary. What `make run` runs."""

import time
from collections.abc import Callable

from hone.errors import RegistryError
from hone.files import locked
from hone.layout import Layout
from hone.records import (
    Deployment,
    Endpoint,
    Evidence,
    Example,
    ModelVersion,
    PassRate,
    Record,
    read_examples,
    read_record,
    write_record,
)
from hone.settings import Settings
from pipelines.deploy import deploy_version
from pipelines.repro import reproduce
from pipelines.timing import stage_seconds
from registry.server import ensure_server
from router.client import ask as ask_router
from router.service import ensure_router

ANSWER_TOKENS = 128


class Answer(Record, frozen=True):
    """What the router answered to one held-out prompt."""

    prompt: str
    text: str
    model_version: str  # from the router's header
    milliseconds: float


class Summary(Record, frozen=True):
    """`artifacts/summary.json`. Scores are null where the recipe's suite does not measure them."""

    base_pass_at_1: float | None
    tuned_pass_at_1: float | None
    tasks: int
    verdict: str  # "passed" | "failed"
    reasons: tuple[str, ...]
    model_version: str  # name:version
    image_digest: str  # empty for the process engine
    image_bytes: int
    engine: str
    endpoint: str
    answer_ms: float
    stage_seconds: dict[str, float]  # of each stage's last run; `deploy` is this run's
    total_seconds: float  # this run
    base: PassRate | None
    tuned: PassRate | None
    evidence: Evidence
    serving_version: str  # the version that answered: the champion, which a failed verdict does not replace
    answer: Answer
    router: str
    mlflow: str


def main_job(layout: Layout, settings: Settings, *, said: Callable[[str], None]) -> Summary:
    """Does the whole job and writes the summary; what is up to date already is left alone.

    Raises `Busy` where another main job runs, `RegistryError` with the gate's reasons where it passed no version yet,
    and whatever a part of the job cannot do.
    """
    with locked(layout.artifacts / ".run.lock", what="`hone run`"):
        started = time.monotonic()
        mlflow = ensure_server(layout, settings)
        said(f"MLflow    {mlflow}")
        router = ensure_router(layout, settings)
        said(f"router    {router}/v1")
        if not reproduce(layout, settings, said=said):
            said("pipeline  nothing changed")
        _require_champion(layout, settings, mlflow)
        deploying = time.monotonic()
        deployment = deploy_version(layout, settings, "champion", force=None, progress=said)
        deploy_s = time.monotonic() - deploying
        answer = ask(
            router, read_examples(layout.data / "heldout.jsonl")[0], timeout_s=settings.router.request_timeout_s
        )
        summary = summarise(
            layout,
            deployment,
            answer,
            seconds={**stage_seconds(layout), "deploy": round(deploy_s, 2)},
            total_s=time.monotonic() - started,
            router=router,
            mlflow=mlflow,
        )
        write_record(layout.summary, summary)
        return summary


def ask(router: str, example: Example, *, timeout_s: float) -> Answer:
    """Sends one completion request to the router as any program would. Raises `RouterError` with what came back."""
    got = ask_router(router, example.prompt, max_tokens=ANSWER_TOKENS, timeout_s=timeout_s)
    return Answer(example.prompt, got.text, got.model_version, round(got.ms, 1))


def _require_champion(layout: Layout, settings: Settings, uri: str) -> None:
    """Says why there is nothing to deploy, before a deployment could only say that the alias is missing."""
    from registry.store import Store  # imports MLflow, which must find its settings made

    name = settings.registry.model_name
    if Store(uri).champion_evidence(name) is not None:
        return
    version = read_record(layout.registration, ModelVersion)
    raise RegistryError(
        f"version {version.version} of `{name}` did not pass the gate and there is no champion yet, so nothing is "
        "deployed; the reasons stand above: change the recipe or `configs/gate.yaml` and run again"
        if not version.verdict.passed
        else f"`{name}` has no champion; `hone registry promote {version.version}` makes one of the last version",
        detail="\n".join(version.verdict.reasons),
    )


def summarise(
    layout: Layout,
    deployment: Deployment,
    answer: Answer,
    *,
    seconds: dict[str, float],
    total_s: float,
    router: str,
    mlflow: str,
) -> Summary:
    """Gathers what the stages wrote."""
    evidence = read_record(layout.evaluation / "evidence.json", Evidence)
    version = read_record(layout.registration, ModelVersion)
    endpoint = read_record(layout.endpoint, Endpoint)
    return Summary(
        base_pass_at_1=evidence.base.rate if evidence.base else None,
        tuned_pass_at_1=evidence.tuned.rate if evidence.tuned else None,
        tasks=evidence.tuned.tasks if evidence.tuned else (evidence.loss.files if evidence.loss else 0),
        verdict="passed" if version.verdict.passed else "failed",
        reasons=version.verdict.reasons,
        model_version=f"{version.name}:{version.version}",
        image_digest=deployment.image_digest,
        image_bytes=deployment.image_bytes,
        engine=deployment.engine,
        endpoint=endpoint.deployment.url,
        answer_ms=answer.milliseconds,
        stage_seconds=seconds,
        total_seconds=round(total_s, 2),
        base=evidence.base,
        tuned=evidence.tuned,
        evidence=evidence,
        serving_version=f"{deployment.model_name}:{deployment.model_version}",
        answer=answer,
        router=router,
        mlflow=mlflow,
    )
