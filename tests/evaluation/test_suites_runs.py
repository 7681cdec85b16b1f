"""A run from tasks to run.json: what it leaves out, keeps, goes on with, and scores."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.sandbox import Check
from evaluation.suites.bfcl_rows import load
from evaluation.suites.code import STOP_BODY, CodeSuite, CodeTask
from evaluation.suites.judging import Judge
from evaluation.suites.records import SuiteRun
from evaluation.suites.runs import RunFolder, Settings, default_name, run_bfcl, run_code_suite
from evaluation.suites.samples import Sample, SampleStore, sample_of
from evaluation.suites.targets import Answer, Ask, Call, OnAnswer, Written
from hone.errors import EvaluationError
from hone.records import read_record

SETTINGS = Settings(
    suite="tiny",
    data_digest="sha256:d",
    target="test",
    model_digest="",
    template_digest="",
    temperature=0.0,
    max_tokens=9,
    chat=False,
)


def task(number: int, solution: str = "    return n\n") -> CodeTask:
    prompt = f"def f{number}(n):\n"
    return CodeTask(
        id=f"t{number}",
        prompt=prompt,
        prefix=prompt,
        entry_point=f"f{number}",
        solution=solution,
        empty="    pass\n",
        check=Check(setup="", assertions="assert candidate(3) == 3"),
        stop=STOP_BODY,
    )


CALL = Call(asked_at=100.0, first_token_s=0.125, tokens=3, cost_usd=0.5)
SUITE = CodeSuite(name="tiny", digest="sha256:d", tasks=tuple(task(number) for number in range(4)))


class Recorder:
    """Answers with the same text, and stops as if by Ctrl-C after so many."""

    def __init__(self, text: str = "    return n\n", stop_after: int = 1000) -> None:
        self.asked: list[tuple[str, int]] = []
        self._text = text
        self._stop_after = stop_after

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        for ask in asks:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append((ask.id, ask.sample))
            on_answer(Answer(ask.id, ask.sample, self._text, 0.5))


def measure(tmp_path: Path, target, sandbox, suite=SUITE, *, settings=SETTINGS, samples=1) -> SuiteRun:
    return run_code_suite(
        suite,
        target,
        Judge(sandbox, lambda what, done, total: None),
        RunFolder(tmp_path, "one"),
        settings,
        samples=samples,
        clock=lambda: 7.0,
        progress=lambda what, done, total: None,
    )


def results(run: SuiteRun) -> list[str]:
    return [score.result for score in run.scores]


def test_a_run_says_what_was_measured_and_is_found_again(tmp_path, best_sandbox):
    run = measure(tmp_path, Written({one.id: one.solution for one in SUITE.tasks}), best_sandbox)
    assert results(run) == ["pass"] * 4
    assert (run.name, run.suite, run.target, run.isolation) == ("one", "tiny", "test", best_sandbox.isolation)
    assert read_record(tmp_path / "one" / "run.json", SuiteRun) == run


def test_a_task_whose_own_solution_fails_is_left_out_and_not_asked(tmp_path, best_sandbox):
    suite = CodeSuite(name="tiny", digest="d", tasks=(task(0), task(1, solution="    return 4\n")))
    target = Recorder()
    run = measure(tmp_path, target, best_sandbox, suite)
    assert target.asked == [("t0", 0)]
    assert [one.id for one in run.excluded] == ["t1"]
    assert run.excluded[0].reason.startswith("its own solution: fail, assert candidate(3) == 3")


def test_a_verdict_that_changes_between_runs_is_marked_and_the_run_says_that_it_looked(tmp_path, best_sandbox):
    suite = CodeSuite(name="tiny", digest="d", tasks=tuple(task(number) for number in range(40)))
    run = measure(tmp_path, Recorder("    import os\n    return n + os.urandom(1)[0] % 2\n"), best_sandbox, suite)
    assert run.reruns
    flaky = [score for score in run.scores if score.flaky]
    assert flaky
    assert all(score.flaky.count(score.result) == 2 for score in flaky)
    assert read_record(tmp_path / "one" / "run.json", SuiteRun) == run


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, best_sandbox):
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path, Recorder(stop_after=3), best_sandbox)
    assert not (tmp_path / "one" / "run.json").exists()
    rest = Recorder()
    run = measure(tmp_path, rest, best_sandbox)
    assert rest.asked == [("t3", 0)]
    assert results(run) == ["pass"] * 4


def test_a_finished_run_is_scored_again_without_asking(tmp_path, best_sandbox):
    first = measure(tmp_path, Recorder("    return 5\n"), best_sandbox)
    nobody = Recorder(stop_after=0)
    again = measure(tmp_path, nobody, best_sandbox)
    assert nobody.asked == []
    assert results(again) == results(first) == ["fail"] * 4


def test_more_samples_can_be_added_to_a_run(tmp_path, best_sandbox):
    measure(tmp_path, Recorder(), best_sandbox)
    more = Recorder("    return 5\n")
    run = measure(tmp_path, more, best_sandbox, samples=2)
    assert more.asked == [(f"t{number}", 1) for number in range(4)]
    assert [(score.id, score.sample, score.result) for score in run.scores][:2] == [
        ("t0", 0, "pass"),
        ("t0", 1, "fail"),
    ]


def test_samples_of_other_settings_are_not_mixed(tmp_path, best_sandbox):
    measure(tmp_path, Recorder(), best_sandbox)
    changed = Settings(**{name: getattr(SETTINGS, name) for name in Settings.__struct_fields__} | {"max_tokens": 10})
    with pytest.raises(EvaluationError, match="run `one` began with max_tokens `9`, not `10`"):
        measure(tmp_path, Recorder(), best_sandbox, settings=changed)
    assert default_name(changed) != default_name(SETTINGS)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("    return n\n" + "# " + "x" * 10_000_000, "10,000,015 characters"),
        ("    return n  # \ud800\udcff\n", "no valid UTF-8"),
        ("    return n  # \0\n", "null bytes"),
        ("    return '\\ud800'\n", "lone"),
        ("    return n\n" + "(" * 100_000, ""),
        ("", ""),
    ],
    ids=["10 MB", "surrogates", "null bytes", "a surrogate made at run time", "deep", "nothing"],
)
def test_generations_that_no_one_could_run_are_errors_and_break_nothing(tmp_path, best_sandbox, text, detail):
    suite = CodeSuite(name="tiny", digest="d", tasks=(task(0), task(1)))

    class Odd(Recorder):
        def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
            for ask in asks:
                on_answer(Answer(ask.id, ask.sample, text if ask.id == "t0" else "    return n\n", 0.0))

    for _ in range(2):  # the second time from what was stored
        run = measure(tmp_path, Odd(), best_sandbox, suite)
        assert results(run) in (["error", "pass"], ["fail", "pass"], ["violation", "pass"])
        assert detail == "lone" or detail in run.scores[0].detail
        assert len(run.scores[0].generation) <= 20_000
    assert read_record(tmp_path / "one" / "run.json", SuiteRun) == run


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb"])
def test_a_run_cannot_be_named_out_of_its_folder(tmp_path, name):
    with pytest.raises(EvaluationError, match="is no name for a run"):
        RunFolder(tmp_path, name)


def test_stored_samples_are_those_that_came(tmp_path):
    with SampleStore(tmp_path / "samples") as store:
        for number in range(3):
            store.add(sample_of(Answer("a", number, f"é{number}", 0.25, call=CALL, retries=number)))
    with SampleStore(tmp_path / "samples") as store:
        store.add(sample_of(Answer("b", 0, "", 0.5)))
    again = SampleStore(tmp_path / "samples")
    assert len(again) == 4
    assert again["a", 2] == Sample("a", 2, "é2", "", 0.25, CALL, 2)
    assert again["b", 0].call is None


def test_samples_from_before_calls_were_measured_can_be_read(tmp_path):
    names = ("id", "sample", "text", "problem", "seconds")
    old = pa.table({name: [value] for name, value in zip(names, ("a", 0, "x", "", 0.5), strict=True)})
    pq.write_table(old, tmp_path / "000000.parquet")
    assert SampleStore(tmp_path)["a", 0] == Sample("a", 0, "x", "", 0.5)


def test_samples_are_written_while_more_are_coming(tmp_path):
    now = [0.0]
    with SampleStore(tmp_path, clock=lambda: now[0]) as store:
        store.add(sample_of(Answer("a", 0, "x", 0.0)))
        assert len(SampleStore(tmp_path)) == 0
        now[0] = 60.0
        store.add(sample_of(Answer("a", 1, "x", 0.0)))
        assert len(SampleStore(tmp_path)) == 2


def test_a_damaged_file_of_samples_is_named(tmp_path):
    (tmp_path / "000000.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(EvaluationError, match=r"000000\.parquet` cannot be read; remove it"):
        SampleStore(tmp_path)


def test_a_full_disk_is_named_and_what_was_written_stays(tmp_path):
    store = SampleStore(tmp_path / "file" / "samples")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EvaluationError, match=r"cannot be written: .*give the same command again"), store:
        store.add(sample_of(Answer("a", 0, "x", 0.0)))


def test_tool_calls_of_a_chat_model_are_scored(tmp_path):
    rows = tmp_path / "BFCL_v4_irrelevance.json"
    function = '{"name": "f", "description": "", "parameters": {"type": "dict", "properties": {}, "required": []}}'
    lines = [
        f'{{"id": "irrelevance_{at}", "question": [[{{"role": "user", "content": "hi"}}]], "function": [{function}]}}\n'
        for at in range(3)
    ]
    rows.write_text("".join(lines))
    called = '{"content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}'
    target = Written({"irrelevance_0": '{"content": "no"}', "irrelevance_1": called, "irrelevance_2": "\0"})
    run = run_bfcl(
        load(rows),
        target,
        RunFolder(tmp_path, "one"),
        SETTINGS,
        samples=1,
        clock=lambda: 7.0,
        progress=lambda what, done, total: None,
    )
    assert results(run) == ["pass", "fail", "error"]
