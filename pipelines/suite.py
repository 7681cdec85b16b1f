"""`hone eval run --suite …`: one benchmark, one target → a run under artifacts/evaluation/runs. No DVC stage."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from evaluation.sandbox import Limits, open_sandbox
from evaluation.suites.bfcl_rows import BfclSuite, WrongRows, load
from evaluation.suites.bfcl_targets import OfflineTarget
from evaluation.suites.code import CodeSuite, read_code_suite
from evaluation.suites.records import SuiteRun
from evaluation.suites.runs import Progress, prompt_format, run_bfcl, run_code_suite
from evaluation.suites.targets import Target, Written
from hone.config import load_config
from hone.files import locked
from hone.layout import Layout
from pipelines.targets import Asking, check_asking, folder_of, model_target, settings_of

SuiteName = Literal["humaneval", "mbpp", "bfcl"]
TARGETS = {
    "humaneval": ("canonical", "empty"),
    "mbpp": ("canonical", "empty"),
    "bfcl": ("ground-truth", "mutated"),
}


@dataclass(frozen=True)
class SuiteRequest:
    """What the command line asks for."""

    suite: SuiteName
    data: Path
    asking: Asking


def run_suite(
    layout: Layout, asked: SuiteRequest, *, progress: Progress, clock: Callable[[], float] = time.time
) -> SuiteRun:
    """Runs it, or goes on with it. Raises `ConfigError` for what cannot be meant, before anything is asked."""
    asking, offline = asked.asking, TARGETS[asked.suite]
    check_asking(asking, offline)
    if asked.suite == "bfcl":
        wrong = load_config(layout.root / "configs" / "bfcl_wrong_rows.yaml", WrongRows)
        rows = load(asked.data, wrong)
        return _function_calls(layout, replace(asking, chat=False), rows, progress=progress, clock=clock)
    suite = read_code_suite(asked.data, asked.suite)
    # Opened first: where code cannot be isolated, nothing is loaded, generated or run.
    with closing(open_sandbox(Limits(), workers=os.cpu_count() or 1)) as sandbox:
        target, model_digest, template = _code_target(layout, asking, suite)
        prompt = f"{prompt_format(asking.chat)}\0{template if asking.chat else ''}"
        settings = settings_of(
            asking, offline, suite=suite.name, data_digest=suite.digest, model_digest=model_digest, prompt=prompt
        )
        folder = folder_of(layout, asking, settings)
        with locked(folder.lock, what=f"run `{folder.name}`"):
            return run_code_suite(
                suite, target, sandbox, folder, settings, samples=asking.samples, clock=clock, progress=progress
            )


def _function_calls(
    layout: Layout, asking: Asking, suite: BfclSuite, *, progress: Progress, clock: Callable[[], float]
) -> SuiteRun:
    offline: dict[str, OfflineTarget] = {"ground-truth": "ground-truth", "mutated": "mutated"}
    target: Target | OfflineTarget
    model_digest = template = ""
    if asking.target in offline:
        target = offline[asking.target]
    else:
        target, model_digest, template = model_target(layout, asking)
    settings = settings_of(
        asking,
        TARGETS["bfcl"],
        suite="bfcl",
        data_digest=suite.digest,
        model_digest=model_digest,
        prompt=f"\0{template}",
    )
    folder = folder_of(layout, asking, settings)
    with locked(folder.lock, what=f"run `{folder.name}`"):
        return run_bfcl(suite, target, folder, settings, samples=asking.samples, clock=clock, progress=progress)


def _code_target(layout: Layout, asking: Asking, suite: CodeSuite) -> tuple[Target, str, str]:
    """The target, the digest of a local model, and its chat template."""
    if asking.target == "canonical":
        return Written({task.id: task.solution for task in suite.tasks}), "", ""
    if asking.target == "empty":
        return Written({task.id: task.empty for task in suite.tasks}), "", ""
    return model_target(layout, asking)
