"""Requests in the words of another protocol: what each side can say arrives, the rest is refused by name."""

import json

import pytest
from google.genai import types as gemini

from router.wires import Unusable, request_for
from tests.router.wires.conftest import ask, hop

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
PIXEL = "iVBORw0KGgo="
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Bern and Basel?"},
    {
        "role": "assistant",
        "content": "Looking.",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Basel"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "tool", "tool_call_id": "call_2", "content": '{"sky": "clear"}'},
    {"role": "user", "content": "And tomorrow?"},
]
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": SCHEMA}}]


def sent(asked, to):
    return json.loads(request_for(asked, to).body)


def test_a_chat_with_tools_is_said_to_anthropic():
    assert sent(
        ask("chat", messages=TALK, tools=CHAT_TOOLS, max_tokens=50, stop="END", user="ann"), hop("anthropic")
    ) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "ann"},
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Weather in Bern and Basel?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Bern"}},
                    {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"city": "Basel"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": '{"sky": "clear"}'},
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "Of a city.", "input_schema": SCHEMA}],
    }


def test_a_chat_with_tools_is_said_to_gemini():
    out = request_for(ask("chat", messages=TALK, tools=CHAT_TOOLS, max_tokens=50, stop=["END"], seed=3), hop("gemini"))
    assert out.path == "/models/gemini-2.5-pro:generateContent"
    body = json.loads(out.body)
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Bern and Basel?"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Looking."},
                    {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Bern"}}},
                    {"functionCall": {"id": "call_2", "name": "weather", "args": {"city": "Basel"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "call_1", "name": "weather", "response": {"output": "rain"}}},
                    {"functionResponse": {"id": "call_2", "name": "weather", "response": {"sky": "clear"}}},
                    {"text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [
            {"functionDeclarations": [{"name": "weather", "description": "Of a city.", "parametersJsonSchema": SCHEMA}]}
        ],
        "generationConfig": {"maxOutputTokens": 50, "stopSequences": ["END"], "seed": 3},
    }
    for content in body["contents"]:
        gemini.Content.model_validate(content)
    gemini.GenerationConfig.model_validate(body["generationConfig"])
    gemini.Tool.model_validate(body["tools"][0])


MESSAGES = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "They mean Bern.", "signature": "sig"},
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Here:"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no network", "is_error": True},
            ],
        },
    ],
    "tools": [{"name": "weather", "description": "Of a city.", "input_schema": SCHEMA}],
    "stop_sequences": ["END"],
}


def test_messages_with_tools_are_said_to_openai():
    assert sent(ask("messages", **MESSAGES, max_tokens=50, stream=True), hop("openai")) == {
        "model": "gpt-4o",
        "max_completion_tokens": 50,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {
                        "id": "toolu_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: no network"},
            {"role": "user", "content": "Here:"},
        ],
        "tools": CHAT_TOOLS,
    }


def test_messages_with_tools_are_said_to_gemini():
    out = request_for(ask("messages", **MESSAGES, stream=True), hop("gemini"))
    assert out.path == "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    contents = json.loads(out.body)["contents"]
    assert contents[1]["parts"][0] == {"text": "Looking."}  # another provider's thinking stays behind
    assert contents[2]["parts"] == [
        {"text": "Here:"},
        {"functionResponse": {"id": "toolu_1", "name": "weather", "response": {"error": "no network"}}},
    ]


def test_deepseek_gets_its_reasoning_back():
    to = hop("openai", "deepseek-reasoner", "deepseek")
    message = sent(ask("messages", **MESSAGES), to)["messages"][2]
    assert message["reasoning_content"] == "They mean Bern."


def test_tokens_are_counted_by_gemini_too():
    out = request_for(ask("count_tokens", **MESSAGES), hop("gemini"))
    assert out.path == "/models/gemini-2.5-pro:countTokens"
    assert json.loads(out.body)["generateContentRequest"]["model"] == "models/gemini-2.5-pro"


def test_openai_s_protocol_counts_no_tokens():
    with pytest.raises(Unusable, match="counts no tokens"):
        request_for(ask("count_tokens"), hop("openai"))


@pytest.mark.parametrize(
    ("choice", "anthropic", "google"),
    [
        ("auto", {"type": "auto"}, {"mode": "AUTO"}),
        ("none", {"type": "none"}, {"mode": "NONE"}),
        ("required", {"type": "any"}, {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "weather"}},
            {"type": "tool", "name": "weather"},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_the_choice_of_tools_is_translated(choice, anthropic, google):
    asked = ask("chat", tools=CHAT_TOOLS, tool_choice=choice)
    assert sent(asked, hop("anthropic"))["tool_choice"] == anthropic
    assert sent(asked, hop("gemini"))["toolConfig"]["functionCallingConfig"] == google
    back = ask("messages", tools=MESSAGES["tools"], tool_choice=anthropic)
    assert sent(back, hop("openai"))["tool_choice"] == choice


def test_one_call_at_a_time_is_asked_of_those_who_can():
    asked = ask("chat", tools=CHAT_TOOLS, parallel_tool_calls=False)
    assert sent(asked, hop("anthropic"))["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    with pytest.raises(Unusable) as refused:
        request_for(asked, hop("gemini"))
    assert refused.value.param == "parallel_tool_calls"
    back = ask("messages", tools=MESSAGES["tools"], tool_choice={"type": "any", "disable_parallel_tool_use": True})
    assert sent(back, hop("openai"))["parallel_tool_calls"] is False


def image(url):
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, "detail": "high"}}]}]


def test_images_as_data_reach_all():
    asked = ask("chat", messages=image(f"data:image/png;base64,{PIXEL}"))
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    assert sent(asked, hop("anthropic"))["messages"][0]["content"] == [block]
    assert sent(asked, hop("gemini"))["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    ]
    back = sent(ask("messages", messages=[{"role": "user", "content": [block]}]), hop("openai"))["messages"][0]
    assert back["content"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]


def test_images_by_url_reach_all():
    asked = ask("chat", messages=image("https://example.org/a.png?x=1"))
    block = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png?x=1"}}
    assert sent(asked, hop("anthropic"))["messages"][0]["content"] == [block]
    file = {"fileData": {"fileUri": "https://example.org/a.png?x=1", "mimeType": "image/png"}}
    assert sent(asked, hop("gemini"))["contents"][0]["parts"] == [file]
    back = sent(ask("messages", messages=[{"role": "user", "content": [block]}]), hop("openai"))["messages"][0]
    assert back["content"] == [{"type": "image_url", "image_url": {"url": "https://example.org/a.png?x=1"}}]


def test_a_picture_that_is_neither_is_refused():
    with pytest.raises(Unusable, match="http"):
        request_for(ask("chat", messages=image("/tmp/a.png")), hop("anthropic"))


def test_a_tool_s_picture_follows_in_a_message_of_the_user():
    content = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    turns = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": content}]},
    ]
    messages = sent(ask("messages", messages=turns), hop("openai"))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "user"]
    assert messages[3]["content"][0]["type"] == "image_url"


def test_a_document_reaches_all():
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}}
    asked = ask("chat", messages=[{"role": "user", "content": [part]}])
    source = {"type": "base64", "media_type": "application/pdf", "data": PIXEL}
    block = {"type": "document", "source": source, "title": "a.pdf"}
    assert sent(asked, hop("anthropic"))["messages"][0]["content"] == [block]
    back = sent(ask("messages", messages=[{"role": "user", "content": [block]}]), hop("openai"))
    assert back["messages"][0]["content"] == [part]


def test_a_sound_reaches_gemini_only():
    part = {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}}
    asked = ask("chat", messages=[{"role": "user", "content": [part]}])
    sound = {"inlineData": {"mimeType": "audio/mp3", "data": PIXEL}}
    assert sent(asked, hop("gemini"))["contents"][0]["parts"] == [sound]
    with pytest.raises(Unusable, match="input_audio"):
        request_for(asked, hop("anthropic"))


FORMAT = {"type": "json_schema", "json_schema": {"name": "point", "schema": SCHEMA, "strict": True}}


def test_a_schema_for_the_answer_reaches_all():
    asked = ask("chat", response_format=FORMAT)
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert sent(asked, hop("anthropic"))["output_config"] == form
    config = sent(asked, hop("gemini"))["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    back = sent(ask("messages", output_config=form), hop("openai"))["response_format"]
    assert back == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


def test_an_older_claude_is_held_to_a_schema_by_a_forced_tool():
    body = sent(ask("chat", response_format=FORMAT), hop("anthropic", "claude-3-5-haiku-20241022"))
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}
    with pytest.raises(Unusable) as refused:
        request_for(
            ask("chat", response_format=FORMAT, tools=CHAT_TOOLS), hop("anthropic", "claude-3-5-haiku-20241022")
        )
    assert refused.value.param == "response_format"


def test_any_json_is_asked_for_in_words_where_there_is_no_other_way():
    asked = ask("chat", response_format={"type": "json_object"})
    assert "JSON" in sent(asked, hop("anthropic"))["system"]
    assert sent(asked, hop("gemini"))["generationConfig"] == {"responseMimeType": "application/json"}


def test_sampling_reaches_those_who_sample():
    asked = ask("chat", temperature=0.3, top_p=0.9)
    older = sent(asked, hop("anthropic", "claude-3-5-haiku-20241022"))
    assert (older["temperature"], older["top_p"]) == (0.3, 0.9)
    assert sent(asked, hop("gemini"))["generationConfig"] == {"temperature": 0.3, "topP": 0.9}
    back = sent(ask("messages", temperature=0.3, top_p=0.9), hop("openai"))
    assert (back["temperature"], back["top_p"]) == (0.3, 0.9)


def test_a_claude_that_takes_one_of_both_gets_the_temperature():
    out = request_for(ask("chat", temperature=0.3, top_p=0.9), hop("anthropic", "claude-sonnet-4-5"))
    assert "top_p" not in json.loads(out.body)
    assert out.left_out == ("top_p",)


def test_a_claude_that_takes_neither_gets_neither_and_it_is_said():
    out = request_for(ask("chat", temperature=0.3), hop("anthropic", "claude-opus-4-7"))
    assert "temperature" not in json.loads(out.body)
    assert out.left_out == ("temperature",)


def test_a_temperature_that_anthropic_does_not_know_is_refused():
    with pytest.raises(Unusable, match="0 to 1"):
        request_for(ask("chat", temperature=1.5), hop("anthropic"))


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("claude-opus-4-7", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ("claude-sonnet-4-6", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("claude-sonnet-4-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("claude-opus-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-4-5", "none", {}),
        ("claude-3-5-haiku-20241022", "high", {}),
    ],
)
def test_effort_is_put_into_each_claude_s_words(model, effort, wanted):
    body = sent(ask("chat", reasoning_effort=effort, max_tokens=9000), hop("anthropic", model))
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == wanted


def test_a_thinking_budget_stays_below_the_limit():
    body = sent(ask("chat", reasoning_effort="high", max_tokens=4000), hop("anthropic"))
    assert body["thinking"]["budget_tokens"] == 3999


def test_thinking_does_not_go_with_a_forced_tool():
    asked = ask("chat", reasoning_effort="high", tools=CHAT_TOOLS, tool_choice="required", max_tokens=9000)
    out = request_for(asked, hop("anthropic"))
    assert "thinking" not in json.loads(out.body)
    assert out.left_out == ("reasoning_effort",)


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("gemini-2.5-flash", {"thinkingBudget": 8192}),
        ("gemini-3-flash-preview", {"thinkingLevel": "medium"}),
    ],
)
def test_effort_is_put_into_each_gemini_s_words(model, wanted):
    config = sent(ask("chat", reasoning_effort="medium"), hop("gemini", model))["generationConfig"]
    assert config["thinkingConfig"] == wanted


def test_a_budget_for_thinking_becomes_an_effort():
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    asked = ask("messages", thinking=thinking, max_tokens=30_000)
    assert sent(asked, hop("openai", "gpt-5-mini"))["reasoning_effort"] == "high"
    config = sent(asked, hop("gemini"))["generationConfig"]["thinkingConfig"]
    assert config == {"thinkingBudget": 20_000, "includeThoughts": True}


def test_a_model_that_does_not_reason_is_not_asked_to_and_it_is_said():
    out = request_for(
        ask("messages", thinking={"type": "enabled", "budget_tokens": 2000}, max_tokens=3000), hop("openai")
    )
    assert "reasoning_effort" not in json.loads(out.body)
    assert out.left_out == ("thinking",)


def test_gemini_s_signatures_come_back_to_it():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    signed = {**call, "extra_content": {"google": {"thought_signature": "SIG"}}}
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [signed, {**call, "id": "d"}]}]
    parts = sent(ask("chat", messages=turns), hop("gemini", "gemini-3-pro-preview"))["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["SIG", None]


def test_a_call_that_another_model_made_is_said_to_have_no_signature():
    parts = sent(ask("chat", messages=TALK), hop("gemini", "gemini-3-pro-preview"))["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, "skip_thought_signature_validator", None]


def test_anthropic_s_thinking_comes_back_to_it_through_openai_s_messages():
    block = {"type": "thinking", "thinking": "hm", "signature": "SIG"}
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "y", "reasoning_content": "hm", "thinking_blocks": [block]},
        {"role": "user", "content": "z"},
    ]
    content = sent(ask("chat", messages=turns), hop("anthropic"))["messages"][1]["content"]
    assert content == [block, {"type": "text", "text": "y"}]


def test_hints_for_the_cache_reach_anthropic():
    part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
    body = sent(
        ask("chat", messages=[{"role": "system", "content": [part]}, {"role": "user", "content": "x"}]),
        hop("anthropic"),
    )
    assert body["system"] == [part]


def test_a_limit_is_found_where_the_client_set_none():
    assert sent(ask("chat"), hop("anthropic"))["max_tokens"] == 4096
    assert sent(ask("chat"), hop("anthropic", max_output_tokens=64_000))["max_tokens"] == 64_000


def test_the_limit_has_each_server_s_name():
    assert sent(ask("messages", max_tokens=5), hop("openai"))["max_completion_tokens"] == 5
    other = {**{"wire": "openai"}, "model": "deepseek-chat", "provider": "deepseek"}
    deepseek = hop(**other).__class__("deepseek", "d", "d", "openai", "https://api.deepseek.com/v1")
    assert sent(ask("messages", max_tokens=5), deepseek)["max_tokens"] == 5


def test_old_functions_are_tools():
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]
    asked = ask("chat", messages=turns, functions=[{"name": "f", "parameters": SCHEMA}], function_call={"name": "f"})
    body = sent(asked, hop("anthropic"))
    call, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
    assert call["id"] == result["tool_use_id"]
    assert body["tool_choice"] == {"type": "tool", "name": "f"}


def test_ids_that_anthropic_does_not_take_are_mended_alike():
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "functions.f:0", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "1"},
    ]
    messages = sent(ask("chat", messages=turns), hop("anthropic"))["messages"]
    assert messages[1]["content"][0]["id"] == messages[2]["content"][0]["tool_use_id"] == "functions_f_0"


def test_arguments_that_are_no_json_are_named():
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{oops"}}]},
    ]
    for wire in ("anthropic", "gemini"):
        with pytest.raises(Unusable, match="oops"):
            request_for(ask("chat", messages=turns), hop(wire))


def test_a_result_without_its_call_cannot_be_said_to_gemini():
    turns = [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "gone", "content": "1"}]
    with pytest.raises(Unusable, match="gone"):
        request_for(ask("chat", messages=turns), hop("gemini"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"a_new_parameter": 1}, "a_new_parameter"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"top_k": 5, "tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"messages": [{"role": "user", "content": "x", "extra": 1}]}, "messages[0].extra"),
        ({"messages": [{"role": "user", "content": [{"type": "video", "video": 1}]}]}, "messages[0].content[0].type"),
    ],
)
def test_what_anthropic_has_no_place_for_is_refused_by_name(fields, param):
    with pytest.raises(Unusable) as refused:
        request_for(ask("chat", **fields), hop("anthropic"))
    assert refused.value.param == param
    assert param in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 5}, "top_k"),
        ({"container": "x"}, "container"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "odd": 1}]}]},
            "messages[0].content[0].odd",
        ),
    ],
)
def test_what_openai_has_no_place_for_is_refused_by_name(fields, param):
    with pytest.raises(Unusable) as refused:
        request_for(ask("messages", **fields), hop("openai"))
    assert refused.value.param == param


def test_what_asks_for_nothing_is_no_obstacle():
    asked = ask(
        "chat", n=1, logprobs=False, logit_bias={}, presence_penalty=0, frequency_penalty=0.0, modalities=["text"],
        tool_choice=None, stop=None, audio=None,
    )  # fmt: skip
    for wire in ("anthropic", "gemini"):
        assert request_for(asked, hop(wire)).left_out == ()


def test_the_harmless_is_left_out_and_said():
    asked = ask("chat", store=True, metadata={"a": "b"}, service_tier="auto", seed=1, verbosity="low")
    out = request_for(asked, hop("anthropic"))
    assert set(out.left_out) == {"store", "metadata", "service_tier", "seed", "verbosity"}


def test_a_text_completion_becomes_a_chat_where_there_is_no_other_door():
    asked = ask("completions", prompt="def f(", suffix="return 1", max_tokens=30, stop="\n\n")
    body = sent(asked, hop("anthropic"))
    assert body["messages"] == [{"role": "user", "content": "def f(<GAP/>return 1"}]
    assert "gap" in body["system"]
    assert (body["max_tokens"], body["stop_sequences"]) == (30, ["\n\n"])
    assert sent(asked, hop("gemini"))["generationConfig"]["maxOutputTokens"] == 30


@pytest.mark.parametrize("fields", [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": "a", "echo": True}])
def test_a_text_completion_that_no_chat_can_stand_in_for_is_refused(fields):
    with pytest.raises(Unusable):
        request_for(ask("completions", **fields), hop("anthropic"))


def test_embeddings_are_asked_of_gemini_all_at_once():
    out = request_for(ask("embeddings", input=["a", "b"], dimensions=64), hop("gemini", "gemini-embedding-001"))
    assert out.path == "/models/gemini-embedding-001:batchEmbedContents"
    first = {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 64}
    assert json.loads(out.body)["requests"][0] == first
    with pytest.raises(Unusable, match="no embeddings"):
        request_for(ask("embeddings", input="a"), hop("anthropic"))


GENERATE = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Weather?"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Bern"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"output": "rain"}}}]},
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Of a city.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"city": {"type": "STRING", "nullable": True}},
                        "propertyOrdering": ["city"],
                    },
                }
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    "generationConfig": {"maxOutputTokens": 50, "stopSequences": ["END"], "temperature": 0.5},
}


def test_gemini_s_request_goes_on_to_gemini_as_it_came():
    asked = ask("generate", **GENERATE, stream=True)
    out = request_for(asked, hop("gemini"))
    assert out.body == asked.body
    assert out.path == "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    assert (asked.text, asked.max_output_tokens, asked.tools, asked.images) == ("Weather?", 50, True, True)


def test_gemini_s_request_is_said_to_openai():
    body = sent(ask("generate", **GENERATE), hop("openai"))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    call, result = body["messages"][2]["tool_calls"][0], body["messages"][3]
    assert (call["id"], result["content"]) == (result["tool_call_id"], "rain")
    schema = {"type": "object", "properties": {"city": {"type": ["string", "null"]}}}
    assert body["tools"][0]["function"]["parameters"] == schema
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert (body["max_completion_tokens"], body["stop"], body["temperature"]) == (50, ["END"], 0.5)


def test_gemini_s_request_is_said_to_anthropic():
    body = sent(ask("generate", **GENERATE), hop("anthropic"))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][1]["source"]["data"] == PIXEL
    assert body["tool_choice"] == {"type": "tool", "name": "weather"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"cachedContent": "x"}, "cachedContent"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs"),
        ({"contents": [{"parts": [{"executableCode": {}}]}]}, "contents[0].parts[0].executableCode"),
    ],
)
def test_what_only_gemini_has_is_refused_by_name(fields, param):
    with pytest.raises(Unusable) as refused:
        request_for(ask("generate", **fields), hop("openai"))
    assert refused.value.param == param


def test_results_come_first_for_anthropic_whatever_stood_before_them():
    turns = [
        *GENERATE["contents"][:2],
        {"role": "user", "parts": [{"text": "Here:"}, *GENERATE["contents"][2]["parts"]]},
    ]
    content = sent(ask("generate", **{**GENERATE, "contents": turns}), hop("anthropic"))["messages"][2]["content"]
    assert [block["type"] for block in content] == ["tool_result", "text"]
