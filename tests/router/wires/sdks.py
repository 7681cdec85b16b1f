"""The three official SDKs as clients: what each is asked to do, and what must come of it, whatever stands behind."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

SCHEMA = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip
CITIES = "Weather in Bern and Basel?"
FAILING = "please fail"  # what a fake provider answers with 429
RESULT = "rain"
CHAT = {
    "model": "hone/auto",
    "messages": [{"role": "user", "content": CITIES}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
}
MESSAGES = {
    "model": "hone/auto",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": CITIES}],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
}
CONFIG = types.GenerateContentConfig(
    tools=[
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name="weather", description="Of a city.", parameters_json_schema=SCHEMA)
            ]
        )
    ],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    max_output_tokens=100,
)
GENERATE = {"model": "hone/auto", "contents": CITIES, "config": CONFIG}
ERRORS = {
    "openai": {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}},
    "anthropic": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    "gemini": {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}},
}
BERN = {"city": "Bern"}


class Place(BaseModel):
    city: str


Case = Callable[[str, str], None]  # the router's address, the model


def of_openai(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)


def of_anthropic(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)


def of_google(url: str) -> genai.Client:
    """To be held as long as it is used: it closes itself."""
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))


HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def openai_chat(url: str, model: str) -> None:
    answer = of_openai(url).chat.completions.create(model=model, messages=HELLO, max_tokens=50)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello", "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 3)


def openai_stream(url: str, model: str) -> None:
    chunks = list(
        of_openai(url).chat.completions.create(
            model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hello"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


def openai_tools(url: str, model: str) -> None:
    client = of_openai(url)
    asked: dict[str, Any] = {**CHAT, "model": model, "messages": [{"role": "user", "content": "Weather in Bern?"}]}
    message = client.chat.completions.create(**asked).choices[0].message
    (call,) = message.tool_calls or ()
    assert json.loads(call.function.arguments) == BERN  # type: ignore[union-attr]
    asked["messages"] += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": RESULT},
    ]
    assert client.chat.completions.create(**asked).choices[0].message.content == "Hello"


def openai_parallel(url: str, model: str) -> None:
    client = of_openai(url)
    asked: dict[str, Any] = {**CHAT, "model": model}
    calls = client.chat.completions.create(**asked).choices[0].message.tool_calls
    assert [json.loads(call.function.arguments or "{}") for call in calls or ()] == [BERN, {}]  # type: ignore[union-attr]
    with client.chat.completions.stream(**asked) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls or ()] == ["Bern", "Basel"]  # type: ignore[union-attr]


def openai_json(url: str, model: str) -> None:
    answer = of_openai(url).chat.completions.parse(model=model, messages=HELLO, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Bern")


def openai_errors(url: str, model: str) -> None:
    client = of_openai(url)
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.chat.completions.create(model=f"failing-{model}", messages=[{"role": "user", "content": FAILING}])
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.chat.completions.create(model="nobody", messages=HELLO)


SAY: Any = {"max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}


def anthropic_chat(url: str, model: str) -> None:
    answer = of_anthropic(url).messages.create(model=model, **SAY)
    assert ([block.text for block in answer.content], answer.stop_reason) == (["Hello"], "end_turn")  # type: ignore[union-attr]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 3)


def anthropic_stream(url: str, model: str) -> None:
    with of_anthropic(url).messages.stream(model=model, **SAY) as stream:
        assert "".join(stream.text_stream) == "Hello"
        assert stream.get_final_message().usage.output_tokens == 3


def anthropic_tools(url: str, model: str) -> None:
    client = of_anthropic(url)
    asked: dict[str, Any] = {**MESSAGES, "model": model, "messages": [{"role": "user", "content": "Weather in Bern?"}]}
    answer = client.messages.create(**asked)
    (call,) = (block for block in answer.content if block.type == "tool_use")
    assert (call.input, answer.stop_reason) == (BERN, "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
    asked["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]},
        {"role": "user", "content": [result]},
    ]
    assert client.messages.create(**asked).content[-1].text == "Hello"


def anthropic_parallel(url: str, model: str) -> None:
    client = of_anthropic(url)
    asked: dict[str, Any] = {**MESSAGES, "model": model}
    answer = client.messages.create(**asked)
    assert [block.input for block in answer.content if block.type == "tool_use"] == [BERN, {}]
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert [block.input["city"] for block in final.content if block.type == "tool_use"] == ["Bern", "Basel"]


def anthropic_json(url: str, model: str) -> None:
    form: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answer = of_anthropic(url).messages.create(model=model, output_config=form, **SAY)
    assert json.loads(answer.content[0].text) == BERN  # type: ignore[union-attr]


def anthropic_errors(url: str, model: str) -> None:
    client = of_anthropic(url)
    failing: Any = {**SAY, "messages": [{"role": "user", "content": FAILING}]}
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        client.messages.create(model=f"failing-{model}", **failing)
    with pytest.raises(anthropic.NotFoundError, match="nobody"):
        client.messages.create(model="nobody", **SAY)


BRIEF = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=50)


def google_chat(url: str, model: str) -> None:
    client = of_google(url)
    answer = client.models.generate_content(model=model, contents="hi", config=BRIEF)
    assert (answer.text, answer.candidates[0].finish_reason) == ("Hello", types.FinishReason.STOP)
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count) == (9, 3)


def google_stream(url: str, model: str) -> None:
    client = of_google(url)
    chunks = list(client.models.generate_content_stream(model=model, contents="hi", config=BRIEF))
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello"
    assert chunks[-1].usage_metadata.candidates_token_count == 3


def google_tools(url: str, model: str) -> None:
    client = of_google(url)
    first = types.Content(role="user", parts=[types.Part(text="Weather in Bern?")])
    answer = client.models.generate_content(model=model, contents=[first], config=CONFIG)
    (call,) = answer.function_calls
    assert call.args == BERN
    result = types.FunctionResponse(id=call.id, name="weather", response={"sky": RESULT})
    told = types.Content(role="user", parts=[types.Part(function_response=result)])
    turns = [first, answer.candidates[0].content, told]
    assert client.models.generate_content(model=model, contents=turns, config=CONFIG).text == "Hello"


def google_parallel(url: str, model: str) -> None:
    client = of_google(url)
    answer = client.models.generate_content(model=model, contents=CITIES, config=CONFIG)
    assert [call.args for call in answer.function_calls] == [BERN, {}]
    chunks = list(client.models.generate_content_stream(model=model, contents=CITIES, config=CONFIG))
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [call.args["city"] for call in calls] == ["Bern", "Basel"]


def google_json(url: str, model: str) -> None:
    form = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA)
    client = of_google(url)
    answer = client.models.generate_content(model=model, contents="hi", config=form)
    assert json.loads(answer.text) == BERN


def google_errors(url: str, model: str) -> None:
    client = of_google(url)
    with pytest.raises(errors.ClientError, match="slow down") as refused:
        client.models.generate_content(model=f"failing-{model}", contents=FAILING)
    assert refused.value.code == 429
    with pytest.raises(errors.ClientError, match="nobody"):
        client.models.generate_content(model="nobody", contents="hi")


CASES: dict[str, dict[str, Case]] = {
    "openai": {
        "chat": openai_chat, "stream": openai_stream, "tools": openai_tools, "parallel tools": openai_parallel,
        "JSON output": openai_json, "errors": openai_errors,
    },
    "anthropic": {
        "chat": anthropic_chat, "stream": anthropic_stream, "tools": anthropic_tools,
        "parallel tools": anthropic_parallel, "JSON output": anthropic_json, "errors": anthropic_errors,
    },
    "google-genai": {
        "chat": google_chat, "stream": google_stream, "tools": google_tools, "parallel tools": google_parallel,
        "JSON output": google_json, "errors": google_errors,
    },
}  # fmt: skip
