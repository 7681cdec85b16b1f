"""Streams of one protocol as those of another: whole, in order, and cut in every way."""

import json

import pytest
from anthropic.types import RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from router.kinds import Usage
from router.wires import open_stream
from tests.router.wires.conftest import ask, hop, payloads, run, sse

EVENT = TypeAdapter(RawMessageStreamEvent)
NOW = 1_790_000_000


def openai_stream():
    def chunk(finish=None, usage=None, **delta):
        choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
        return {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt",
            "choices": choices,
            "usage": usage,
        }

    def call(index, arguments, **begun):
        function = {"arguments": arguments, **({"name": begun.pop("name")} if begun else {})}
        return chunk(tool_calls=[{"index": index, "function": function, **begun}])

    return sse(
        chunk(role="assistant", content=""),
        chunk(reasoning_content="Two "),
        chunk(reasoning_content="cities."),
        chunk(content="Look"),
        chunk(content="ing é"),
        call(0, "", id="a", type="function", name="weather"),
        call(0, '{"city":'),
        call(0, '"Bern"}'),
        call(1, '{"city":"Basel"}', id="b", type="function", name="weather"),
        chunk(finish="tool_calls"),
        chunk(usage={"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}),
        "[DONE]",
    )


def anthropic_stream():
    message = {
        "id": "c1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 1},
    }  # fmt: skip

    def block(index, begun, *deltas):
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}

    def use(name):
        return {"type": "tool_use", "id": name, "name": "weather", "input": {}}

    def json_delta(text):
        return {"type": "input_json_delta", "partial_json": text}

    return sse(
        {"type": "message_start", "message": message},
        {"type": "ping"},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Two "},
            {"type": "thinking_delta", "thinking": "cities."},
            {"type": "signature_delta", "signature": "SIG"},
        ),
        *block(
            1,
            {"type": "text", "text": ""},
            {"type": "text_delta", "text": "Look"},
            {"type": "text_delta", "text": "ing é"},
        ),
        *block(2, use("a"), json_delta(""), json_delta('{"city":'), json_delta('"Bern"}')),
        *block(3, use("b"), json_delta('{"city":"Basel"}')),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
        named=True,
    )


def gemini_stream():
    def chunk(*parts, **more):
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, **more}],
            "responseId": "c1",
            "modelVersion": "gemini",
        }

    usage = {"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}
    return sse(
        chunk({"text": "Two ", "thought": True}),
        chunk({"text": "cities.", "thought": True}),
        chunk({"text": "Look"}),
        chunk({"text": "ing é"}),
        chunk(
            {"functionCall": {"id": "a", "name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "GSIG"},
            {"functionCall": {"id": "b", "name": "weather", "args": {"city": "Basel"}}},
        ),
        {**chunk({"text": ""}, finishReason="STOP"), "usageMetadata": usage},
    )


BODIES = {"openai": openai_stream(), "anthropic": anthropic_stream(), "gemini": gemini_stream()}
CROSSINGS = [("chat", "anthropic"), ("chat", "gemini"), ("messages", "openai"), ("messages", "gemini")]


def read_chat(events):
    """What OpenAI's clients put together of a stream."""
    chunks = payloads(events)
    assert chunks[-1] == "[DONE]"
    read = {"text": "", "thinking": "", "calls": {}, "finish": None, "usage": None}
    for chunk in (ChatCompletionChunk.model_validate(one) for one in chunks[:-1]):
        read["usage"] = chunk.usage or read["usage"]
        for choice in chunk.choices:
            read["text"] += choice.delta.content or ""
            read["thinking"] += getattr(choice.delta, "reasoning_content", None) or ""
            for call in choice.delta.tool_calls or ():
                known = read["calls"].setdefault(call.index, [call.id, call.function.name, ""])
                known[2] += call.function.arguments or ""
            read["finish"] = choice.finish_reason or read["finish"]
    return read


def read_messages(events):
    """What Anthropic's clients put together of a stream, minding that each block is opened and closed in turn."""
    read = {"blocks": [], "stop": None, "usage": None}
    names = [line.removeprefix("event: ") for line in events.decode().split("\n") if line.startswith("event: ")]
    opened = False
    for name, event in zip(names, (EVENT.validate_python(one) for one in payloads(events)), strict=True):
        assert name == event.type
        match event.type:
            case "content_block_start":
                assert not opened
                assert event.index == len(read["blocks"])
                opened = True
                read["blocks"].append([event.content_block, ""])
            case "content_block_delta":
                assert opened
                assert event.index == len(read["blocks"]) - 1
                delta = event.delta
                read["blocks"][-1][1] += (
                    getattr(delta, "text", "") or getattr(delta, "partial_json", "") or getattr(delta, "thinking", "")
                )
            case "content_block_stop":
                assert opened
                opened = False
            case "message_delta":
                read["stop"], read["usage"] = event.delta.stop_reason, event.usage
    assert names[0] == "message_start"
    assert names[-1] == "message_stop"
    assert not opened
    return read


@pytest.mark.parametrize(("door", "wire"), CROSSINGS)
def test_a_stream_says_the_same_in_the_other_protocol_however_it_is_cut(door, wire, at_every_boundary):
    asked = ask(door, stream=True, **({"stream_options": {"include_usage": True}} if door == "chat" else {}))
    stream, out = at_every_boundary(lambda: open_stream(asked, hop(wire), NOW), BODIES[wire])
    assert (stream.done, stream.content, stream.finish, stream.problem) == (True, True, "tool_calls", None)
    assert stream.usage.input_tokens == 9
    assert stream.usage.cached_tokens == 4
    assert stream.usage.output_tokens == 5
    cities = ['{"city":"Bern"}', '{"city":"Basel"}']
    if door == "chat":
        read = read_chat(out)
        assert (read["text"], read["thinking"], read["finish"]) == ("Looking é", "Two cities.", "tool_calls")
        calls = [(name, json.loads(arguments)) for _, name, arguments in read["calls"].values()]
        assert calls == [("weather", json.loads(city)) for city in cities]
        assert read["usage"].prompt_tokens == 9
    else:
        read = read_messages(out)
        kinds = [block.type for block, _ in read["blocks"]]
        assert kinds == ["thinking", "text", *(["thinking"] if wire == "gemini" else []), "tool_use", "tool_use"]
        assert [text for _, text in read["blocks"][:2]] == ["Two cities.", "Looking é"]
        assert [json.loads(text) for _, text in read["blocks"][-2:]] == [json.loads(city) for city in cities]
        assert (read["stop"], read["usage"].output_tokens, read["usage"].input_tokens) == ("tool_use", 5, 5)


def test_a_signature_comes_with_its_whole_thinking():
    out = run(open_stream(ask("chat", stream=True), hop("anthropic"), NOW), [BODIES["anthropic"]])
    deltas = [one["choices"][0]["delta"] for one in payloads(out)[:-1]]
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
    assert blocks == [{"type": "thinking", "thinking": "Two cities.", "signature": "SIG"}]


def test_gemini_s_signature_comes_with_its_call():
    out = run(open_stream(ask("chat", stream=True), hop("gemini"), NOW), [BODIES["gemini"]])
    calls = [call for one in payloads(out)[:-1] for call in one["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["extra_content"]["google"]["thought_signature"] for call in calls if "extra_content" in call] == [
        "GSIG"
    ]


def test_a_client_that_did_not_ask_for_usage_gets_no_event_without_choices():
    out = run(open_stream(ask("chat", stream=True), hop("anthropic"), NOW), [BODIES["anthropic"]])
    assert all(one == "[DONE]" or one["choices"] for one in payloads(out))


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_a_chat_s_stream_as_a_text_completion_s(wire):
    asked = ask("completions", prompt="x", stream=True, stream_options={"include_usage": True})
    chunks = payloads(run(open_stream(asked, hop(wire), NOW), [BODIES[wire]]))
    choices = [choice for one in chunks[:-1] for choice in one["choices"]]
    assert "".join(choice["text"] for choice in choices) == "Looking é"
    assert [choice["finish_reason"] for choice in choices][-1] == "stop"
    assert {one["object"] for one in chunks[:-1]} == {"text_completion"}
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["usage"]["prompt_tokens"] == 9


@pytest.mark.parametrize(("door", "wire"), CROSSINGS)
def test_a_stream_that_is_cut_at_any_byte_is_done_only_if_the_answer_was_whole(door, wire):
    body = BODIES[wire]
    ends = {
        "openai": b'"finish_reason": "tool_calls"',
        "anthropic": b'"stop_reason": "tool_use"',
        "gemini": b'"finishReason"',
    }
    last = body.index(ends[wire])
    for at in range(len(body)):
        stream = open_stream(ask(door, stream=True), hop(wire), NOW)
        out = run(stream, [body[:at]])
        if at < last:
            assert not stream.done
            assert b"message_stop" not in out
            assert b"[DONE]" not in out


@pytest.mark.parametrize(("door", "wire"), CROSSINGS)
def test_no_event_goes_out_in_halves(door, wire):
    stream = open_stream(ask(door, stream=True), hop(wire), NOW)
    for at in range(len(BODIES[wire])):
        out = stream.feed(BODIES[wire][at : at + 1])
        assert out == b"" or out.endswith(b"\n\n")


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        ("openai", {"error": {"message": "Overloaded", "type": "server_error"}}),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        ("gemini", {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}),
    ],
)
@pytest.mark.parametrize("after", [0, 4])
def test_an_error_inside_a_stream_stops_it(wire, error, after, at_every_boundary):
    door = "chat" if wire != "openai" else "messages"
    begun = b"".join(event + b"\n\n" for event in BODIES[wire].split(b"\n\n")[:after])
    body = begun + sse(error, named=wire == "anthropic") + begun
    stream, out = at_every_boundary(lambda: open_stream(ask(door, stream=True), hop(wire), NOW), body)
    assert stream.problem is not None
    assert (stream.problem.trouble, stream.problem.message) == ("transient", "Overloaded")
    assert (stream.done, stream.content) == (False, after > 0)
    assert b"Overloaded" not in out


@pytest.mark.parametrize("bad", ["{", "no", "[]", "7"])
@pytest.mark.parametrize(("door", "wire"), CROSSINGS)
def test_a_malformed_event_is_a_problem(door, wire, bad):
    stream = open_stream(ask(door, stream=True), hop(wire), NOW)
    run(stream, [f"data: {bad}\n\n".encode() + BODIES[wire]])
    assert stream.problem is not None
    assert stream.problem.trouble == "malformed"


def test_a_json_error_in_the_place_of_gemini_s_stream_is_seen():
    stream = open_stream(ask("chat", stream=True), hop("gemini"), NOW)
    body = json.dumps([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}], indent=1)
    assert run(stream, [body.encode()]) == b""
    assert stream.problem is not None
    assert stream.problem.trouble == "rate"


def test_usage_may_be_missing_in_any_stream():
    body = sse({"id": "c", "model": "m", "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}, "[DONE]")
    stream = open_stream(ask("messages", stream=True), hop("openai"), NOW)
    assert read_messages(run(stream, [body]))["stop"] == "end_turn"
    assert (stream.usage, stream.done) == (None, True)


def test_a_server_without_done_still_ends_well():
    body = BODIES["openai"].replace(b"data: [DONE]\n\n", b"")
    stream = open_stream(ask("messages", stream=True), hop("openai"), NOW)
    assert read_messages(run(stream, [body]))["usage"].output_tokens == 5
    assert stream.usage == Usage(input_tokens=9, cached_tokens=4, output_tokens=5)


def test_a_call_without_arguments_gets_an_empty_object():
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    }
    message = {"id": "m", "model": "claude", "usage": {"input_tokens": 1, "output_tokens": 1}}
    body = sse(
        {"type": "message_start", "message": message},
        start,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
        named=True,
    )
    assert read_chat(run(open_stream(ask("chat", stream=True), hop("anthropic"), NOW), [body]))["calls"] == {
        0: ["a", "f", "{}"]
    }


def test_two_calls_under_one_index_are_two_calls():
    def call(name):
        return {"index": 0, "id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}

    body = sse(
        {"id": "c", "model": "m", "choices": [{"delta": {"tool_calls": [call("a")]}}]},
        {"id": "c", "model": "m", "choices": [{"delta": {"tool_calls": [call("b")]}}]},
        {"id": "c", "model": "m", "choices": [{"delta": {}, "finish_reason": "stop"}]},
        "[DONE]",
    )
    read = read_messages(run(open_stream(ask("messages", stream=True), hop("openai"), NOW), [body]))
    assert [block.id for block, _ in read["blocks"]] == ["a", "b"]
    assert read["stop"] == "tool_use"


def test_mixed_arguments_of_two_calls_are_a_problem_for_a_client_that_reads_in_turn():
    def call(index, **more):
        return {"id": "c", "model": "m", "choices": [{"delta": {"tool_calls": [{"index": index, **more}]}}]}

    body = sse(
        call(0, id="a", function={"name": "f", "arguments": ""}),
        call(1, id="b", function={"name": "f", "arguments": ""}),
        call(0, function={"arguments": "{}"}),
    )
    stream = open_stream(ask("messages", stream=True), hop("openai"), NOW)
    run(stream, [body])
    assert stream.problem is not None


def test_the_forced_tool_of_an_older_claude_streams_as_text():
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "object"}}}
    body = BODIES["anthropic"].replace(b'"name": "weather"', b'"name": "answer_in_json"')
    stream = open_stream(ask("chat", stream=True, response_format=form), hop("anthropic", "claude-3-5-haiku"), NOW)
    read = read_chat(run(stream, [body]))
    assert read["text"].endswith('{"city":"Bern"}{"city":"Basel"}')
    assert (read["calls"], read["finish"]) == ({}, "stop")


@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
def test_every_stream_reaches_gemini_s_clients_however_it_is_cut(wire, at_every_boundary):
    stream, out = at_every_boundary(lambda: open_stream(ask("generate", stream=True), hop(wire), NOW), BODIES[wire])
    chunks = [GenerateContentResponse.model_validate(one) for one in payloads(out)]
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert "".join(part.text or "" for part in parts if part.thought) == "Two cities."
    assert "".join(part.text or "" for part in parts if not part.thought) == "Looking é"
    assert [part.function_call.args["city"] for part in parts if part.function_call] == ["Bern", "Basel"]
    assert (stream.done, stream.problem, stream.usage.input_tokens) == (True, None, 9)
    if wire == "gemini":
        assert out == BODIES[wire]
