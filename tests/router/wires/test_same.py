"""Client and provider of one protocol: nothing is lost, and the router knows what it must."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.kinds import Usage
from router.refusal import Refusal
from router.wires import answer_for, open_stream, read_request, request_for
from tests.router.wires.conftest import ask, hop, payloads, run, sse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda name: name not in {"model", "messages", "stream"}), JSON, max_size=5))
def test_only_the_model_is_replaced(fields):
    given_fields = {
        name: value
        for name, value in fields.items()
        if name not in {"temperature", "max_tokens", "max_completion_tokens", "n", "user", "tools", "functions"}
        and name != "response_format"
    }
    sent = {"model": "mine", "messages": [{"role": "user", "content": "hi"}], **given_fields}
    asked = read_request("chat", json.dumps(sent).encode())
    assert json.loads(request_for(asked, hop("openai")).body) == {**sent, "model": "gpt-4o"}


def test_values_go_on_byte_for_byte():
    body = b'{"model" : "x", "messages": [ {"role":"user","content":"\\u00e9\\n"} ], "seed": 1.0e3, "x":{"a" :1}}'
    out = request_for(read_request("chat", body), hop("openai")).body
    for kept in (b'[ {"role":"user","content":"\\u00e9\\n"} ]', b"1.0e3", b'{"a" :1}'):
        assert kept in out


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","messages":[{"role":"user","content":"hi"}],"model":"b"}',
        b'{"mod\\u0065l":"a","messages":[{"role":"user","content":"hi"}]}',
        b'{"messages":[{"role":"user","content":"hi","model":"inner"}],"model":"a"}',
    ],
)
def test_no_other_model_slips_through(body):
    out = request_for(read_request("chat", body), hop("openai")).body
    assert out.count(b'"model":"gpt-4o"') == 1
    assert json.loads(out)["model"] == "gpt-4o"
    assert b'"model":"a"' not in out
    assert b'"model":"b"' not in out


def test_a_stream_is_asked_for_its_usage():
    asked = ask("chat", stream=True, stream_options={"include_obfuscation": False})
    options = json.loads(request_for(asked, hop("openai")).body)["stream_options"]
    assert options == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("door", "wire", "path"),
    [
        ("chat", "openai", "/chat/completions"),
        ("completions", "openai", "/completions"),
        ("embeddings", "openai", "/embeddings"),
        ("messages", "anthropic", "/messages"),
        ("count_tokens", "anthropic", "/messages/count_tokens"),
    ],
)
def test_each_door_has_its_path(door, wire, path):
    fields = {"completions": {"prompt": "x"}, "embeddings": {"input": "x"}}.get(door, {})
    out = request_for(ask(door, **fields), hop(wire))
    assert out.path == path
    assert ("anthropic-version" in dict(out.headers)) == (wire == "anthropic")
    assert not any("auth" in name or "key" in name for name, _ in out.headers)


def test_a_model_that_takes_no_tools_while_it_reasons_is_told_not_to():
    tools = [{"type": "function", "function": {"name": "f"}}]
    quirky = hop("openai", "gpt-5.4", quirks=("tools-without-reasoning",))
    out = request_for(ask("chat", tools=tools, reasoning_effort="high"), quirky)
    assert json.loads(out.body)["reasoning_effort"] == "none"
    assert out.left_out == ("reasoning_effort",)
    assert "reasoning_effort" not in json.loads(request_for(ask("chat"), quirky).body)
    messages = ask("messages", tools=[{"name": "f", "input_schema": {"type": "object"}}])
    assert json.loads(request_for(messages, quirky).body)["reasoning_effort"] == "none"


WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "length"}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 7},
    },
    "x_extra": {"kept": True},
}


def test_a_whole_answer_goes_back_as_it_came():
    body = json.dumps(WHOLE, indent=1).encode()
    answered = answer_for(ask("chat"), hop("openai"), 200, body)
    assert answered.body == body
    assert (answered.status, answered.finish, answered.problem) == (200, "length", None)
    assert answered.usage == Usage(input_tokens=100, cached_tokens=60, output_tokens=20, reasoning_tokens=7)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (  # DeepSeek's names
            {"prompt_tokens": 9, "completion_tokens": 3, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
            Usage(input_tokens=9, cached_tokens=4, output_tokens=3),
        ),
        (  # reasoning beside the completion, as xAI counts it
            {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            Usage(input_tokens=9, output_tokens=13, reasoning_tokens=10),
        ),
        ({"prompt_tokens": 9, "completion_tokens": None}, Usage(input_tokens=9)),
    ],
)
def test_usage_is_read_in_every_server_s_form(usage, read):
    assert answer_for(ask("chat"), hop("openai"), 200, json.dumps({**WHOLE, "usage": usage}).encode()).usage == read


def test_anthropic_s_usage_counts_the_cache_as_input():
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": "max_tokens",
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "cache_read_input_tokens": 200,
            "output_tokens": 4,
            "output_tokens_details": {"thinking_tokens": 3},
        },
    }
    answered = answer_for(ask("messages"), hop("anthropic"), 200, json.dumps(message).encode())
    assert answered.usage == Usage(235, 200, 30, 20, 4, 3)
    assert answered.finish == "length"


def test_usage_may_be_missing():
    answered = answer_for(ask("chat"), hop("openai"), 200, json.dumps({**WHOLE, "usage": None}).encode())
    assert answered.usage is None
    assert answered.problem is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"id":"x","choices":[{"mess', b"{}", b'{"choices":[]}', b"[1]", b'{"choices":[1]}']
)
@pytest.mark.parametrize(("door", "wire"), [("chat", "openai"), ("messages", "anthropic"), ("chat", "gemini")])
def test_a_200_without_an_answer_is_a_problem(body, door, wire):
    answered = answer_for(ask(door), hop(wire), 200, body)
    assert answered.problem is not None
    assert answered.problem.trouble == "malformed"
    assert answered.status == 502
    assert b'"error"' in answered.body


@pytest.mark.parametrize(("door", "wire"), [("chat", "openai"), ("messages", "anthropic"), ("chat", "gemini")])
def test_an_error_inside_a_200_is_a_problem(door, wire):
    body = b'{"error":{"message":"the engine is overloaded","type":"server_error"}}'
    answered = answer_for(ask(door), hop(wire), 200, body)
    assert answered.problem is not None
    assert answered.problem.trouble == "transient"
    assert answered.status >= 500


def chunk(finish=None, usage=None, **delta):
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": usage,
    }


COUNTED = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
STREAM = sse(
    chunk(role="assistant", content=""),
    chunk(content='say "error" \n\n data: [DONE] é'),
    chunk(finish="stop"),
    chunk(usage=COUNTED),
    "[DONE]",
)


def test_a_chat_stream_goes_on_as_it_came_however_it_is_cut(at_every_boundary):
    asked = ask("chat", stream=True, stream_options={"include_usage": True})
    stream, out = at_every_boundary(lambda: open_stream(asked, hop("openai")), STREAM)
    assert out == STREAM
    assert (stream.done, stream.finish, stream.content, stream.problem) == (True, "stop", True, None)
    assert stream.usage == Usage(input_tokens=5, output_tokens=2)


def test_pieces_of_one_event_each_go_on_as_they_came():
    stream = open_stream(ask("chat", stream=True), hop("openai"))
    events = [event + b"\n\n" for event in STREAM.split(b"\n\n")[:-1]]
    assert [stream.feed(event) for event in events] == [*events[:3], b"", events[4]]
    assert (stream.done, stream.usage) == (True, Usage(input_tokens=5, output_tokens=2))


def test_the_usage_event_is_kept_from_a_client_that_did_not_ask(at_every_boundary):
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), STREAM)
    assert all(event == "[DONE]" or event["choices"] for event in payloads(out))
    assert stream.usage == Usage(input_tokens=5, output_tokens=2)


def test_carriage_returns_and_comments_are_understood(at_every_boundary):
    body = b": keep-alive\r\n\r\n" + STREAM.replace(b"\n", b"\r\n")
    asked = ask("chat", stream=True, stream_options={"include_usage": True})
    stream, out = at_every_boundary(lambda: open_stream(asked, hop("openai")), body)
    assert out == body
    assert (stream.done, stream.problem) == (True, None)


def test_an_event_of_several_data_lines_is_one(at_every_boundary):
    body = b'id: 7\ndata: {"choices":[{"delta":{"content":"x"},\ndata:"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), body)
    assert out == body
    assert (stream.done, stream.finish) == (True, "stop")


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
        {"function_call": {"name": "f"}},
    ],
)
def test_content_begins_with_the_first_delta_that_says_something(delta):
    stream = open_stream(ask("chat", stream=True), hop("openai"))
    stream.feed(sse(chunk(role="assistant", content="", tool_calls=None), chunk()))
    assert not stream.content
    stream.feed(sse(chunk(**delta)))
    assert stream.content


def test_an_empty_answer_is_content_too():
    stream = open_stream(ask("chat", stream=True), hop("openai"))
    stream.feed(sse(chunk(finish="stop")))
    assert stream.content


def test_text_completions_stream_too():
    body = sse({"id": "c", "choices": [{"index": 0, "text": "x", "finish_reason": "length"}]}, "[DONE]")
    stream = open_stream(ask("completions", prompt="p", stream=True), hop("openai"))
    assert run(stream, [body]) == body
    assert (stream.content, stream.finish) == (True, "length")


def test_a_missing_done_is_made_up_for_where_the_answer_is_whole(at_every_boundary):
    body = sse(chunk(content="x"), chunk(finish="stop"))
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), body)
    assert out == body + b"data: [DONE]\n\n"
    assert (stream.done, stream.usage) == (True, None)


def test_a_missing_last_blank_line_loses_nothing(at_every_boundary):
    asked = ask("chat", stream=True, stream_options={"include_usage": True})
    stream, out = at_every_boundary(lambda: open_stream(asked, hop("openai")), STREAM.rstrip())
    assert out == STREAM
    assert stream.done


def test_a_stream_that_is_cut_is_never_done(at_every_boundary):
    body = sse(chunk(content="x"), chunk(content="y"))
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), body + b'data: {"cho')
    assert out == body
    assert not stream.done
    assert stream.content


@pytest.mark.parametrize("half", [b"dat", b"data:", b"event: err", b": comment"])
def test_half_a_line_at_the_end_reaches_nobody(half):
    stream = open_stream(ask("chat", stream=True), hop("openai"))
    good = sse(chunk(content="x"))
    assert run(stream, [good + half]) == good
    assert not stream.done


@pytest.mark.parametrize("bad", ['{"choices":[{"delta"', "oops", "[1]", '{"choices":5}'])
def test_a_malformed_event_stops_the_stream_before_it(bad):
    stream = open_stream(ask("chat", stream=True), hop("openai"))
    good = sse(chunk(content="x"))
    assert run(stream, [good + f"data: {bad}\n\n".encode() + good]) == good
    assert stream.problem is not None
    assert stream.problem.trouble == "malformed"
    assert not stream.done


def test_an_error_in_the_stream_stops_it(at_every_boundary):
    body = sse(chunk(content="x"), {"error": {"message": "slow down", "type": "rate_limit_error"}}, "[DONE]")
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), body)
    assert out == sse(chunk(content="x"))
    assert stream.problem is not None
    assert stream.problem.trouble == "rate"
    assert not stream.done


def test_a_json_error_in_the_place_of_a_stream_is_seen(at_every_boundary):
    body = b'{"error":{"message":"The model is overloaded","code":503}}'
    stream, out = at_every_boundary(lambda: open_stream(ask("chat", stream=True), hop("openai")), body)
    assert out == b""
    assert stream.problem is not None
    assert (stream.problem.trouble, stream.problem.status) == ("transient", 503)


BEGUN = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None}
MESSAGES = sse(
    {
        "type": "message_start",
        "message": {**BEGUN, "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}},
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hé"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 3},
    },
    {"type": "message_stop"},
    named=True,
)


def test_an_anthropic_stream_goes_on_as_it_came_however_it_is_cut(at_every_boundary):
    stream, out = at_every_boundary(lambda: open_stream(ask("messages", stream=True), hop("anthropic")), MESSAGES)
    assert out == MESSAGES
    assert (stream.done, stream.finish, stream.problem) == (True, "stop", None)
    assert stream.usage == Usage(input_tokens=13, cached_tokens=4, output_tokens=3)


def test_an_anthropic_stream_has_content_from_its_first_delta():
    stream = open_stream(ask("messages", stream=True), hop("anthropic"))
    events = [event + b"\n\n" for event in MESSAGES.split(b"\n\n")[:-1]]
    seen = []
    for event in events:
        stream.feed(event)
        seen.append(stream.content)
    assert seen == [False, False, False, True, True, True, True]
    assert all(later or not earlier for earlier, later in pairwise(seen))


def test_an_anthropic_error_event_stops_the_stream(at_every_boundary):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body = MESSAGES.split(b"event: content_block_stop")[0]
    stream, out = at_every_boundary(
        lambda: open_stream(ask("messages", stream=True), hop("anthropic")), body + sse(error, named=True)
    )
    assert out == body
    assert stream.problem is not None
    assert (stream.problem.trouble, stream.done) == ("transient", False)


def test_a_missing_message_stop_is_made_up_for():
    stream = open_stream(ask("messages", stream=True), hop("anthropic"))
    out = run(stream, [MESSAGES.replace(b'event: message_stop\ndata: {"type": "message_stop"}\n\n', b"")])
    assert payloads(out)[-1] == {"type": "message_stop"}
    assert stream.done


@pytest.mark.parametrize(
    ("door", "wire"), [("chat", "openai"), ("messages", "anthropic"), ("chat", "anthropic"), ("messages", "gemini")]
)
def test_a_cut_ends_with_an_error_event(door, wire):
    stream = open_stream(ask(door, stream=True), hop(wire))
    event = stream.cut(Refusal(502, "upstream_cut", "the provider's connection broke"))
    assert event.startswith(b"event: error\n") == (door == "messages")
    assert payloads(event)[0]["error"]["message"] == "the provider's connection broke"
    assert not stream.done
