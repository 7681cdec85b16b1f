"""configs/{providers,catalog,routes}.yaml → `Tables`, checked against each other. Keys come from environment or files.

The only module of this package that reads anything. A mistake names file, line and key, and the nearest right name.
"""

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path

from hone.config import Location, key_lines, load_config, nearest
from hone.errors import ConfigError
from router.choose.config import (
    CatalogFile,
    ModelForm,
    PlaceForm,
    PriceForm,
    ProviderForm,
    ProvidersFile,
    RouteForm,
    RoutesFile,
)
from router.choose.tables import Candidate, Proof, Provider, Retired, Route, Secret, Tables
from router.kinds import Capability, Hop, Price

NAN = float("nan")
COMPARING = ("cheapest", "quality")  # the policies that compare scores
OUR_NAME = "hone"  # the provider of our own deployments, and the prefix of routes


class _Checked:
    """The three files, and the mistakes that only all of them together show."""

    def __init__(self, configs: Path) -> None:
        self.paths = {name: configs / f"{name}.yaml" for name in ("providers", "catalog", "routes")}
        self.providers = load_config(self.paths["providers"], ProvidersFile)
        self.catalog = load_config(self.paths["catalog"], CatalogFile)
        self.routes = load_config(self.paths["routes"], RoutesFile)

    def refuse_mistakes(self) -> None:
        """Raises `ConfigError` with one line for each."""
        mistakes = [*self._providers(), *self._catalog(), *self._names(), *self._routes()]
        if mistakes:
            raise ConfigError("\n".join(self._line(*mistake) for mistake in mistakes))

    def _line(self, file: str, location: Location, message: str) -> str:
        lines = key_lines(self.paths[file])
        sizes = range(len(location), 0, -1)
        line = next((lines[location[:size]] for size in sizes if location[:size] in lines), 1)
        return f"{self.paths[file]}:{line}: `{'.'.join(map(str, location))}`: {message}"

    def _providers(self) -> Iterator[tuple[str, Location, str]]:
        for name, form in self.providers.providers.items():
            if name == OUR_NAME or "/" in name:
                yield "providers", ("providers", name), f"a provider cannot be called `{name}`"
            for index, model in enumerate(form.only):
                if model not in self.catalog.models:
                    message = f"there is no model `{model}` in the catalog; {nearest(model, self.catalog.models)}"
                    yield "providers", ("providers", name, "only", index), message

    def _catalog(self) -> Iterator[tuple[str, Location, str]]:
        for name, form in self.catalog.models.items():
            at: Location = ("models", name)
            for provider, place in form.at.items():
                known = self.providers.providers
                if provider not in known:
                    yield "catalog", (*at, "at", provider), f"there is no such provider; {nearest(provider, known)}"
                elif not place.prices and (known[provider].api_key_env or known[provider].api_key_file):
                    yield "catalog", (*at, "at", provider), "a provider that takes a key needs `prices`"
            for where, quality in [(("quality",), form.quality), *(
                (("quality_in", capability), quality) for capability, quality in form.quality_in.items()
            )]:  # fmt: skip
                if quality.source not in self.catalog.sources:
                    message = f"there is no source `{quality.source}`; {nearest(quality.source, self.catalog.sources)}"
                    yield "catalog", (*at, *where, "source"), message

        used = {form.tokenizer for form in self.catalog.models.values()}
        for name in self.catalog.tokenizers.keys() - used:
            yield "catalog", ("tokenizers", name), f"no model has this tokenizer; {nearest(name, used)}"

    def _names(self) -> Iterator[tuple[str, Location, str]]:
        """A name means one thing."""
        taken = dict.fromkeys(self.catalog.models, "a model")
        for name, form in self.catalog.models.items():
            if name.startswith(f"{OUR_NAME}/"):
                yield "catalog", ("models", name), f"names that start with `{OUR_NAME}/` are routes"
            for index, alias in enumerate(form.aliases):
                if alias in taken:
                    yield "catalog", ("models", name, "aliases", index), f"`{alias}` is already {taken[alias]}"
                taken[alias] = f"an alias of `{name}`"
        for name, retired in self.catalog.retired.items():
            if name in taken:
                yield "catalog", ("retired", name), f"`{name}` is still {taken[name]}"
            if retired.successor not in self.catalog.models:
                message = f"there is no model `{retired.successor}`; {nearest(retired.successor, self.catalog.models)}"
                yield "catalog", ("retired", name, "successor"), message

    def _routes(self) -> Iterator[tuple[str, Location, str]]:
        for index, name in enumerate(self.routes.fallback):
            if message := self._unknown_place(name):
                yield "routes", ("fallback", index), message
        for capability in Capability.__args__:  # type: ignore[attr-defined]
            form = self.routes.routes.get(capability)
            if form is None:
                yield "routes", ("routes",), f"`{capability}` has no route; every capability needs one"
                continue
            for index, name in enumerate(form.models):
                if message := self._unknown_place(name):
                    yield "routes", ("routes", capability, "models", index), message
            if form.policy in COMPARING:
                yield from self._mixed_sources(capability, form)

    def _unknown_place(self, name: str) -> str:
        """Why a route cannot name this; empty where it can."""
        provider, _, model = name.rpartition("/")
        if name in self.catalog.models:
            return ""
        if name in self.catalog.retired:
            successor = self.catalog.retired[name].successor
            return f"`{name}` was retired; name its successor `{successor}`"
        if model in self.catalog.models and provider in self.catalog.models[model].at:
            return ""
        if model in self.catalog.models and provider:
            return f"`{model}` is not offered by `{provider}`; {nearest(provider, self.catalog.models[model].at)}"
        return f"there is no model `{name}` in the catalog; {nearest(name, self.catalog.models)}"

    def _mixed_sources(self, capability: Capability, form: RouteForm) -> Iterator[tuple[str, Location, str]]:
        """Scores of different sources cannot be compared."""
        used: dict[str, str] = {}
        for name in [*form.models, *self.routes.fallback]:
            model = self.catalog.models.get(name.rpartition("/")[2])
            if model and capability in model.does:
                quality = model.quality_in.get(capability, model.quality)
                if quality.score is not None:
                    used.setdefault(quality.source, name)
        if len(used) > 1:
            which = " and ".join(f"`{name}` from `{source}`" for source, name in used.items())
            message = f"the policy `{form.policy}` compares scores of one source only, not {which}"
            yield "routes", ("routes", capability, "policy"), message


def read_tables(configs: Path, environment: Mapping[str, str], *, now: float) -> Tables:
    """Reads the three files in `configs` and the providers' keys. Raises `ConfigError`, one line for each mistake.

    A provider without its key or address is no mistake: its places say so in `off`. `now`, in epoch seconds, says which
    prices hold already; estimates rest on these until the next reading.
    """
    checked = _Checked(configs)
    checked.refuse_mistakes()
    providers = {
        name: _provider(name, form, configs.parent, environment) for name, form in checked.providers.providers.items()
    }
    models = {
        name: tuple(_candidate(name, form, providers[provider], place, now) for provider, place in form.at.items())
        for name, form in checked.catalog.models.items()
    }
    return Tables(
        providers=providers,
        models=models,
        aliases={alias: name for name, form in checked.catalog.models.items() for alias in form.aliases},
        retired={
            name: Retired(form.successor, form.since.isoformat(), form.note)
            for name, form in checked.catalog.retired.items()
        },
        routes={capability: _route(capability, form, checked.routes, models)
                for capability, form in checked.routes.routes.items()},
        strict=checked.routes.strict_names,
        tokenizers=(tokenizers := {name: configs.parent / path for name, path in checked.catalog.tokenizers.items()}),
        files=(
            *(configs.parent / form.api_key_file for form in checked.providers.providers.values() if form.api_key_file),
            *tokenizers.values(),
        ),
    )  # fmt: skip


def _provider(name: str, form: ProviderForm, root: Path, environment: Mapping[str, str]) -> Provider:
    url = (environment.get(form.url_env, "") if form.url_env else "") or form.url or ""
    off = ""
    if not url:
        off = f"no address: the environment variable `{form.url_env}` is not set"
    elif not url.startswith(("http://", "https://")):
        off = f"no address: `{form.url_env}` must begin with http:// or https://"
    key, missing = _key(form, root, environment)
    return Provider(
        name=name,
        wire=form.wire,
        url=url.rstrip("/"),
        off=off or missing,
        key=Secret(key) if key else None,
        connect_timeout_s=form.connect_timeout_s,
        first_token_timeout_s=form.first_token_timeout_s,
        stall_timeout_s=form.stall_timeout_s,
        max_in_flight=form.max_in_flight,
        only=form.only,
    )


def _key(form: ProviderForm, root: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """The key, and why there is none. Says where it was looked for, never what was found."""
    if form.api_key_env:
        key = environment.get(form.api_key_env, "").strip()
        return key, "" if key else f"no key: the environment variable `{form.api_key_env}` is not set"
    if form.api_key_file:
        path = root / form.api_key_file
        try:
            key = (path.read_text(encoding="utf-8").splitlines() or [""])[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            return "", f"no key: `{path}` cannot be read: {reason}"
        return key, "" if key else f"no key: the first line of `{path}` is empty"
    return "", ""


def _candidate(name: str, form: ModelForm, provider: Provider, place: PlaceForm, now: float) -> Candidate:
    off = provider.off
    if provider.only and name not in provider.only:
        off = off or f"`{provider.name}` serves only {', '.join(provider.only)}, as configs/providers.yaml says"
    as_chat = provider.wire != "openai" and "chat" in form.serves  # text completions are translated into a chat
    return Candidate(
        hop=Hop(
            provider=provider.name,
            model=name,
            upstream_model=place.name,
            wire=provider.wire,
            url=provider.url,
            context_tokens=form.context_tokens,
            max_output_tokens=form.max_output_tokens,
            prices=tuple(_price(price, now) for price in place.prices),
            tokenizer=form.tokenizer,
            quirks=place.quirks,
        ),
        chat="chat" in form.serves,
        completions="completions" in form.serves or as_chat,
        embeddings="embeddings" in form.serves,
        suffix="suffix" in form.supports or as_chat,
        tools="tools" in form.supports and "tools" not in place.lacks,
        images="images" in form.supports and "images" not in place.lacks,
        json_output="json" in form.supports and "json" not in place.lacks,
        quality={capability: _score(form, capability) for capability in form.does},
        off=off,
    )


def _score(form: ModelForm, capability: Capability) -> float:
    score = form.quality_in.get(capability, form.quality).score
    return NAN if score is None else score


def _price(form: PriceForm, now: float) -> Price:
    start = datetime.datetime.combine(form.starts, datetime.time(), datetime.UTC).timestamp() if form.starts else 0.0
    return Price(
        input=form.input,
        output=form.output,
        cache_read=form.cache_read,
        cache_write=form.cache_write,
        long_cache_write=form.long_cache_write,
        reasoning=form.reasoning,
        above_tokens=form.above_tokens,
        starts_at=start if start > now else 0.0,
        weekday_hours_utc=form.weekday_hours_utc,
        dated=form.dated.isoformat(),
    )


def _route(
    capability: Capability, form: RouteForm, file: RoutesFile, models: Mapping[str, tuple[Candidate, ...]]
) -> Route:
    places: dict[tuple[str, str], Candidate] = {}
    for name in [*form.models, *file.fallback]:
        provider = "" if name in models else name.rpartition("/")[0]
        for place in models[name if name in models else name.rpartition("/")[2]]:
            if provider in ("", place.hop.provider):
                places.setdefault(place.hop.key, place)
    return Route(
        capability=capability,
        policy=form.policy,
        places=tuple(places.values()),
        proofs=tuple(Proof(proof.suite, proof.min_size, proof.min_low) for proof in form.champion),
        trim=form.trim_oldest,
        continues=form.continue_cut,
        without_proof=file.champion_without_proof == "last",
        weights=tuple((form.weights or {}).items()),
        good_enough=form.good_enough or 0.0,
        max_usd=form.max_usd or 0.0,
        output_tokens=file.assumed.output_tokens,
        first_token_s=file.assumed.first_token_s,
        token_s=file.assumed.token_s,
    )
