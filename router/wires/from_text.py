"""The doors beside chat, for providers of another protocol: text completions as a chat, embeddings for Gemini."""

from typing import Any

from router.kinds import Asked, Hop
from router.wires.bodies import encode
from router.wires.forms import Outgoing, Unusable
from router.wires.same import JSON
from router.wires.strict import Strict, read_strictly, untranslatable
from router.wires.talk import Ask, Text, Turn

CONTINUE = (
    "Continue the text that the user gives, exactly from where it stops. Give only the continuation: repeat nothing of "
    "the text, explain nothing, use no code fence."
)
FILL_IN = (
    "The user gives a text with the gap <GAP/> in it. Give only what belongs into the gap, so that the whole reads on: "
    "repeat nothing of what stands around it, explain nothing, use no code fence."
)
DEFAULT_COMPLETION_TOKENS = 16  # OpenAI's own default at this door
HARMLESS = frozenset(["stream_options", "store", "metadata", "service_tier"])
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (False,),
    "logit_bias": ({},),
}


class CompletionForm(Strict, frozen=True, kw_only=True):
    """A text completion as far as a chat can stand in for it."""

    prompt: str | list[str]
    model: str = ""
    suffix: str | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    user: str | None = None


def read_completion(body: bytes, target: str) -> Ask:
    """A text completion as a chat that is told to continue. Raises `Unusable` for what no chat can do."""
    form, left_out = read_strictly(body, CompletionForm, harmless=HARMLESS, neutral=NEUTRAL, target=target)
    prompts = [form.prompt] if isinstance(form.prompt, str) else form.prompt
    if len(prompts) != 1:
        raise untranslatable("prompt", target, "several prompts in one request need a provider of text completions")
    text = f"{prompts[0]}<GAP/>{form.suffix}" if form.suffix else prompts[0]
    return Ask(
        turns=(Turn("user", (Text(text),)),),
        system=(Text(FILL_IN if form.suffix else CONTINUE),),
        max_tokens=DEFAULT_COMPLETION_TOKENS if form.max_tokens is None else form.max_tokens,
        temperature=form.temperature,
        top_p=form.top_p,
        stop=(form.stop,) if isinstance(form.stop, str) else tuple(form.stop or ()),
        seed=form.seed,
        frequency_penalty=form.frequency_penalty or None,
        presence_penalty=form.presence_penalty or None,
        user=form.user or "",
        stream=form.stream is True,
        left_out=left_out,
    )


class EmbeddingForm(Strict, frozen=True, kw_only=True):
    """An embedding request as far as Gemini has a place for it."""

    input: str | list[str]
    model: str = ""
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


def read_embedding(body: bytes) -> EmbeddingForm:
    """A client's embedding request. Raises `Unusable`: Gemini takes texts, no token ids."""
    form, _ = read_strictly(body, EmbeddingForm, harmless=frozenset(), neutral={}, target="Gemini")
    return form


def write_embedding(asked: Asked, hop: Hop) -> Outgoing:
    """An embedding request for Gemini, all texts at once."""
    if hop.wire == "anthropic":
        raise Unusable(
            "Anthropic has no embeddings; name a model that has", param="model", code="unsupported_parameter"
        )
    form = read_embedding(asked.body)
    name = f"models/{hop.upstream_model}"
    size = {"outputDimensionality": form.dimensions} if form.dimensions else {}
    texts = [form.input] if isinstance(form.input, str) else form.input
    requests = [{"model": name, "content": {"parts": [{"text": text}]}, **size} for text in texts]
    return Outgoing(f"/{name}:batchEmbedContents", (JSON,), encode({"requests": requests}))
