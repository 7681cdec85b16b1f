"""Whole answers in the client's protocol; the official SDKs' own types judge them."""

import base64
import json
import struct

from anthropic.types import Message
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from router.kinds import Usage
from router.wires import answer_for
from tests.router.wires.conftest import ask, hop

NOW = 1_790_000_000


def answered(door, wire, body, model="", **fields):
    return answer_for(ask(door, **fields), hop(wire, model), 200, json.dumps(body).encode(), NOW)


CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Two cities.", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "HIDDEN"},
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 40},
}
GPT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 5,
    "model": "gpt-4o-2024-11-20",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Looking.",
                "reasoning_content": "Two cities.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
                    },
                    {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 105,
        "completion_tokens": 40,
        "total_tokens": 145,
        "prompt_tokens_details": {"cached_tokens": 90},
        "completion_tokens_details": {"reasoning_tokens": 12},
    },
}
GOOGLE = {
    "responseId": "resp1",
    "modelVersion": "gemini-3-pro-preview",
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Two cities.", "thought": True},
                    {"text": "Looking."},
                    {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "GSIG"},
                    {"functionCall": {"name": "weather", "args": {}}},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 105,
        "cachedContentTokenCount": 90,
        "candidatesTokenCount": 28,
        "thoughtsTokenCount": 12,
        "totalTokenCount": 145,
    },
}


def test_claude_s_answer_as_a_chat_completion():
    out = answered("chat", "anthropic", CLAUDE)
    chat = ChatCompletion.model_validate_json(out.body, strict=True)
    message = chat.choices[0].message
    assert (chat.id, chat.created, chat.model) == ("msg_1", NOW, "claude-sonnet-4-5-20250929")
    assert (message.content, chat.choices[0].finish_reason) == ("Looking.", "tool_calls")
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls] == [
        ("toolu_1", "weather", {"city": "Bern"}),
        ("toolu_2", "weather", {}),
    ]
    assert message.reasoning_content == "Two cities."
    assert message.thinking_blocks == CLAUDE["content"][:2]
    assert (chat.usage.prompt_tokens, chat.usage.completion_tokens) == (105, 40)
    assert chat.usage.prompt_tokens_details.cached_tokens == 90
    assert out.usage == Usage(input_tokens=105, cached_tokens=90, cache_write_tokens=5, output_tokens=40)


def test_gpt_s_answer_as_a_message():
    out = answered("messages", "openai", GPT)
    message = Message.model_validate_json(out.body, strict=True)
    assert (message.id, message.stop_reason) == ("chatcmpl-1", "tool_use")
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.input for block in message.content[2:]] == [{"city": "Bern"}, {}]
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        15,
        90,
        40,
    )
    assert out.usage == Usage(input_tokens=105, cached_tokens=90, output_tokens=40, reasoning_tokens=12)


def test_gemini_s_answer_as_a_chat_completion():
    out = answered("chat", "gemini", GOOGLE)
    chat = ChatCompletion.model_validate_json(out.body, strict=True)
    message = chat.choices[0].message
    assert (chat.id, message.content, chat.choices[0].finish_reason) == ("resp1", "Looking.", "tool_calls")
    first, second = message.tool_calls
    assert first.id != second.id
    assert json.loads(first.function.arguments) == {"city": "Bern"}
    assert first.extra_content == {"google": {"thought_signature": "GSIG"}}
    assert out.usage == Usage(input_tokens=105, cached_tokens=90, output_tokens=40, reasoning_tokens=12)


def test_gemini_s_answer_as_a_message():
    message = Message.model_validate_json(answered("messages", "gemini", GOOGLE).body, strict=True)
    assert [block.type for block in message.content] == ["thinking", "text", "thinking", "tool_use", "tool_use"]
    assert message.content[2].signature == "gemini:GSIG"
    assert message.stop_reason == "tool_use"


def test_gemini_s_signature_finds_its_way_back_through_either_door():
    from router.wires import request_for

    for door in ("chat", "messages"):
        said = json.loads(answered(door, "gemini", GOOGLE).body)
        turn = said["choices"][0]["message"] if door == "chat" else {"role": "assistant", "content": said["content"]}
        turns = [{"role": "user", "content": "x"}, turn]
        body = json.loads(request_for(ask(door, messages=turns), hop("gemini", "gemini-3-pro-preview")).body)
        calls = [part for part in body["contents"][1]["parts"] if "functionCall" in part]
        assert [call.get("thoughtSignature") for call in calls] == ["GSIG", None]


def test_reasons_to_stop_are_translated():
    claude = {
        "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "refusal": "content_filter",
        "model_context_window_exceeded": "length", "pause_turn": "stop",
    }  # fmt: skip
    for reason, finish in claude.items():
        body = {**CLAUDE, "content": [{"type": "text", "text": "x"}], "stop_reason": reason}
        assert json.loads(answered("chat", "anthropic", body).body)["choices"][0]["finish_reason"] == finish
    google = {"STOP": "end_turn", "MAX_TOKENS": "max_tokens", "SAFETY": "refusal", "RECITATION": "refusal"}
    for reason, stopped in google.items():
        candidate = {"content": {"parts": [{"text": "x"}]}, "finishReason": reason}
        assert json.loads(answered("messages", "gemini", {"candidates": [candidate]}).body)["stop_reason"] == stopped
    gpt = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
    for reason, stopped in gpt.items():
        choice = {"message": {"content": "x"}, "finish_reason": reason}
        assert json.loads(answered("messages", "openai", {**GPT, "choices": [choice]}).body)["stop_reason"] == stopped


def test_a_stop_sequence_is_named_where_it_is_known():
    message = {**CLAUDE, "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert answered("chat", "anthropic", message).finish == "stop"
    out = answered("messages", "anthropic", message)
    assert json.loads(out.body)["stop_sequence"] == "END"


def test_a_prompt_that_gemini_blocks_is_a_refusal():
    out = answered(
        "chat", "gemini", {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    )
    assert ChatCompletion.model_validate_json(out.body).choices[0].finish_reason == "content_filter"
    assert (out.finish, out.usage) == ("content_filter", Usage(input_tokens=4))


def test_an_answer_that_gemini_spoilt_is_a_problem():
    out = answered("chat", "gemini", {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]})
    assert out.problem is not None
    assert out.problem.trouble == "malformed"


def test_a_refusal_of_openai_s_is_one_for_anthropic_s_clients():
    choice = {"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}
    message = Message.model_validate_json(answered("messages", "openai", {**GPT, "choices": [choice]}).body)
    assert (message.content[0].text, message.stop_reason) == ("I cannot.", "refusal")


def test_calls_after_which_a_server_says_stop_are_calls():
    choice = {**GPT["choices"][0], "finish_reason": "stop"}
    assert answered("messages", "openai", {**GPT, "choices": [choice]}).finish == "tool_calls"


def test_arguments_that_are_no_object_are_a_problem():
    call = {"id": "c", "function": {"name": "f", "arguments": "{oops"}}
    choice = {"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    out = answered("messages", "openai", {**GPT, "choices": [choice]})
    assert out.problem is not None
    assert out.problem.trouble == "malformed"


def test_the_forced_tool_of_an_older_claude_is_the_answer():
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "object"}}}
    content = [{"type": "tool_use", "id": "t", "name": "answer_in_json", "input": {"x": 1}}]
    out = answered(
        "chat", "anthropic", {**CLAUDE, "content": content}, "claude-3-5-haiku-20241022", response_format=form
    )
    choice = ChatCompletion.model_validate_json(out.body).choices[0]
    assert json.loads(choice.message.content) == {"x": 1}
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)


def test_a_chat_s_answer_as_a_text_completion():
    body = {**CLAUDE, "content": [{"type": "text", "text": "return 1"}], "stop_reason": "max_tokens"}
    out = answered("completions", "anthropic", body, prompt="def f():")
    choice = Completion.model_validate_json(out.body, strict=True).choices[0]
    assert (choice.text, choice.finish_reason) == ("return 1", "length")


def test_gemini_s_embeddings_as_openai_s():
    body = {"embeddings": [{"values": [0.5, -1.0]}, {"values": [2.0, 0.25]}], "usageMetadata": {"promptTokenCount": 7}}
    out = answered("embeddings", "gemini", body, input=["a", "b"])
    read = CreateEmbeddingResponse.model_validate_json(out.body, strict=True)
    assert [one.embedding for one in read.data] == [[0.5, -1.0], [2.0, 0.25]]
    assert read.usage.prompt_tokens == 7
    packed = json.loads(answered("embeddings", "gemini", body, input=["a"], encoding_format="base64").body)
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (0.5, -1.0)


def test_gemini_s_count_as_anthropic_s():
    assert json.loads(answered("count_tokens", "gemini", {"totalTokens": 31}).body) == {"input_tokens": 31}
