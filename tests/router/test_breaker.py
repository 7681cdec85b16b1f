"""Circuit breakers, on a clock of the test."""

import pytest

from router.breaker import COOLDOWN_S, FAILURES, LONGEST_COOLDOWN_S, Breakers

KEY = ("p", "m")


@pytest.fixture
def breakers():
    return Breakers()


def fail(breakers, times=FAILURES, now=0.0):
    for _ in range(times):
        breakers.failed(KEY, now, "reset")


def test_it_opens_at_the_last_of_several_failures_in_a_row(breakers):
    fail(breakers, FAILURES - 1)
    assert breakers.admits(KEY, 0)
    fail(breakers, 1)
    assert not breakers.admits(KEY, 0)
    assert breakers.open == {KEY: "reset"}


def test_a_success_between_starts_the_count_anew(breakers):
    fail(breakers, FAILURES - 1)
    breakers.succeeded(KEY)
    fail(breakers, FAILURES - 1)
    assert breakers.admits(KEY, 0)


def test_half_open_admits_one_probe_and_no_second(breakers):
    fail(breakers)
    breakers.refresh(COOLDOWN_S)
    assert breakers.open == {}
    assert breakers.admits(KEY, COOLDOWN_S)
    assert not breakers.admits(KEY, COOLDOWN_S)
    assert KEY in breakers.open


def test_a_probe_that_succeeds_closes_it(breakers):
    fail(breakers)
    breakers.admits(KEY, COOLDOWN_S)
    breakers.succeeded(KEY)
    assert breakers.admits(KEY, COOLDOWN_S)
    assert breakers.admits(KEY, COOLDOWN_S)


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit(breakers):
    fail(breakers)
    now = COOLDOWN_S
    for expected in (10.0, 20.0, 40.0, LONGEST_COOLDOWN_S, LONGEST_COOLDOWN_S):
        assert breakers.admits(KEY, now)
        fail(breakers, 1, now)
        assert not breakers.admits(KEY, now + expected - 0.1)
        now += expected


def test_a_probe_that_was_taken_back_makes_room_for_another(breakers):
    fail(breakers)
    breakers.admits(KEY, COOLDOWN_S)
    breakers.left(KEY)
    assert breakers.admits(KEY, COOLDOWN_S)


def test_the_deadline_is_the_later_of_the_old_and_the_new_one(breakers):
    breakers.failed(KEY, 0, "busy", retry_after_s=30)
    breakers.failed(KEY, 1, "busy", retry_after_s=2)
    assert not breakers.admits(KEY, 29)
    assert breakers.admits(KEY, 30)


def test_it_opens_at_once_for_as_long_as_a_provider_asks(breakers):
    breakers.failed(KEY, 0, "busy", retry_after_s=7)
    assert not breakers.admits(KEY, 6.9)
    assert breakers.admits(KEY, 7)


def test_what_another_worker_found_holds_here_too(breakers):
    breakers.hear(KEY, 5.0, "elsewhere")
    assert not breakers.admits(KEY, 4)
    breakers.hear(KEY, 3.0, "older news")
    assert not breakers.admits(KEY, 4.9)


def test_changes_are_told_once_each(breakers):
    told = []
    breakers.on_change(lambda key, span_s: told.append(span_s))
    fail(breakers)
    breakers.succeeded(KEY)
    breakers.succeeded(KEY)
    assert told == [COOLDOWN_S, 0.0]
