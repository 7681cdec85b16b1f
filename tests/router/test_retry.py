"""What follows a failure, decided without a wire or a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.retry import MAX_RESETS, PATIENCE_S, PAUSES_S, Failure, next_step, pause_s, retry_after_s
from router.wires import Problem

NOW = 1_800_000_000.0


def answered(trouble, **more):
    return Failure("said no", problem=Problem(trouble, 500, more.pop("code", "x"), "no"), **more)


def step(failure, *, tries=1, resets=0, failing_s=0.0, last=False):
    return next_step(failure, tries=tries, resets=resets, failing_s=failing_s, last=last)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"3", 3.0),
        (b"0.5", 0.5),
        (b"Fri, 15 Jan 2027 08:00:10 GMT", 10.0),
        (b"Fri, 15 Jan 2027 07:59:00 GMT", 0.0),
        (b"-4", 0.0),
        (b"nan", 0.0),
        (b"soon", 0.0),
        (b"99999999999", 3600.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header, seconds):
    assert retry_after_s([(b"retry-after", header)], NOW) == seconds


@given(st.binary(max_size=40))
def test_no_retry_after_breaks_the_router(header):
    assert 0 <= retry_after_s([(b"retry-after", header)], NOW) <= 3600


def test_the_requests_own_fault_goes_nowhere_else():
    assert step(answered("client")) == "give up"


@pytest.mark.parametrize("trouble", ["auth", "quota", "missing", "context"])
def test_what_another_try_cannot_mend_goes_to_the_next_place(trouble):
    assert step(answered(trouble), last=True) == "next place"


def test_a_failure_is_tried_once_more_where_others_stand_behind():
    assert [step(answered("transient"), tries=tries) for tries in (1, 2)] == ["again", "next place"]


def test_a_place_that_is_busy_is_left_at_once_where_others_stand_behind():
    assert step(answered("rate")) == "next place"


def test_the_last_place_is_waited_for_only_if_it_names_a_short_time():
    assert step(answered("rate", retry_after_s=1.0), last=True) == "again"
    assert step(answered("rate", retry_after_s=30.0), last=True) == "next place"


def test_the_last_place_may_be_out_of_reach_for_a_while():
    assert step(Failure("refused"), tries=50, failing_s=PATIENCE_S - 1, last=True) == "again"
    assert step(Failure("refused"), tries=50, failing_s=PATIENCE_S, last=True) == "next place"
    assert step(answered("transient", code="draining"), tries=50, last=True) == "again"


def test_a_request_that_ends_every_connection_is_given_up():
    assert step(Failure("reset", reset=True), resets=MAX_RESETS, last=True) == "next place"


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 60))
def test_a_pause_is_at_least_what_was_asked_for_and_otherwise_short(tries, random, asked_s):
    assert pause_s(Failure("refused", retry_after_s=asked_s), tries, random) >= asked_s
    assert pause_s(Failure("refused"), tries, random) <= PAUSES_S[-1]
