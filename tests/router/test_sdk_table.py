"""The three official SDKs × the three protocols of providers, through a real router process: a table of passes.

The fake providers check each request as the real ones would, with the types that their own SDKs publish.
"""

import copy
import json

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from google.genai import types
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from tests.router.conftest import ROUTED, FakeModel, RunningRouter, chunked
from tests.router.faulty import VERSIONS, WIRES, start, stream_parts, streams, whole_answer
from tests.router.wires.sdks import BERN, CASES, CITIES, ERRORS, FAILING, RESULT
from tests.router.wires.test_answers import CLAUDE, GOOGLE, GPT
from tests.router.wires.test_streams import BODIES

PARALLEL = {"openai": GPT, "anthropic": CLAUDE, "gemini": GOOGLE}
FEATURES = list(CASES["openai"])
CREDENTIALS = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/up:generateContent",
}


def one_call(wire):
    """The answer with two calls, without the second."""
    answer = copy.deepcopy(PARALLEL[wire])
    if wire == "openai":
        answer["choices"][0]["message"]["tool_calls"].pop()
    elif wire == "anthropic":
        answer["content"].pop()
    else:
        answer["candidates"][0]["content"]["parts"].pop()
    return answer


def why_refused(wire, request, body):
    """What a real provider would not accept."""
    path = PATHS[wire]
    if wire == "gemini" and streams(request):
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    if request.path != path:
        return f"the path is {request.path}"
    if "secret-" + wire not in request.headers.get(CREDENTIALS[wire], ""):
        return "there are no credentials"
    if wire == "anthropic" and "anthropic-version" not in request.headers:
        return "there is no anthropic-version"
    try:
        check(wire, body)
    except ValidationError as error:
        return str(error)
    return ""


def check(wire, body):
    """Raises `ValidationError`."""
    if wire == "gemini":
        given = dict(body)
        for content in given.pop("contents"):
            types.Content.model_validate(content)
        for tool in given.pop("tools", ()):
            types.Tool.model_validate(tool)
        types.GenerationConfig.model_validate(given.pop("generationConfig", {}))
        types.Content.model_validate(given.pop("systemInstruction", {}))
        types.ToolConfig.model_validate(given.pop("toolConfig", {}))
        assert not given, f"unknown fields: {list(given)}"
        return
    kinds = {
        ("openai", False): CompletionCreateParamsNonStreaming, ("openai", True): CompletionCreateParamsStreaming,
        ("anthropic", False): MessageCreateParamsNonStreaming, ("anthropic", True): MessageCreateParamsStreaming,
    }  # fmt: skip
    kind = kinds[wire, bool(body.get("stream"))]
    if wire == "openai":  # what such a provider has sent with its answer, it takes back
        turns = [{name: turn[name] for name in turn if name != "reasoning_content"} for turn in body["messages"]]
        body = {**body, "messages": turns}
    read = TypeAdapter(with_config(ConfigDict(extra="forbid"))(kind)).validate_python(body)
    for field in ("messages", "tools"):  # pydantic reads what is only iterable late
        list(read.get(field, ()))
    assert body["model"] == "up"


def provider(wire):
    async def behave(fake, request, writer):
        body = json.loads(request.body)
        text = request.body.decode()
        if why := why_refused(wire, request, body):
            writer.write(fake.response({"error": {"message": why}}, "400 Bad Request"))
        elif FAILING in text:
            writer.write(fake.response(ERRORS[wire], "429 Too Many Requests"))
        elif streams(request):
            said = BODIES[wire] if CITIES in text else stream_parts(wire).whole
            writer.write(fake.stream_head() + chunked(said) + b"0\r\n\r\n")
        elif RESULT in text:
            writer.write(fake.response(whole_answer(wire)))
        elif "weather" in text:
            writer.write(fake.response(PARALLEL[wire] if CITIES in text else one_call(wire)))
        elif "schema" in text.lower():
            writer.write(fake.response(whole_answer(wire, json.dumps(BERN))))
        else:
            writer.write(fake.response(whole_answer(wire)))

    return behave


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A router in front of a provider of each protocol; its models are named as the protocol."""
    root = tmp_path_factory.mktemp("sdks")
    fakes = {wire: FakeModel(wire, provider(wire)) for wire in WIRES}
    providers, models = {}, {}
    for wire, fake in fakes.items():
        (root / wire).write_text(f"secret-{wire}\n")
        providers[wire] = {"wire": wire, "url": f"{fake.url}/{VERSIONS[wire]}", "api_key_file": str(root / wire)}
        one = {
            "does": list(ROUTED), "quality": {"source": "ours"}, "supports": ["tools", "images", "json"],
            "context_tokens": 200_000, "max_output_tokens": 500, "tokenizer": "unknown",
            "at": {wire: {"name": "up", "prices": [{"input": 1, "output": 2, "dated": "2026-11-26"}]}},
        }  # fmt: skip
        models |= {wire: one, f"failing-{wire}": one}
    router = start(root, providers, models)
    yield router
    router.terminate()
    for fake in fakes.values():
        fake.end()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("sdk", CASES)
def test_an_sdk_through_the_router(table: RunningRouter, sdk, feature, wire):
    CASES[sdk][feature](table.url, wire)
