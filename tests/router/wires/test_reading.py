"""What the choice of a provider is told of a request."""

import json

import pytest

from router.wires import Unusable, read_request
from tests.router.wires.conftest import ask

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_a_chat_is_read():
    asked = ask(
        "chat",
        model="hone/code-generation",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": [{"type": "text", "text": "second"}]},
        ],
        stream=True,
        max_completion_tokens=64,
        max_tokens=32,
        user="ann",
    )
    assert (asked.model, asked.stream, asked.max_output_tokens) == ("hone/code-generation", True, 64)
    assert (asked.user, asked.text) == ("ann", "second")
    needs = (asked.tools, asked.images, asked.json_output, asked.suffix, asked.deterministic)
    assert needs == (False,) * 5


def test_a_request_may_name_no_model():
    assert read_request("chat", b'{"messages":[{"role":"user","content":"hi"}]}').model == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "json_output"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json_output"),
        ({"temperature": 0}, "deterministic"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]}, "images"),
    ],
)
def test_what_a_chat_needs_is_seen(fields, said):
    assert getattr(ask("chat", **fields), said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": []}, "tools"),
        ({"tools": None}, "tools"),
        ({"response_format": {"type": "text"}}, "json_output"),
        ({"temperature": 0, "n": 2}, "deterministic"),
        ({"temperature": 0.1}, "deterministic"),
        ({}, "deterministic"),
    ],
)
def test_what_a_chat_does_not_need_is_not_seen(fields, said):
    assert not getattr(ask("chat", **fields), said)


def test_a_message_request_is_read():
    asked = ask(
        "messages",
        max_tokens=50,
        system=[{"type": "text", "text": "Be brief."}],
        messages=[
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
                        ],
                    }
                ],
            },
        ],
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        output_config={"format": {"type": "json_schema", "schema": {}}},
        metadata={"user_id": "ann"},
    )
    assert (asked.max_output_tokens, asked.user, asked.text) == (50, "ann", "go")
    assert asked.tools
    assert asked.images
    assert asked.json_output


def test_fill_in_the_middle_is_seen():
    asked = ask("completions", prompt="def f(", suffix="\n    return 1", max_tokens=9)
    assert asked.suffix
    assert (asked.text, asked.max_output_tokens) == ("def f(", 9)


def test_token_ids_are_counted_as_they_are():
    few, many = ask("completions", prompt=[1, 2, 3]), ask("completions", prompt=[[1] * 400, [2] * 600])
    assert many.input_tokens - few.input_tokens == 997


def test_an_embedding_request_is_read():
    assert ask("embeddings", input=["a", "b"]).text == "b"


@pytest.mark.parametrize("door", ["chat", "completions", "embeddings", "messages", "count_tokens"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"]
)
def test_what_is_no_json_object_is_refused(door, body):
    with pytest.raises(Unusable):
        read_request(door, body)


@pytest.mark.parametrize(
    ("door", "body", "param"),
    [
        ("chat", {}, "messages"),
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": [{"content": "x"}]}, "messages[0].role"),
        ("chat", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ("chat", {"messages": [{"role": "user", "content": "x"}], "model": 5}, "model"),
        ("chat", {"messages": [{"role": "user", "content": "x"}], "max_tokens": -1}, "max_tokens"),
        ("messages", {"messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        ("embeddings", {"input": []}, "input"),
        ("embeddings", {}, "input"),
    ],
)
def test_a_wrong_field_is_named(door, body, param):
    with pytest.raises(Unusable) as refused:
        read_request(door, json.dumps(body).encode())
    assert refused.value.param == param
    assert refused.value.status == 400
    assert f"`{param}`" in str(refused.value)


def test_images_weigh_as_images_and_not_as_their_base64():
    url = "data:image/png;base64," + "A" * 1_000_000
    asked = ask("chat", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    assert 1_000 < asked.input_tokens < 5_000


def test_tools_weigh_too():
    tool = {"type": "function", "function": {"name": "f", "description": "x " * 500}}
    assert ask("chat", tools=[tool]).input_tokens > ask("chat").input_tokens + 100
