"""What the router's parts hand each other: names and frozen records. No behaviour, no input, no output."""

from typing import Literal

from hone.records import Record

Door = Literal["chat", "completions", "embeddings", "messages", "count_tokens", "generate"]  # generate: Gemini's
Wire = Literal["openai", "anthropic", "gemini"]  # what a provider speaks
Capability = Literal[
    "code-generation", "code-understanding", "code-explanation", "planning", "reasoning", "debugging",
    "documentation", "tool-use", "code-review", "completion",
]  # fmt: skip
Policy = Literal["tiered", "cheapest", "fastest", "weighted", "quality"]
Outcome = Literal["ok", "refused", "failed", "cut", "gone"]
"""ok: a whole answer. refused: by the router itself, before any provider. failed: no provider answered. cut: an answer
that began and did not end. gone: the client left."""


class Asked(Record, frozen=True):
    """A client's request as far as the choice of a provider needs it. `body` is what the client sent, byte for byte."""

    door: Door
    body: bytes
    model: str = ""  # as the client wrote it; empty where it named none
    stream: bool = False
    input_tokens: int = 0  # a conservative estimate for any tokenizer; what seems too long for a model is counted anew
    max_output_tokens: int = 0  # 0 where the client set no limit
    tools: bool = False
    images: bool = False
    json_output: bool = False  # structured output, by schema or not
    suffix: bool = False  # fill-in-the-middle
    deterministic: bool = False  # temperature 0 and one choice: may be answered from the cache
    user: str = ""  # what a weighted route sticks to: the client's `user`, or its metadata's user id
    text: str = ""  # what the classifier reads: the last turn of the user, cut to 8,000 characters


Quirk = Literal["tools-without-reasoning"]
"""What a model at a provider wants otherwise than its protocol says. tools-without-reasoning: refuses tools unless
`reasoning_effort` is "none" (OpenAI's chat completions, from GPT-5.4 on)."""


class Usage(Record, frozen=True):
    """Tokens of one answer, as its provider counted them."""

    input_tokens: int = 0  # all of them: cached and cache-writing ones are counted in
    cached_tokens: int = 0  # of these, read from the provider's prompt cache
    cache_write_tokens: int = 0  # of these, written to it
    long_cache_write_tokens: int = 0  # of the written ones, kept for an hour: Anthropic's `ephemeral_1h_input_tokens`
    output_tokens: int = 0  # all of them: reasoning is counted in
    reasoning_tokens: int = 0


class Price(Record, frozen=True):
    """US dollars per million tokens, and when they hold. Of several, the last one that holds counts."""

    input: float
    output: float
    cache_read: float | None = None  # None: as input
    cache_write: float | None = None  # None: as input
    long_cache_write: float | None = None  # what is kept for an hour; None: as cache_write
    reasoning: float | None = None  # None: as output
    above_tokens: int = 0  # holds where the whole input is larger than this; 0: always
    starts_at: float = 0.0  # epoch seconds from which it holds
    weekday_hours_utc: tuple[
        tuple[int, int], ...
    ] = ()  # holds Monday to Friday in these hours, ends excluded; empty: always
    dated: str = ""  # when it was looked up, YYYY-MM-DD


class Hop(Record, frozen=True):
    """One place that a request can be sent to: a model at a provider."""

    provider: str  # its name in configs/providers.yaml, or "hone" for our own deployments
    model: str  # its name in the catalog, or our model version as `name:version`
    upstream_model: str  # what the provider calls it
    wire: Wire
    url: str  # up to and with the version, as https://api.openai.com/v1, without a final slash
    context_tokens: int = 0  # 0: not known, never refused for it
    max_output_tokens: int = 0  # 0: not known
    prices: tuple[Price, ...] = ()  # the base price first; empty: costs nothing
    tokenizer: str = ""  # as the catalog names it; empty: not known
    quirks: tuple[Quirk, ...] = ()
    model_version: str = ""  # of our own deployments: `name:version`
    verdict: str = ""  # of our own deployments: "passed", "failed" or "" where there is none
    generation: int = 0  # of our own deployments: the endpoint's

    @property
    def key(self) -> tuple[str, str]:
        """What a breaker and a latency are kept for."""
        return self.provider, self.model


Cause = Literal[
    "off", "verdict", "evidence", "capability", "quality", "door", "suffix", "tools", "images", "json",
    "context", "output", "access", "budget", "cost", "health", "breaker",
]  # fmt: skip
"""What a place was dropped for. off: its provider has no key or address, or its model is retired there."""


class Dropped(Record, frozen=True):
    """A place that was considered and will not be asked, and why, in one line."""

    provider: str
    model: str
    reason: str
    cause: Cause = "off"


class Nowhere(Record, frozen=True):
    """Why a request goes to nobody, as its client is told."""

    status: int  # HTTP
    code: str  # as OpenAI's: "model_not_found", "context_length_exceeded" …
    message: str
    param: str = ""  # the field of the request that it is about


class Decision(Record, frozen=True):
    """Where a request goes: hops in the order in which they are tried, and everything that led there."""

    hops: tuple[Hop, ...]
    dropped: tuple[Dropped, ...] = ()
    named: str = ""  # what decided: "model NAME", "route NAME" or "classified"
    capability: Capability | None = None
    policy: Policy | None = None
    notes: tuple[
        str, ...
    ] = ()  # what the client should know: a retired name that was replaced, a turn that was trimmed
    nowhere: Nowhere | None = None  # set where there is no hop


class Entry(Record, frozen=True):
    """One request in the ledger."""

    id: str
    at: float  # epoch seconds, when it came
    key: str  # the virtual key's id; empty without one
    door: Door
    asked_model: str
    route: str
    provider: str
    model: str
    model_version: str
    generation: int
    status: int  # HTTP, as the client saw it
    outcome: Outcome
    attempts: int
    usage: Usage
    cost_usd: float
    first_token_s: float  # from the request's arrival; 0 where none came
    seconds: float
    cached: bool = False  # answered from the router's own cache
    reason: str = ""  # of a failure, in one line, without anything of the request's content
