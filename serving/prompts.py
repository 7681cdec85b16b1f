"""A request's prompt or messages → token ids. Chat templates run in Jinja's sandbox."""

import json
import time
from collections.abc import Callable
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hone.errors import ServingError
from serving.engine import Engine
from serving.protocol import ApiError, ChatMessage, ChatRequest, CompletionRequest
from serving.weights import Weights

RenderChat = Callable[[list[ChatMessage]], str]


def completion_prompt(request: CompletionRequest, engine: Engine) -> list[int]:
    """The prompt's token ids. Raises `ApiError` 400 where it is empty, more than one, or holds unknown ids."""
    prompt = request.prompt
    if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
        prompt = prompt[0]  # type: ignore[assignment]  # a list with one prompt, as the SDK may send it
    if isinstance(prompt, str):
        return _not_empty(engine.encode(prompt), "prompt")
    ids = [token for token in prompt if isinstance(token, int)]
    if len(ids) != len(prompt):
        raise ApiError(400, "`prompt` takes one prompt a request: a string, or a list of token ids", param="prompt")
    unknown = [token for token in ids if not 0 <= token < len(engine.vocabulary)]
    if unknown:
        raise ApiError(
            400, f"`prompt`: {unknown[0]} is not a token id (0 to {len(engine.vocabulary) - 1})", param="prompt"
        )
    return _not_empty(ids, "prompt")


def chat_prompt(request: ChatRequest, engine: Engine, render: RenderChat | None) -> list[int]:
    """The messages' token ids: by the model's chat template, else by `join_messages`."""
    for message in request.messages:
        if isinstance(message.content, list) and any(part.type != "text" for part in message.content):
            raise ApiError(400, "`messages`: only text content is supported by this server", param="messages")
    if render is None:
        return _not_empty(engine.encode(join_messages(request.messages)), "messages")
    try:
        text = render(request.messages)
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        raise ApiError(400, f"`messages`: the model's chat template refuses them: {error}", param="messages") from error
    return _not_empty(engine.encode(text, special_tokens=False), "messages")


def join_messages(messages: list[ChatMessage]) -> str:
    """The plain fallback of a base model: every message's text, one below the other, so that it completes the last."""
    return "\n".join(text_of(message) for message in messages)


def text_of(message: ChatMessage) -> str:
    """A message's text, its parts joined."""
    if isinstance(message.content, list):
        return "".join(part.text for part in message.content)
    return message.content or ""


def compile_chat_template(weights: Weights) -> RenderChat | None:
    """The model's own template as a function, or None where it has none.

    The environment and the names in it are those that Transformers gives a template. Raises `ServingError` where it
    is not valid Jinja.
    """
    if weights.chat_template is None:
        return None
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = time.strftime
    try:
        template = environment.from_string(weights.chat_template)
    except jinja2.TemplateError as error:
        raise ServingError(
            f"the model's chat template is not valid Jinja: {error}; correct it and convert again"
        ) from error

    def render(messages: list[ChatMessage]) -> str:
        plain = [{"role": message.role, "content": text_of(message)} for message in messages]
        return template.render(
            messages=plain, tools=None, documents=None, add_generation_prompt=True, **weights.special_tokens
        )

    return render


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _not_empty(ids: list[int], field: str) -> list[int]:
    if not ids:
        raise ApiError(400, f"`{field}` is empty; the model needs at least one token to go on from", param=field)
    return ids
