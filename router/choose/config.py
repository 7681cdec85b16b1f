"""The forms of configs/providers.yaml, catalog.yaml and routes.yaml. Reads no environment and no key."""

import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from hone.config import Config
from router.kinds import Capability, Policy, Quirk, Wire

Share = Annotated[float, Field(ge=0, le=1)]
Hours = tuple[Annotated[int, Field(ge=0, le=23)], Annotated[int, Field(ge=1, le=24)]]


class Form(Config):
    """What every form here has beside the kernel's: no number is infinite."""

    model_config = ConfigDict(allow_inf_nan=False)


class ProviderForm(Form):
    """One upstream."""

    wire: Wire
    """The protocol that it speaks."""
    url: str | None = Field(None, pattern=r"^https?://[^\s]+[^/\s]$")
    """Up to and with the version, without a final slash."""
    url_env: str | None = None
    """An environment variable that names the address instead; without it and without `url` nobody is asked."""
    api_key_env: str | None = None
    """The environment variable that holds the key."""
    api_key_file: str | None = None
    """A file that holds the key on its first line; relative paths start at the project."""
    connect_timeout_s: float = Field(5.0, gt=0)
    """A host that is up answers within this."""
    first_token_timeout_s: float = Field(60.0, gt=0)
    """Until the first content; reasoning models think for long before they speak."""
    stall_timeout_s: float = Field(30.0, gt=0)
    """Between two pieces of a stream."""
    max_in_flight: int = Field(256, ge=1)
    """Requests under way at once; more wait for none and go to the next place."""
    only: tuple[str, ...] = ()
    """Of the catalog's models that name this provider, only these; empty: all. A vLLM server serves one."""

    @model_validator(mode="after")
    def _one_source_each(self) -> "ProviderForm":
        if not self.url and not self.url_env:
            raise ValueError("`url` or `url_env` is required")
        if self.api_key_env and self.api_key_file:
            raise ValueError("`api_key_env` and `api_key_file` exclude each other")
        return self


class ProvidersFile(Form):
    """The whole file."""

    providers: dict[str, ProviderForm] = Field(min_length=1)


class PriceForm(Form):
    """US dollars per million tokens. Of several, the last one that holds counts."""

    input: float = Field(ge=0)
    output: float = Field(0.0, ge=0)
    cache_read: float | None = Field(None, ge=0)
    """Null: as input."""
    cache_write: float | None = Field(None, ge=0)
    """Null: as input."""
    long_cache_write: float | None = Field(None, ge=0)
    """What is kept for an hour; null: as cache_write."""
    reasoning: float | None = Field(None, ge=0)
    """Null: as output."""
    above_tokens: int = Field(0, ge=0)
    """Holds for requests whose whole input is larger."""
    starts: datetime.date | None = None
    """Holds from this day on, 0:00 UTC."""
    weekday_hours_utc: tuple[Hours, ...] = ()
    """Holds Monday to Friday in these hours; the end is excluded."""
    dated: datetime.date
    """When it was looked up."""

    @model_validator(mode="after")
    def _hours_go_forward(self) -> "PriceForm":
        if any(first >= end for first, end in self.weekday_hours_utc):
            raise ValueError("`weekday_hours_utc` are pairs [from, until] of one day, as [[1, 4], [6, 10]]")
        return self


class PlaceForm(Form):
    """One model at one provider."""

    name: str
    """What the provider calls it."""
    prices: tuple[PriceForm, ...] = ()
    """The price that always holds first. Needed where the provider takes a key; nothing costs nothing."""
    quirks: tuple[Quirk, ...] = ()
    lacks: tuple[Literal["tools", "images", "json"], ...] = ()
    """What the model can do elsewhere, but not through this provider's API."""

    @model_validator(mode="after")
    def _base_price_first(self) -> "PlaceForm":
        if self.prices and (self.prices[0].above_tokens or self.prices[0].starts or self.prices[0].weekday_hours_utc):
            raise ValueError("the first of `prices` must always hold: without above_tokens, starts, weekday_hours_utc")
        return self


class Quality(Form):
    """How good a model is, 0 … 1, and who says so."""

    score: Share | None = None
    """Null: nobody measured it that we could name."""
    source: str
    """A key of `sources`."""


class ModelForm(Form):
    """One model, wherever it is offered."""

    does: tuple[Capability, ...] = ()
    """What it may be asked for by a route. Empty: only by its name (an embedding model, say)."""
    quality: Quality
    """For all that it does, unless `quality_in` says otherwise."""
    quality_in: dict[Capability, Quality] = Field({})
    serves: tuple[Literal["chat", "completions", "embeddings"], ...] = ("chat",)
    """The doors; messages and count_tokens are chat."""
    supports: tuple[Literal["tools", "images", "json", "suffix"], ...] = ()
    context_tokens: int = Field(ge=1)
    """Input and output together."""
    max_output_tokens: int = Field(0, ge=0)
    """0: not known."""
    tokenizer: str
    """What tokens are counted with, where `tokenizers` names its file: claude, deepseek, gemini, llama2, o200k …"""
    aliases: tuple[str, ...] = ()
    """Further names that mean this model, its dated snapshots for instance."""
    at: dict[str, PlaceForm] = Field(min_length=1)
    """By provider, in the order in which they are asked."""


class RetiredForm(Form):
    """A name that nobody serves any more."""

    successor: str
    since: datetime.date
    note: str = ""


class CatalogFile(Form):
    """The whole file."""

    sources: dict[str, str]
    """Where scores come from; scores are compared within one source only."""
    tokenizers: dict[str, str] = Field({})
    """By the name that models have for it: a `tokenizer.json`, its path from the project's root."""
    models: dict[str, ModelForm] = Field(min_length=1)
    retired: dict[str, RetiredForm] = Field({})


class ProofForm(Form):
    """What our own version must have shown."""

    suite: Literal["execution", "repository", "humaneval", "mbpp", "bfcl", "loss"]
    min_size: int = Field(ge=1)
    """Tasks; of `loss`: held-out tokens."""
    min_low: float
    """Lower end of the 95 % interval of the pass rate; of `loss`: nats per token below the base model, surely."""


class RouteForm(Form):
    """From a capability to models, in order."""

    policy: Policy = "tiered"
    models: tuple[str, ...] = ()
    """Names of the catalog, first choice first; `provider/model` pins one place."""
    champion: tuple[ProofForm, ...] = ()
    """Any of these proofs lets our own current version go first; none: it is not asked on this route."""
    trim_oldest: bool = False
    """A conversation that is too long for every place loses its oldest turns, and its client is told."""
    continue_cut: bool = False
    """A stream that breaks off after it began is gone on with by the next place, rather than ended with an error."""
    weights: dict[str, float] | None = None
    """Of `weighted`: `current`, an alias (`champion`, `challenger`) or `name:version` → share."""
    good_enough: Share | None = None
    """Of `cheapest`: the least quality."""
    max_usd: float | None = Field(None, gt=0)
    """Of `quality`: the most that one answer may cost, by estimate."""

    @model_validator(mode="after")
    def _own_parameters(self) -> "RouteForm":
        for key, policy in (("weights", "weighted"), ("good_enough", "cheapest"), ("max_usd", "quality")):
            given = getattr(self, key) is not None
            if given and self.policy != policy:
                raise ValueError(f"`{key}` belongs to the policy `{policy}`, not to `{self.policy}`")
            if not given and self.policy == policy:
                raise ValueError(f"the policy `{policy}` needs `{key}`")
        if self.weights is not None and (min(self.weights.values(), default=0) < 0 or sum(self.weights.values()) <= 0):
            raise ValueError("`weights` must be shares of at least 0, one of them above 0")
        return self


class Assumed(Form):
    """What is assumed where nothing is known yet."""

    output_tokens: int = Field(500, ge=1)
    """The length of an answer, where the client sets no limit."""
    first_token_s: float = Field(1.0, gt=0)
    """Of a place that was not measured yet."""
    token_s: float = Field(0.02, gt=0)


class RoutesFile(Form):
    """The whole file."""

    strict_names: bool = False
    """A retired name is an error, rather than its successor with a warning header."""
    champion_without_proof: Literal["skip", "last"] = "skip"
    """Where our own version stands on a route that it has no proof for."""
    assumed: Assumed = Assumed()
    fallback: tuple[str, ...] = ()
    """Models that every route tries after its own."""
    routes: dict[Capability, RouteForm]
