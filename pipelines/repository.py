"""`hone eval repo`: a repository's own functions, one target → a run under artifacts/evaluation/runs. No DVC stage."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evaluation.contamination import SAME_SOURCE_SHARE
from evaluation.sandbox import Limits
from evaluation.suites.judging import Progress
from evaluation.suites.records import SuiteRun
from evaluation.suites.repository import QUESTION, Measured, Suite, open_suite, run_repository_suite
from evaluation.suites.targets import Target, Written
from evaluation.suites.texts import repository_programs, repository_texts
from hone.files import locked
from hone.layout import Layout
from pipelines.examine import examine, training_data
from pipelines.targets import Asking, check_asking, folder_of, model_target, settings_of

PROOFS = ("original", "empty")


@dataclass(frozen=True)
class RepositoryRequest:
    """What the command line asks for."""

    repository: Path
    environment: Path | None
    plugins: bool | None  # None: where its tests need them
    context: int  # characters of the file before the function
    timeout_s: float  # that one file of tests may take
    memory_mb: int
    reruns: bool  # run the tests more than once, to find verdicts that come by chance
    asking: Asking


def run_repository(
    layout: Layout, asked: RepositoryRequest, *, progress: Progress, clock: Callable[[], float] = time.time
) -> SuiteRun:
    """Runs it, or goes on with it. Raises `ConfigError` for what cannot be meant, before anything is run."""
    asking = asked.asking
    check_asking(asking, PROOFS)
    training = training_data(layout, asking.target, asking.training_data)
    measured = Measured(
        repository=asked.repository,
        environment=asked.environment,
        plugins=asked.plugins,
        limits=Limits(
            timeout_s=asked.timeout_s, memory_mb=asked.memory_mb, processes=16, scratch_mb=64, output_kb=8192
        ),
        workers=os.cpu_count() or 1,
    )
    with open_suite(measured, layout.evaluation / "repositories", progress) as suite:
        target, model_digest, template = _target(layout, asking, suite)
        prompt = f"{QUESTION if asking.chat else ''}\0{asked.context}\0{template if asking.chat else ''}"
        settings = settings_of(
            asking, PROOFS, suite="repository", data_digest=suite.digest, model_digest=model_digest, prompt=prompt
        )
        folder = folder_of(layout, asking, settings)
        with locked(folder.lock, what=f"run `{folder.name}`"):
            run = run_repository_suite(
                suite,
                target,
                folder,
                settings,
                samples=asking.samples,
                context=asked.context,
                reruns=asked.reruns,
                clock=clock,
                progress=progress,
            )
            return examine(
                run,
                folder,
                training=training,
                texts=repository_texts(suite),
                share=SAME_SOURCE_SHARE,
                proof=asking.target in PROOFS,
                programs=lambda samples: repository_programs(suite, samples, chat=settings.chat),
                environment=asked.environment or Path(sys.prefix),
                progress=progress,
            )


def _target(layout: Layout, asking: Asking, suite: Suite) -> tuple[Target, str, str]:
    """The target, the digest of a local model, and its chat template."""
    if asking.target == "original":
        return Written({task.place.id: task.place.body for task in suite.tasks}), "", ""
    if asking.target == "empty":
        return Written({task.place.id: task.place.empty for task in suite.tasks}), "", ""
    return model_target(layout, asking)
