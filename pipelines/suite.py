"""`hone eval run --suite …`: one benchmark, one target → a run under artifacts/evaluation/runs. No DVC stage."""

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from evaluation.sandbox import Engine, Limits, open_engine
from evaluation.suites.bfcl_rows import BfclSuite, WrongRows, load
from evaluation.suites.bfcl_targets import OfflineTarget
from evaluation.suites.code import CodeSuite, read_code_suite
from evaluation.suites.fill_in_the_middle import FillSuite
from evaluation.suites.fill_in_the_middle import load as load_fills
from evaluation.suites.fill_runs import run_fill_suite
from evaluation.suites.judging import Judge, Progress
from evaluation.suites.records import SuiteRun
from evaluation.suites.runs import prompt_format, run_bfcl, run_code_suite
from evaluation.suites.targets import Target, Written
from evaluation.suites.texts import bfcl_texts, code_programs, code_texts, fill_programs, fill_texts
from evaluation.training_data import TrainingData
from hone.config import load_config
from hone.errors import ConfigError
from hone.files import locked
from hone.fill_formats import FORMATS
from hone.layout import Layout
from pipelines.examine import examine, training_data
from pipelines.targets import Asking, check_asking, fill_target, folder_of, model_target, settings_of

SuiteName = Literal["humaneval", "mbpp", "bfcl", "fim"]
TARGETS = {
    "humaneval": ("canonical", "empty"),
    "mbpp": ("canonical", "empty"),
    "bfcl": ("ground-truth", "mutated"),
    "fim": ("canonical", "empty"),
}


@dataclass(frozen=True)
class SuiteRequest:
    """What the command line asks for."""

    suite: SuiteName
    data: Path
    asking: Asking
    fim_format: str = ""  # of fill_formats.FORMATS; empty: see `fill_target`
    reruns: bool = True  # run what is executed more than once, to find verdicts that come by chance
    engine: Engine = "local"  # where code runs
    ray_address: str = ""


def run_suite(
    layout: Layout, asked: SuiteRequest, *, progress: Progress, clock: Callable[[], float] = time.time
) -> SuiteRun:
    """Runs it, or goes on with it. Raises `ConfigError` for what cannot be meant, before anything is asked."""
    asking, offline = asked.asking, TARGETS[asked.suite]
    check_asking(asking, offline)
    check_filling(asked)
    check_engine(asked)
    training = training_data(layout, asking.target, asking.training_data)
    if asked.suite == "bfcl":
        wrong = load_config(layout.root / "configs" / "bfcl_wrong_rows.yaml", WrongRows)
        rows = load(asked.data, wrong)
        return _function_calls(layout, replace(asking, chat=False), rows, training, progress=progress, clock=clock)
    if asked.suite == "fim":
        return _filling(layout, asked, load_fills(asked.data), training, progress=progress, clock=clock)
    suite = read_code_suite(asked.data, asked.suite)
    # Opened first: where code cannot be isolated, nothing is loaded, generated or run.
    with closing(open_engine(asked.engine, Limits(), ray_address=asked.ray_address)) as sandbox:
        target, model_digest, template = _code_target(layout, asking, suite)
        prompt = f"{prompt_format(asking.chat)}\0{template if asking.chat else ''}"
        settings = settings_of(
            asking, offline, suite=suite.name, data_digest=suite.digest, model_digest=model_digest, prompt=prompt
        )
        folder = folder_of(layout, asking, settings)
        with locked(folder.lock, what=f"run `{folder.name}`"):
            judge = Judge(sandbox, progress, reruns=asked.reruns)
            run = run_code_suite(
                suite, target, judge, folder, settings, samples=asking.samples, clock=clock, progress=progress
            )
            return examine(
                run,
                folder,
                training=training,
                texts=code_texts(suite),
                proof=asking.target in offline,
                programs=lambda samples: code_programs(suite, samples, chat=settings.chat),
                progress=progress,
            )


def _function_calls(
    layout: Layout,
    asking: Asking,
    suite: BfclSuite,
    training: TrainingData | None,
    *,
    progress: Progress,
    clock: Callable[[], float],
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
        run = run_bfcl(suite, target, folder, settings, samples=asking.samples, clock=clock, progress=progress)
        proof = asking.target in offline
        return examine(run, folder, training=training, texts=bfcl_texts(suite), proof=proof, progress=progress)


def check_filling(asked: SuiteRequest) -> None:
    """Raises `ConfigError` where a gap cannot be asked for so, naming the option to change."""
    if asked.fim_format and asked.suite != "fim":
        raise ConfigError(f"`--fim-format` is of the suite fim alone; leave it out for {asked.suite}")
    if asked.fim_format and asked.fim_format not in FORMATS:
        raise ConfigError(f"`--fim-format {asked.fim_format}` is none of {', '.join(FORMATS)}")
    if asked.suite == "fim" and asked.asking.chat:
        raise ConfigError("a gap is filled in a text, not in a chat; leave out `--chat` for the suite fim")


def check_engine(asked: SuiteRequest) -> None:
    """Raises `ConfigError` where nothing would run on the cluster that was asked for, naming the option to change."""
    if asked.ray_address and asked.engine != "ray":
        raise ConfigError("`--ray-address` needs `--engine ray`")
    if asked.suite == "bfcl" and asked.engine == "ray":
        raise ConfigError("`--suite bfcl` runs no code; leave `--engine ray` out")


def _filling(
    layout: Layout,
    asked: SuiteRequest,
    suite: FillSuite,
    training: TrainingData | None,
    *,
    progress: Progress,
    clock: Callable[[], float],
) -> SuiteRun:
    asking, offline = asked.asking, TARGETS["fim"]
    executed = any(task.executed for task in suite.tasks)
    opening = open_engine(asked.engine, Limits(), ray_address=asked.ray_address) if executed else None
    with closing(opening) if opening else nullcontext() as sandbox:
        target: Target
        model_digest = prompt = ""
        if asking.target in offline:
            target = Written({one.id: one.middle if asking.target == "canonical" else "" for one in suite.tasks})
        else:
            target, model_digest, prompt = fill_target(layout, asking, asked.fim_format)
        settings = settings_of(
            asking, offline, suite="fim", data_digest=suite.digest, model_digest=model_digest, prompt=prompt
        )
        folder = folder_of(layout, asking, settings)
        with locked(folder.lock, what=f"run `{folder.name}`"):
            run = run_fill_suite(
                suite,
                target,
                Judge(sandbox, progress, reruns=asked.reruns) if sandbox else None,
                folder,
                settings,
                samples=asking.samples,
                clock=clock,
                progress=progress,
            )
            return examine(
                run,
                folder,
                training=training,
                texts=fill_texts(suite),
                proof=asking.target in offline,
                programs=lambda samples: fill_programs(suite, samples),
                progress=progress,
            )


def _code_target(layout: Layout, asking: Asking, suite: CodeSuite) -> tuple[Target, str, str]:
    """The target, the digest of a local model, and its chat template."""
    if asking.target == "canonical":
        return Written({task.id: task.solution for task in suite.tasks}), "", ""
    if asking.target == "empty":
        return Written({task.id: task.empty for task in suite.tasks}), "", ""
    return model_target(layout, asking)
