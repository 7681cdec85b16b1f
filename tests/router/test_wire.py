"""Headers and events, decided without a wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.wire import ends_stream, split_events


@given(st.binary(), st.sampled_from([b"\n\n", b"\r\n\r\n"]), st.binary())
def test_splitting_loses_no_byte_and_passes_only_whole_events(before, blank, after):
    events, unfinished = split_events(before + blank + after)
    assert events + unfinished == before + blank + after
    assert events.endswith((b"\n\n", b"\r\n\r\n"))
    assert split_events(unfinished) == (b"", unfinished)


@pytest.mark.parametrize("events", [b"data: [DONE]\n\n", b"data: 1\n\ndata:[DONE]\r\n\r\n"])
def test_a_stream_ends_with_done(events):
    assert ends_stream(events)


@pytest.mark.parametrize("events", [b"", b"data: 1\n\n", b'data: "[DONE]"\n\n'])
def test_anything_else_does_not_end_a_stream(events):
    assert not ends_stream(events)
