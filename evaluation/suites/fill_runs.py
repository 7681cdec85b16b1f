"""Runs fill-in-the-middle against a target: asks for what is not stored yet, scores it, and writes run.json."""

from collections.abc import Callable, Sequence

from evaluation.suites.fill_in_the_middle import FillSuite, FillTask, candidate, score_fills, unfit
from evaluation.suites.judging import Judge, Progress, sound_tasks
from evaluation.suites.records import Excluded, SuiteRun
from evaluation.suites.runs import RunFolder, Settings, collect, store_run
from evaluation.suites.samples import SampleStore
from evaluation.suites.targets import Ask, Target


def run_fill_suite(
    suite: FillSuite,
    target: Target,
    judge: Judge | None,
    folder: RunFolder,
    settings: Settings,
    *,
    samples: int,
    clock: Callable[[], float],
    progress: Progress,
) -> SuiteRun:
    """Measures a target. `judge` runs the tasks with tests; without one their letters decide.

    Tasks whose own middle makes no Python module, or fails its tests here, are left out with the reason. Raises
    `EvaluationError` where the target or the sandbox cannot go on; what was answered by then is stored.
    """
    started = clock()
    folder.settle(settings)
    tasks, excluded = sound_fills(suite.tasks, judge)
    with SampleStore(folder.samples) as store:
        asks = [
            Ask(task.id, number, prompt=task.prefix, suffix=task.suffix)
            for number in range(samples)
            for task in tasks
            if (task.id, number) not in store
        ]
        collect(target, asks, store, progress)
        taken = [(task, store[task.id, number]) for task in tasks for number in range(samples)]
    return store_run(
        folder,
        settings,
        score_fills(taken, judge),
        excluded,
        samples=[sample for _, sample in taken],
        isolation=judge.isolation if judge else "",
        reruns=bool(judge and judge.reruns),
        started=started,
        ended=clock(),
    )


def sound_fills(tasks: Sequence[FillTask], judge: Judge | None) -> tuple[list[FillTask], list[Excluded]]:
    """The tasks that their own middle solves, and the others."""
    reasons = {task.id: unfit(task) for task in tasks}
    excluded = [Excluded(id, reason) for id, reason in reasons.items() if reason]
    fit = [task for task in tasks if not reasons[task.id]]
    if not judge:
        return fit, excluded
    executed = [(task, candidate(task, task.middle)) for task in fit if task.executed]
    _, failing = sound_tasks(executed, judge)
    left_out = {one.id for one in failing}
    return [task for task in fit if task.id not in left_out], excluded + failing
