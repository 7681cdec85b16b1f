from pathlib import Path

import msgspec
import pytest
from transformers import AutoTokenizer

from hone.errors import ServingError
from serving.engine import Engine, load_engine
from serving.prompts import chat_prompt, compile_chat_template, join_messages
from serving.protocol import ApiError, ChatMessage, ChatRequest, ContentPart
from serving.weights import Weights, read_weights

TEMPLATE = """{%- for message in messages %}
    {%- if message.role == 'robot' %}{{ raise_exception('unknown role ' ~ message.role) }}{% endif %}
    {{- eos_token ~ message.role ~ ': ' ~ message.content | trim ~ '\n' }}
    {%- if loop.last %}{% break %}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}assistant:{% endif %} {{ {'é': 1} | tojson }}"""
MESSAGES = [ChatMessage("system", "Be brief."), ChatMessage("user", "Write  add ")]


@pytest.fixture(scope="module")
def engine(weights: Path) -> Engine:
    return load_engine(weights, threads=1)


def with_template(weights: Path, template: str) -> Weights:
    return msgspec.structs.replace(read_weights(weights), chat_template=template)


def test_a_chat_template_renders_to_the_tokens_that_transformers_gives(
    reciting_model: Path, weights: Path, engine: Engine
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(reciting_model)
    plain = [{"role": message.role, "content": message.content} for message in MESSAGES]
    wanted = tokenizer.apply_chat_template(plain, chat_template=TEMPLATE, add_generation_prompt=True, return_dict=False)
    render = compile_chat_template(with_template(weights, TEMPLATE))
    request = ChatRequest(model="tiny", messages=MESSAGES)
    assert chat_prompt(request, engine, render) == wanted


def test_what_a_template_refuses_is_the_callers_mistake(weights: Path, engine: Engine) -> None:
    request = ChatRequest(model="tiny", messages=[ChatMessage("robot", "x")])
    with pytest.raises(ApiError, match="unknown role robot"):
        chat_prompt(request, engine, compile_chat_template(with_template(weights, TEMPLATE)))


def test_a_template_cannot_reach_out_of_its_sandbox(weights: Path, engine: Engine) -> None:
    escape = "{{ messages.__class__.__mro__ }}"
    with pytest.raises(ApiError, match="unsafe"):
        chat_prompt(
            ChatRequest(model="tiny", messages=MESSAGES), engine, compile_chat_template(with_template(weights, escape))
        )


def test_a_template_that_is_not_jinja_is_told_at_the_start(weights: Path) -> None:
    with pytest.raises(ServingError, match="chat template is not valid Jinja"):
        compile_chat_template(with_template(weights, "{% for %}"))


def test_without_a_template_the_messages_stand_one_below_the_other() -> None:
    parts = [ContentPart("text", "def f("), ContentPart("text", "x):")]
    assert join_messages([ChatMessage("system", "# util"), ChatMessage("user", parts)]) == "# util\ndef f(x):"


def test_an_image_is_refused(engine: Engine) -> None:
    request = ChatRequest(model="tiny", messages=[ChatMessage("user", [ContentPart("image_url")])])
    with pytest.raises(ApiError, match="only text content"):
        chat_prompt(request, engine, None)
