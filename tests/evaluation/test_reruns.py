"""Which verdict counts where several runs of the same code differ, and that none is favoured."""

from dataclasses import dataclass
from itertools import product

import pytest

from evaluation.reruns import settle, settled
from evaluation.sandbox import Candidate
from evaluation.suites.judging import Judge
from hone.records import TestCase


@dataclass(frozen=True)
class Run:
    status: str
    number: int = 1
    wall_s: float = 5.0
    cpu_s: float = 0.0


WORDS = {"p": "pass", "f": "fail", "t": "timeout", "e": "error"}


def run_through(*spelled: str):
    """Settles candidates whose runs are spelled; returns the verdicts and how often each was run."""
    asked = [1] * len(spelled)

    def again(places, number):
        for at in places:
            asked[at] += 1
            assert asked[at] == number
        return [Run(WORDS[spelled[at][number - 1]], number) for at in places]

    return settle([Run(WORDS[one[0]]) for one in spelled], again), asked


@pytest.mark.parametrize(
    ("spelled", "counts", "runs"),
    [
        ("pp", "pass", 2),
        ("ff", "fail", 2),
        ("ft", "fail", 2),  # a third run could not make it a pass
        ("fpp", "pass", 3),
        ("fpf", "fail", 3),
        ("pff", "fail", 3),
        ("pfp", "pass", 3),
        ("ptf", "timeout", 3),
        ("tpt", "timeout", 3),
    ],
)
def test_two_runs_that_agree_count_and_of_three_the_most(spelled, counts, runs):
    (verdict,), asked = run_through(spelled)
    assert (verdict.run.status, asked) == (counts, [runs])
    seen = tuple(WORDS[letter] for letter in spelled)
    assert verdict.flaky == (seen if len(set(seen)) > 1 else ())


def test_the_run_that_counts_is_the_first_with_its_verdict():
    (verdict,), _ = run_through("fpp")
    assert verdict.run.number == 2


def test_each_is_settled_by_itself():
    verdicts, asked = run_through("pp", "fpp", "ff", "pff")
    assert [verdict.run.status for verdict in verdicts] == ["pass", "pass", "fail", "fail"]
    assert asked == [2, 3, 2, 3]


def test_nothing_to_settle_runs_nothing():
    assert settle([], lambda places, number: pytest.fail("nothing is there to run")) == []


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.4, 0.5, 0.7, 1.0])
def test_code_that_passes_by_chance_is_favoured_no_more_than_code_that_fails_by_chance(chance):
    passes = 0.0
    for seen in product("pf", repeat=3):
        likely = 1.0
        for letter in seen:
            likely *= chance if letter == "p" else 1 - chance
        (verdict,), _ = run_through("".join(seen))
        passes += likely * (verdict.run.status == "pass")
    assert passes == pytest.approx(3 * chance**2 - 2 * chance**3)
    assert passes <= chance or chance > 0.5


def test_a_timeout_of_code_that_computed_all_the_time_needs_no_second_run():
    own, waited = Run("timeout", wall_s=5.0, cpu_s=4.9), Run("timeout", wall_s=5.0, cpu_s=1.0)
    again = []

    def run(places, number):
        again.extend(places)
        return [Run("timeout") for _ in places]

    assert [verdict.flaky for verdict in settle([own, waited], run)] == [(), ()]
    assert again == [1]


def test_the_commonest_failure_of_three_counts():
    assert settled([Run("error"), Run("timeout"), Run("timeout")]).run.status == "timeout"


def test_code_that_draws_lots_is_found_in_the_sandbox(best_sandbox):
    source = "import os\ndef f():\n    return os.urandom(1)[0] % 2\n"
    drawn = [Candidate(str(at), source, "f", (TestCase((), 1),)) for at in range(40)]
    steady = Candidate("steady", "def f():\n    return 1\n", "f", (TestCase((), 1),))
    *verdicts, last = Judge(best_sandbox, lambda what, done, total: None).settle([*drawn, steady])
    flaky = [verdict for verdict in verdicts if verdict.flaky]
    assert flaky  # all forty alike: once in a million million tries
    assert all(verdict.flaky.count(verdict.run.status) == 2 for verdict in flaky)
    assert (last.run.status, last.flaky) == ("pass", ())


def test_equal_candidates_share_their_runs_and_one_run_is_enough_where_no_more_is_wanted(best_sandbox):
    seen: list[tuple[str, int]] = []
    one = Candidate("a", "def f():\n    return 1\n", "f", (TestCase((), 1),))
    judge = Judge(best_sandbox, lambda what, done, total: seen.append((what, total)), reruns=False)
    assert [verdict.run.status for verdict in judge.settle([one, one])] == ["pass", "pass"]
    assert seen == [("sandboxed runs", 1)]


def run_if_certain(status):
    """Settles a run of code that is certain; returns the verdict and which places were run again."""
    asked = []

    def again(places, _number):
        asked.extend(places)
        return [Run(status)] * len(places)

    (verdict,) = settle([Run(status)], again, lambda _place: True)
    return verdict, asked


@pytest.mark.parametrize("status", ["pass", "fail"])
def test_code_that_can_come_out_one_way_only_is_run_once(status):
    verdict, asked = run_if_certain(status)
    assert (verdict.run.status, verdict.flaky, asked) == (status, (), [])


@pytest.mark.parametrize("status", ["timeout", "out-of-memory", "error", "violation"])
def test_what_can_rest_on_the_machine_is_run_again_whatever_the_code_is(status):
    assert run_if_certain(status)[1] == [0]
