"""What two protocols can both say survives the way there and back."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from router.kinds import Usage
from router.wires import Unusable, answer_for, open_stream, read_request, request_for
from router.wires.chat_answers import ChatReader, ChatWriter, write_chat_answer
from router.wires.from_chat import read_chat
from router.wires.messages_answers import MessagesReader, MessagesWriter, read_messages_answer, write_messages_answer
from router.wires.pieces import reply_of
from router.wires.talk import (
    Began,
    Call,
    CallBegan,
    CallSaid,
    Counted,
    Ended,
    Over,
    Reply,
    Said,
    Text,
    Thought,
)  # fmt: skip
from tests.router.wires.conftest import ask, hop, payloads

WORDS = st.text(min_size=1, max_size=12)
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
ARGUMENTS = st.dictionaries(WORDS, st.integers() | WORDS | st.lists(st.booleans(), max_size=2), max_size=2).map(
    json.dumps
)
IDS = st.uuids().map(lambda one: f"call_{one.hex}")


@st.composite
def chats(draw):
    """A conversation that both can say: turns alternate, and each call has its result right after it."""
    messages = [{"role": "system", "content": draw(WORDS)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(WORDS)})
        calls = draw(st.lists(st.tuples(IDS, NAMES, ARGUMENTS), max_size=3, unique_by=lambda call: call[0]))
        said = {"role": "assistant", "content": draw(WORDS)}
        if calls:
            said["tool_calls"] = [
                {"id": one, "type": "function", "function": {"name": name, "arguments": arguments}}
                for one, name, arguments in calls
            ]
        messages.append(said)
        messages += [{"role": "tool", "tool_call_id": one, "content": draw(WORDS)} for one, _, _ in calls]
    messages.append({"role": "user", "content": draw(WORDS)})
    tools = [
        {"type": "function", "function": {"name": name, "description": draw(WORDS), "parameters": {"type": "object"}}}
        for name in draw(st.lists(NAMES, max_size=2, unique=True))
    ]
    chat = {"model": "gpt-4o", "messages": messages, "max_tokens": draw(st.integers(1, 999))}
    if tools:
        chat["tools"] = tools
        chat["tool_choice"] = draw(st.sampled_from(["auto", "none", "required"]))
    if draw(st.booleans()):
        chat["stop"] = draw(st.lists(WORDS, min_size=1, max_size=3))
    if draw(st.booleans()):
        chat["temperature"] = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    return chat


@given(chats())
@settings(deadline=None)
def test_a_chat_comes_back_from_anthropic_s_words(chat):
    there = request_for(read_request("chat", json.dumps(chat).encode()), hop("anthropic"))
    back = request_for(read_request("messages", there.body), hop("openai", provider="vllm"))
    read, again = read_chat(json.dumps(chat).encode(), "x"), read_chat(back.body, "x")
    assert len(read.turns) == len(again.turns)
    for one, other in zip(read.turns, again.turns, strict=True):
        assert _loose(one) == _loose(other)
    for field in ("system", "tools", "choice", "stop", "temperature"):
        assert getattr(read, field) == getattr(again, field), field


def _loose(turn):
    """Arguments as JSON."""
    return turn.role, [
        (part.id, part.name, json.loads(part.arguments)) if isinstance(part, Call) else part for part in turn.parts
    ]


@given(chats())
@settings(deadline=None)
def test_gemini_is_told_every_word(chat):
    body = json.loads(request_for(read_request("chat", json.dumps(chat).encode()), hop("gemini")).body)
    said = json.dumps(body, ensure_ascii=False)
    for message in chat["messages"]:
        assert json.dumps(message["content"], ensure_ascii=False)[1:-1] in said
    calls = [part["functionCall"] for one in body["contents"] for part in one["parts"] if "functionCall" in part]
    answers = [
        part["functionResponse"] for one in body["contents"] for part in one["parts"] if "functionResponse" in part
    ]
    assert [(one["id"], one["name"]) for one in calls] == [(one["id"], one["name"]) for one in answers]


@st.composite
def replies(draw):
    """One text, then calls: what both can say."""
    texts = draw(st.lists(WORDS.map(Text), max_size=1))
    calls = draw(
        st.lists(st.builds(Call, id=IDS, name=NAMES, arguments=ARGUMENTS), min_size=1 - len(texts), max_size=3)
    )
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    fresh, cached, out = (draw(st.integers(0, 999)) for _ in range(3))
    return Reply(
        "id",
        "m",
        (*texts, *calls),
        finish,
        "",
        Usage(input_tokens=fresh + cached, cached_tokens=cached, output_tokens=out),
    )


@given(replies())
@settings(deadline=None)
def test_a_reply_survives_both_protocols(reply):
    chat = reply_of(ChatReader().read(write_chat_answer(reply, 1)))
    message = read_messages_answer(write_messages_answer(reply))
    for back in (chat, message):
        assert [_plain(part) for part in back.parts] == [_plain(part) for part in reply.parts]
        assert (back.id, back.model, back.finish, back.usage) == ("id", "m", reply.finish, reply.usage)


def _plain(part):
    return (part.id, part.name, json.loads(part.arguments)) if isinstance(part, Call) else part.text


@st.composite
def streams(draw):
    """The pieces of a stream, in the order in which all can say them."""
    pieces = [Began("id", "m")]
    pieces += [Thought(text) for text in draw(st.lists(WORDS, max_size=2))]
    pieces += [Said(text) for text in draw(st.lists(WORDS, max_size=3))]
    calls = draw(st.lists(st.tuples(IDS, NAMES, ARGUMENTS), max_size=3, unique_by=lambda call: call[0]))
    for index, (one, name, arguments) in enumerate(calls):
        cut = draw(st.integers(0, len(arguments)))
        pieces.append(CallBegan(index, one, name))
        pieces += [CallSaid(index, part) for part in (arguments[:cut], arguments[cut:]) if part]
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    return [*pieces, Ended(finish), Counted(Usage(input_tokens=9, cached_tokens=4, output_tokens=5)), Over()]


@given(streams())
@settings(deadline=None)
def test_a_stream_survives_both_protocols(pieces):
    wanted = reply_of(pieces)
    for writer, reader in ((ChatWriter(1, wants_usage=True), ChatReader()), (MessagesWriter(), MessagesReader())):
        events = b"".join(writer.write(piece) for piece in pieces)
        read = [
            one for event in payloads(events) if event != "[DONE]" for one in reader.read(json.dumps(event).encode())
        ]
        assert reply_of(read) == wanted


@given(
    st.binary(max_size=300), st.sampled_from(["openai", "anthropic", "gemini"]), st.sampled_from(["chat", "messages"])
)
@settings(deadline=None)
def test_no_bytes_break_the_reading_of_answers(body, wire, door):
    for status in (200, 400, 500):
        answered = answer_for(ask(door), hop(wire), status, body)
        assert answered.status >= 200
        assert json.loads(answered.body) is not None
    stream = open_stream(ask(door, stream=True), hop(wire))
    stream.feed(b"data: " + body + b"\n\n")
    stream.feed(body)
    stream.close()


ANSWER_NAMES = [
    "choices", "message", "delta", "content", "tool_calls", "function", "name", "arguments", "usage", "error",
    "type", "candidates", "parts", "text", "functionCall", "args", "finishReason", "finish_reason",
    "content_block", "index",
]  # fmt: skip
REQUEST_NAMES = [
    "role", "content", "parts", "functionCall", "args", "type", "text", "image_url", "url", "tool_calls",
    "function", "name", "id", "input",
    "source", "tool_use_id", "parameters", "input_schema", "json_schema", "schema", "budget_tokens", "effort",
    "format",
]  # fmt: skip
TOP_NAMES = [
    "messages", "tools", "tool_choice", "system", "stop", "stop_sequences", "temperature", "max_tokens",
    "stream", "response_format", "output_config", "thinking", "reasoning_effort", "contents",
    "generationConfig", "prompt", "input", "model",
    "n", "metadata",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ANSWER_NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(
    JSON,
    st.sampled_from(["openai", "anthropic", "gemini"]),
    st.sampled_from(["chat", "messages", "completions", "generate"]),
)
@settings(deadline=None, max_examples=300)
def test_no_json_breaks_the_reading_of_answers(value, wire, door):
    body = json.dumps(value).encode()
    asked = ask(door, stream=True, **({"prompt": "x"} if door == "completions" else {}))
    answer_for(asked, hop(wire), 200, body)
    stream = open_stream(asked, hop(wire))
    stream.feed(b"data: " + body + b"\n\n")
    stream.close()


REQUEST_VALUES = st.sampled_from(["user", "assistant", "tool", "text", "tool_use", "function", "image"])
REQUEST_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(REQUEST_NAMES), inner | REQUEST_VALUES, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(TOP_NAMES), REQUEST_JSON),
    st.sampled_from(["chat", "messages", "completions", "embeddings", "count_tokens", "generate"]),
    st.sampled_from(["openai", "anthropic", "gemini"]),
)
@settings(deadline=None, max_examples=500)
def test_any_request_is_sent_or_refused(fields, door, wire):
    fields.setdefault("messages", [{"role": "user", "content": "hi"}])
    fields.setdefault("contents", [{"parts": [{"text": "hi"}]}])
    fields.setdefault("prompt", "x")
    fields.setdefault("input", "x")
    fields.setdefault("max_tokens", 5)
    with contextlib.suppress(Unusable):
        sent = request_for(read_request(door, json.dumps(fields).encode()), hop(wire))
        assert isinstance(json.loads(sent.body), dict)
