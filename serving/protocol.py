"""OpenAI's wire format: requests, answers, stream chunks and errors, as far as this server speaks it.

What has no effect here is ignored (`user`, `metadata`, `store` …). What would change the answer and is not
supported is refused by name. Source: OpenAI's API reference, Completions and Chat Completions.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hone.errors import HoneError
from serving.sampling import Sampling

DEFAULT_COMPLETION_TOKENS = 16  # OpenAI's own default for /v1/completions; a chat answer may fill the context
DEFAULT_TEMPERATURE = 0.0  # not OpenAI's 1: evidence is measured greedily, and what was measured is what is served
LONGEST_STOP_LIST = 16

# Parameters that change an answer and are not supported, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (False,),
    "top_logprobs": (),
    "logit_bias": ({},),
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),  # without tools, both mean none
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
}


class ApiError(HoneError):
    """An answer other than success, in OpenAI's form."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers

    def body(self) -> bytes:
        kind = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}.get(
            self.status, "invalid_request_error"
        )
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What both doors take."""

    model: str
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None  # not OpenAI's; as in vLLM, -1 and 0 are off
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


R = TypeVar("R", bound=Request)


class CompletionRequest(Request, frozen=True, kw_only=True):
    prompt: str | list[str | int | list[int]]


class ContentPart(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    role: str
    content: str | list[ContentPart] | None = None


class ChatRequest(Request, frozen=True, kw_only=True):
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None


class Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TextChoice(msgspec.Struct, frozen=True):
    text: str
    finish_reason: str | None
    index: int = 0
    logprobs: None = None


class ChatText(msgspec.Struct, frozen=True):
    """A message, or a part of one in a stream."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class MessageChoice(msgspec.Struct, frozen=True):
    message: ChatText
    finish_reason: str | None
    index: int = 0
    logprobs: None = None


class DeltaChoice(msgspec.Struct, frozen=True):
    delta: ChatText
    finish_reason: str | None
    index: int = 0
    logprobs: None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or one chunk of a stream."""

    id: str
    object: Literal["text_completion", "chat.completion", "chat.completion.chunk"]
    created: int
    model: str
    choices: list[TextChoice] | list[MessageChoice] | list[DeltaChoice]
    usage: Usage | UnsetType = UNSET


def read_request(body: bytes, kind: type[R]) -> R:
    """Parses a request. Raises `ApiError` 400 naming the field that is wrong or not supported."""
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"the request is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise ApiError(400, "the request must be a JSON object")
    for name, neutral in UNSUPPORTED.items():
        value = values.get(name)
        if value is not None and not any(type(value) is type(one) and value == one for one in neutral):
            raise ApiError(
                400, f"`{name}` is not supported by this server; leave it out", param=name, code="unsupported_parameter"
            )
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error


def _explain(message: str) -> ApiError:
    """msgspec's `Expected `int`, got `str` - at `$.max_tokens``, or `Object missing required field `model``."""
    reason, _, place = message.partition(" - at `$")
    if "required field" in reason:
        field = f"{place.rstrip('`')}.{reason.rpartition('field `')[2]}".strip(".`")
        return ApiError(400, f"`{field}` is required", param=field)
    field = place.strip(".`")
    return ApiError(400, f"`{field}`: {reason[:1].lower()}{reason[1:]}", param=field)


def plan_sampling(request: Request, prompt_tokens: int, context_tokens: int) -> Sampling:
    """Decides what a request leaves open. Raises `ApiError` 400 where prompt and completion exceed the context."""
    chat = isinstance(request, ChatRequest)
    asked = (request.max_completion_tokens if isinstance(request, ChatRequest) else None) or request.max_tokens
    room = context_tokens - prompt_tokens
    if room < (asked or 1):
        raise ApiError(
            400,
            f"the context of this model is {context_tokens} tokens; the request needs {prompt_tokens + (asked or 1)}: "
            f"{prompt_tokens} in the prompt, {asked or 1} for the completion; shorten the prompt or lower `max_tokens`",
            param="messages" if chat else "prompt",
            code="context_length_exceeded",
        )
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    if len(stop) > LONGEST_STOP_LIST or "" in stop:
        raise ApiError(400, f"`stop` takes up to {LONGEST_STOP_LIST} strings, none of them empty", param="stop")
    return Sampling(
        max_tokens=asked or (room if chat else min(room, DEFAULT_COMPLETION_TOKENS)),
        temperature=DEFAULT_TEMPERATURE if request.temperature is None else request.temperature,
        top_p=1.0 if request.top_p is None else request.top_p,
        top_k=max(request.top_k or 0, 0),
        seed=request.seed,
        stop=stop,
    )
