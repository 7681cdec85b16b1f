"""The official SDKs as clients, each against each provider's protocol, with the wires alone between them."""

import json

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types

from router.refusal import Refusal
from router.wires import Unusable, answer_for, error_body, models_body, open_stream, read_request, request_for
from router.wires.forms import Listed
from tests.router.wires.conftest import hop
from tests.router.wires.sdks import CHAT, ERRORS, GENERATE, MESSAGES, SCHEMA
from tests.router.wires.test_answers import CLAUDE, GOOGLE, GPT
from tests.router.wires.test_streams import BODIES

DOORS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
}
WHOLE = {"openai": GPT, "anthropic": CLAUDE, "gemini": GOOGLE}
WIRES = ["openai", "anthropic", "gemini"]


def wired(wire, status=200, body=None, cut_at=None):
    """A transport in the place of the router: a provider of `wire` that always gives the same answer."""
    to = hop(wire)

    def answer(request):
        if request.url.path == "/v1/models":
            return httpx2.Response(200, content=models_body([Listed("hone/auto")]))
        path, _, verb = request.url.path.partition(":")
        door = "generate" if verb else DOORS[path]
        named = {"model": path.removeprefix("/v1beta/models/"), "stream": verb.startswith("stream")} if verb else {}
        try:
            asked = read_request(door, request.read(), **named)
            request_for(asked, to)
        except Unusable as error:
            return httpx2.Response(error.status, content=error_body(door, error))
        if not asked.stream or status != 200:
            given = body if body is not None else json.dumps(WHOLE[wire]).encode()
            answered = answer_for(asked, to, status, given, 1)
            return httpx2.Response(answered.status, content=answered.body)
        stream = open_stream(asked, to, 1)
        sent = BODIES[wire] if cut_at is None else BODIES[wire][:cut_at]
        out = stream.feed(sent) + stream.close()
        if not stream.done:
            out += stream.cut(Refusal(502, "upstream_cut", "the provider broke off"))
        return httpx2.Response(200, content=out, headers={"content-type": "text/event-stream"})

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def of_openai(wire, **given):
    return openai.OpenAI(base_url="http://hone/v1", api_key="k", max_retries=0, http_client=wired(wire, **given))


def of_anthropic(wire, **given):
    return anthropic.Anthropic(base_url="http://hone", api_key="k", max_retries=0, http_client=wired(wire, **given))


def of_google(wire, **given):
    options = types.HttpOptions(base_url="http://hone", httpx_client=wired(wire, **given))
    return genai.Client(api_key="k", http_options=options).models


@pytest.mark.parametrize("wire", WIRES)
def test_google_s_client_gets_answers_with_parallel_calls(wire):
    answer = of_google(wire).generate_content(**GENERATE)
    assert [(call.name, call.args) for call in answer.function_calls] == [
        ("weather", {"city": "Bern"}),
        ("weather", {}),
    ]
    assert "".join(part.text or "" for part in answer.candidates[0].content.parts if not part.thought) == "Looking."
    assert answer.usage_metadata.prompt_token_count == 105
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize("wire", WIRES)
def test_google_s_client_streams(wire):
    chunks = list(of_google(wire).generate_content_stream(**GENERATE))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert "".join(part.text or "" for part in parts if not part.thought) == "Looking é"
    assert [part.function_call.args["city"] for part in parts if part.function_call] == ["Bern", "Basel"]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count in {3, 5}


@pytest.mark.parametrize("wire", WIRES)
def test_a_broken_stream_raises_in_google_s_client(wire):
    chunks = of_google(wire, cut_at=len(BODIES[wire]) // 2).generate_content_stream(**GENERATE)
    next(chunks)
    with pytest.raises(errors.APIError, match="broke off"):
        list(chunks)


@pytest.mark.parametrize("wire", WIRES)
def test_openai_s_client_gets_answers_with_parallel_calls(wire):
    answer = of_openai(wire).chat.completions.create(**CHAT)
    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].message.content == "Looking."
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert json.loads(calls[0].function.arguments) == {"city": "Bern"}
    assert answer.usage.prompt_tokens == 105


@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_s_client_gets_answers_with_parallel_calls(wire):
    answer = of_anthropic(wire).messages.create(**MESSAGES)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [block.text for block in answer.content if block.type == "text"] == ["Looking."]
    assert [call.input for call in calls] == [{"city": "Bern"}, {}]
    assert answer.stop_reason == "tool_use"


@pytest.mark.parametrize("wire", WIRES)
def test_openai_s_client_streams(wire):
    with of_openai(wire).chat.completions.stream(**CHAT) as stream:
        final = stream.get_final_completion()
    message = final.choices[0].message
    assert message.content == "Looking é"
    assert [json.loads(call.function.arguments)["city"] for call in message.tool_calls] == ["Bern", "Basel"]


@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_s_client_streams(wire):
    with of_anthropic(wire).messages.stream(**MESSAGES) as stream:
        final = stream.get_final_message()
    assert [block.text for block in final.content if block.type == "text"] == ["Looking é"]
    assert [block.input["city"] for block in final.content if block.type == "tool_use"] == ["Bern", "Basel"]
    assert (final.stop_reason, final.usage.output_tokens) == ("tool_use", 5)


@pytest.mark.parametrize("wire", WIRES)
def test_a_broken_stream_raises_in_openai_s_client(wire):
    chunks = of_openai(wire, cut_at=len(BODIES[wire]) // 2).chat.completions.create(**CHAT, stream=True)
    next(chunks)
    with pytest.raises(openai.APIError, match="broke off"):
        list(chunks)


@pytest.mark.parametrize("wire", WIRES)
def test_a_broken_stream_raises_in_anthropic_s_client(wire):
    events = of_anthropic(wire, cut_at=len(BODIES[wire]) // 2).messages.create(**MESSAGES, stream=True)
    next(events)
    with pytest.raises(anthropic.APIError, match="broke off"):
        list(events)


@pytest.mark.parametrize("wire", WIRES)
def test_errors_raise_as_what_they_are(wire):
    given = {"status": 429, "body": json.dumps(ERRORS[wire]).encode()}
    with pytest.raises(openai.RateLimitError, match="slow down"):
        of_openai(wire, **given).chat.completions.create(**CHAT)
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        of_anthropic(wire, **given).messages.create(**MESSAGES)
    with pytest.raises(errors.ClientError, match="slow down"):
        of_google(wire, **given).generate_content(**GENERATE)


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_a_request_that_cannot_be_said_is_the_client_s_bad_request(wire):
    with pytest.raises(openai.BadRequestError, match="`n` cannot be passed on") as refused:
        of_openai(wire).chat.completions.create(**CHAT, n=3)
    assert refused.value.param == "n"


@pytest.mark.parametrize("wire", WIRES)
def test_json_output_is_parsed_by_openai_s_client(wire):
    said = '{"city": "Bern"}'
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    answers = {
        "openai": {**GPT, "choices": [choice]},
        "anthropic": {**CLAUDE, "content": [{"type": "text", "text": said}], "stop_reason": "end_turn"},
        "gemini": {**GOOGLE, "candidates": [{"content": {"parts": [{"text": said}]}, "finishReason": "STOP"}]},
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    client = of_openai(wire, body=json.dumps(answers[wire]).encode())
    answer = client.chat.completions.create(model="m", messages=CHAT["messages"], response_format=form)
    assert json.loads(answer.choices[0].message.content) == {"city": "Bern"}


def test_embeddings_come_through_openai_s_client_from_gemini():
    body = json.dumps({"embeddings": [{"values": [0.5, -1.0]}]}).encode()
    answer = of_openai("gemini", body=body).embeddings.create(model="m", input="x")  # the SDK asks for base64
    assert answer.data[0].embedding == [0.5, -1.0]


def test_tokens_are_counted_for_anthropic_s_client():
    client = of_anthropic("gemini", body=b'{"totalTokens": 31}')
    assert client.messages.count_tokens(model="m", messages=MESSAGES["messages"]).input_tokens == 31


def test_both_clients_list_models():
    assert [model.id for model in of_openai("openai").models.list()] == ["hone/auto"]
    assert [model.id for model in of_anthropic("openai").models.list()] == ["hone/auto"]
