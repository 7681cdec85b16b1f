"""A suite made from a small repository with tests: everything here really runs in the sandbox."""

import json
import os
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from evaluation.sandbox import Limits
from evaluation.suites.records import SuiteRun
from evaluation.suites.repository import Measured, Suite, body_of, open_suite, prompt_of, run_repository_suite
from evaluation.suites.repository_journal import Journal
from evaluation.suites.repository_source import Place, places
from evaluation.suites.runs import RunFolder, Settings
from evaluation.suites.targets import Answer, Ask, OnAnswer, Written
from hone.errors import ConfigError, DataError, IsolationUnavailable

SHOP = '''
"""A shop's sums."""

def total(prices, *, discount=0):
    """The sum of all prices, less a discount in percent."""
    whole = sum(prices)
    return whole - whole * discount // 100


def log(text):
    _lines.append(text)
    return None


def dear(prices):
    return [price for price in prices if price > 100]


def unused():
    return 1


def declared():
    """Nothing to do."""


_lines = []


class Basket:
    def __init__(self):
        self.items = []

    def add(self, price):
        # negative prices are refunds
        self.items.append(price)
        return self
'''
TESTS = """
    import time

    import pytest
    from shop import sums

    def test_the_total():
        assert sums.total([100, 200]) == 300
        assert sums.total([100], discount=10) == 90

    def test_the_log_can_be_written():
        sums.log("sold")

    @pytest.mark.parametrize("prices", [[1], [1, 200], []])
    def test_dear_ones(prices):
        assert all(price > 100 for price in sums.dear(prices))

    def test_a_basket():
        assert sums.Basket().add(5).add(6).items == [5, 6]

    def test_that_fails():
        assert sums.total([1]) == 2
"""
LIMITS = Limits(timeout_s=30, memory_mb=512, processes=16, scratch_mb=16, output_kb=1024)
TOTAL, ADD = "shop/sums.py::total", "shop/sums.py::Basket.add"


def write_repository(root: Path, tests: str = TESTS) -> Path:
    (root / "shop").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "shop" / "__init__.py").write_text("")
    (root / "shop" / "sums.py").write_text(SHOP)
    (root / "tests" / "test_sums.py").write_text(dedent(tests))
    return root


def asked(repository: Path) -> Measured:
    return Measured(repository=repository, environment=None, plugins=False, limits=LIMITS, workers=2)


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    repository = write_repository(tmp_path_factory.mktemp("repositories") / "shop")
    with opened(repository, tmp_path_factory.mktemp("cache")) as suite:
        yield suite


class opened:  # noqa: N801 - reads as `open_suite`, which it is, where the machine can isolate
    def __init__(self, repository: Path, cache: Path, progress=quiet, **changes: object) -> None:
        self._suite = open_suite(replace(asked(repository), **changes), cache, progress)

    def __enter__(self) -> Suite:
        try:
            return self._suite.__enter__()
        except IsolationUnavailable as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))

    def __exit__(self, *error: object) -> None:
        self._suite.__exit__(*error)


def measure(suite: Suite, bodies: dict[str, str], folder: Path, target=None, *, reruns=True) -> SuiteRun:
    texts = {task.place.id: bodies.get(task.place.id, task.place.body) for task in suite.tasks}
    settings = Settings("repository", suite.digest, "written", "", "", 0.0, 0, False)
    return run_repository_suite(
        suite,
        target or Written(texts),
        RunFolder(folder, "run"),
        settings,
        samples=1,
        context=4000,
        reruns=reruns,
        clock=lambda: 0.0,
        progress=quiet,
    )


def result_of(suite: Suite, body: str, folder: Path) -> tuple[str, str]:
    """What becomes of a body of `total`."""
    only = replace(suite, tasks=tuple(task for task in suite.tasks if task.place.id == TOTAL))
    score = measure(only, {TOTAL: f"{body}\n"}, folder).scores[0]
    return score.result, score.detail


def test_tasks_are_the_functions_whose_tests_can_tell_their_body_from_none(suite):
    assert [task.place.id for task in suite.tasks] == [
        TOTAL,
        "shop/sums.py::dear",
        "shop/sums.py::Basket.__init__",
        ADD,
    ]


def test_what_is_left_out_says_why(suite):
    reasons = {one.id: one.reason for one in suite.excluded}
    assert reasons["shop/sums.py::log"] == "passes with an empty body"
    assert reasons["shop/sums.py::unused"] == "no test calls it"
    assert "assert 1 == 2" in reasons["tests/test_sums.py::test_that_fails"]


def test_original_bodies_all_pass_and_empty_ones_never(suite, tmp_path):
    original = measure(suite, {}, tmp_path / "original")
    assert {score.result for score in original.scores} == {"pass"}
    empty = measure(suite, {task.place.id: task.place.empty for task in suite.tasks}, tmp_path / "empty")
    assert "pass" not in {score.result for score in empty.scores}


def test_a_wrong_body_fails_with_the_test_that_found_it(suite, tmp_path):
    result, detail = result_of(suite, "    return sum(prices)", tmp_path)
    assert result == "fail"
    assert "test_the_total" in detail


@pytest.mark.parametrize(
    "body",
    [
        "    import os\n    os._exit(0)",
        "    raise SystemExit(0)",
        "    import pytest\n    pytest.exit('all passed', returncode=0)",
        "    import pytest\n    pytest.skip('nothing to see')",
        """\
    import os
    os.write(1, b'1 passed')
    os.write(3, b'{"returned":[{"tests/test_sums.py::test_the_total":"passed"}]}')
    os._exit(0)""",
        """\
    from _pytest.reports import TestReport
    honest = TestReport.from_item_and_call.__func__
    def all_pass(cls, item, call):
        report = honest(cls, item, call)
        report.outcome, report.longrepr = "passed", None
        return report
    TestReport.from_item_and_call = classmethod(all_pass)
    return None""",
        """\
    import _pytest.python
    _pytest.python.Function.runtest = lambda self: None
    return None""",
        """\
    import builtins
    class Always:
        __eq__ = lambda self, other: True
    builtins.AssertionError = type("Quiet", (Exception,), {})
    builtins.all = builtins.any = lambda values: True
    return Always() if discount else None""",
        "    return total.__globals__['__loader__'].load_module().total(prices, discount=discount)",
        """\
    names = {}
    exec(open(__file__).read(), names)
    return names["total"](prices, discount=discount)""",
    ],
    ids=[
        "leaving with success",
        "SystemExit",
        "ending pytest",
        "skipping the test",
        "writing a report",
        "patching the reports",
        "patching the runs",
        "patching builtins",
        "loading the module again",
        "reading the original",
    ],
)
def test_a_forged_pass_is_none(suite, tmp_path, body):
    result, _ = result_of(suite, body, tmp_path)
    assert result in {"fail", "error", "violation", "timeout"}


def test_nothing_asked_or_run_once_is_so_again(suite, tmp_path):
    class Refusing:
        def answer(self, asks: list[Ask], on_answer: OnAnswer) -> None:
            for ask in asks:
                on_answer(Answer(ask.id, ask.sample, "", 0.0, "asked again"))

    first = measure(suite, {}, tmp_path)
    executed = (tmp_path / "run" / "executed.jsonl").read_bytes()
    second = measure(suite, {}, tmp_path, target=Refusing())
    assert second.scores == first.scores
    assert (tmp_path / "run" / "executed.jsonl").read_bytes() == executed


def test_a_body_is_run_again_and_a_verdict_that_changes_is_settled_and_marked(suite, tmp_path):
    once = measure(suite, {TOTAL: "    return 0\n"}, tmp_path, reruns=False)
    path = tmp_path / "run" / "executed.jsonl"
    (key,) = [key for key, _ in map(json.loads, path.read_text().splitlines()) if key.endswith(TOTAL)]
    executed = Journal(path)
    for number in (2, 3):  # as if it passed by chance
        executed.add(f"{key} run {number}", {"status": "pass", "detail": "", "wall_s": 0.25})
    run = measure(suite, {TOTAL: "    return 0\n"}, tmp_path)
    before, after = ({score.id: score for score in one.scores} for one in (once, run))
    assert (before[TOTAL].result, before[TOTAL].flaky, once.reruns) == ("fail", (), False)
    assert (after[TOTAL].result, after[TOTAL].flaky, run.reruns) == ("pass", ("fail", "pass", "pass"), True)
    assert after[TOTAL].execute_s == 0.25
    assert {score.flaky for id, score in after.items() if id != TOTAL} == {()}


def test_a_repository_of_the_same_bytes_is_not_run_again(tmp_path):
    repository = write_repository(tmp_path / "shop")
    told: list[str] = []
    with opened(repository, tmp_path / "cache", lambda what, _done, _total: told.append(what)) as first:
        tasks = first.tasks
    before, told[:] = len(told), []
    with opened(repository, tmp_path / "cache", lambda what, _done, _total: told.append(what)) as second:
        assert second.tasks == tasks
    assert before > 0
    assert not told


def test_a_killed_run_goes_on_with_what_is_missing(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add("one", {"status": "pass"})
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('["two", {"sta')
    again = Journal(tmp_path / "journal.jsonl")
    assert "one" in again
    assert "two" not in again
    again.add("three", 3)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == ["one", "three"]


def test_flaky_tests_count_for_nothing(tmp_path):
    tests = """
        import os
        from shop import sums

        def test_now_and_then():
            sums.total([])
            assert int.from_bytes(os.urandom(8), "big") < 0, os.urandom(2).hex()

        def test_the_basket():
            assert sums.Basket().add(5).items == [5]
    """
    with opened(write_repository(tmp_path / "shop", tests), tmp_path / "cache") as suite:
        assert TOTAL not in [task.place.id for task in suite.tasks]


def test_two_runs_that_differ_are_told_as_flaky():
    from evaluation.suites.repository_tasks import cover

    def run(outcome: str) -> dict[str, object]:
        return {"outcomes": {"t.py::a": outcome}, "covered": {"t.py::a": ["f:1"]}, "problems": [], "wall_s": 1.0}

    found = cover({"t.py": (run("passed"), run("failed"))}, [])
    assert not found.tests_of
    assert [one.reason for one in found.excluded] == ["flaky: passed, then failed"]


ASYNCHRONOUS = """
    import pytest
    from shop import sums

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.anyio
    async def test_a_basket():
        assert sums.Basket().add(5).items == [5]

    def test_the_total():
        assert sums.total([100, 200]) == 300
"""


@pytest.mark.parametrize(
    ("tests", "plugins", "loaded", "judged"),
    [
        (TESTS, None, False, True),
        (ASYNCHRONOUS, None, True, True),
        (ASYNCHRONOUS, False, False, False),
    ],
    ids=["not needed", "needed", "needed and not wanted"],
)
def test_plugins_are_loaded_where_the_tests_need_them(tmp_path, tests, plugins, loaded, judged):
    repository = write_repository(tmp_path / "shop", tests)
    with opened(repository, tmp_path / "cache", plugins=plugins) as suite:
        assert suite.bench.plugins is loaded
        assert (ADD in [task.place.id for task in suite.tasks]) is judged


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ("x = 1\n", "finds no test"),
        ("import missing_module\n", "missing_module"),
        (
            "from shop import sums\ndef test_it():\n    assert sums.total([1]) == 2\n",
            "none of the repository's 1 tests",
        ),
    ],
    ids=["no tests", "a file that cannot be imported", "only failing tests"],
)
def test_a_repository_without_passing_tests_is_refused_in_one_line(tmp_path, tests, words):
    repository = write_repository(tmp_path / "shop", tests)
    with pytest.raises(DataError, match=words) as refused, opened(repository, tmp_path / "cache"):
        pass
    assert "\n" not in str(refused.value)


def test_a_folder_without_python_and_no_folder_are_refused(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("none")
    for path, words in ((tmp_path / "notes", "no Python file"), (tmp_path / "nowhere", "is no folder")):
        with pytest.raises(DataError, match=words), open_suite(asked(path), tmp_path / "cache", quiet):
            pass


def test_an_environment_without_pytest_is_refused_by_name(tmp_path):
    from evaluation.suites.repository_tree import site_packages

    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no pytest"):
        site_packages(tmp_path)
    with pytest.raises(ConfigError, match="has no packages"):
        site_packages(tmp_path / "none")


def place_of(name: str) -> Place:
    return next(place for place in places({"shop/sums.py": SHOP}) if place.name == name)


def test_a_place_cuts_a_file_around_the_body_alone():
    for place in places({"shop/sums.py": SHOP}):
        assert place.prefix + place.body + place.suffix == SHOP
    assert place_of("total").prefix.endswith('less a discount in percent."""\n')
    assert place_of("Basket.add").body.startswith("        # negative")
    assert "declared" not in [place.name for place in places({"shop/sums.py": SHOP})]


def test_a_prompt_keeps_the_signature_whatever_the_context():
    prompt = prompt_of(place_of("total"), 0)
    assert prompt.startswith("def total(")
    assert "percent" in prompt


def test_a_continued_text_ends_where_the_body_does():
    answer = "        self.items.append(price)\n        return self\n\n    def other(self):\n        return 2\n"
    place = place_of("Basket.add")
    assert body_of(answer, place, chat=False) == "        self.items.append(price)\n        return self\n"


def test_a_chat_answer_gives_its_body_with_the_imports_beside_it():
    code = 'import math\n\ndef add(self, price):\n    """Adds."""\n    if price:\n        return self\n'
    answer = f"Here:\n```python\n{code}```\n"
    body = body_of(answer, place_of("Basket.add"), chat=True)
    assert body == "        import math\n        if price:\n            return self\n"
