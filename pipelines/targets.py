"""What a suite may be pointed at: this project's adapter or base model, or an address. Joined here for every suite."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evaluation.suites.endpoint import Endpoint
from evaluation.suites.runs import RunFolder, Settings, default_name
from evaluation.suites.targets import Target
from hone.errors import ConfigError
from hone.files import sha256_bytes, sha256_tree
from hone.fill_formats import FORMATS, template_of
from hone.layout import Layout
from pipelines.facts import base_location, read_base
from pipelines.recipe import load_recipe

if TYPE_CHECKING:
    from evaluation.suites.local import LocalModel

MODELS = ("adapter", "base")  # of this project
SAMPLING_TEMPERATURE = 0.8  # of several samples, where none is given; Chen et al. 2021 chose it for pass@100


@dataclass(frozen=True)
class Asking:
    """Who is measured, and how it is asked: what the command lines of all suites have in common."""

    target: str
    model: str = ""
    chat: bool = False
    samples: int = 1
    temperature: float | None = None  # None: greedy for one sample, else `SAMPLING_TEMPERATURE`
    seed: int = 0
    max_tokens: int = 512
    api_key_env: str = ""
    at_once: int = 8
    timeout_s: float = 120.0  # that one request may take
    training_data: tuple[Path, ...] = ()  # what it learned from, beside what this project knows
    name: str = ""  # of the run; empty: its settings'

    @property
    def sampled_at(self) -> float:
        """The temperature; 0 is greedy."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.samples == 1 else SAMPLING_TEMPERATURE


def check_asking(asking: Asking, offline: tuple[str, ...]) -> None:
    """Raises `ConfigError` naming the option to change. `offline`: the targets that need no model."""
    target, known = asking.target, offline + MODELS
    if target not in known and not target.startswith(("http://", "https://")):
        names = ", ".join(f"`{one}`" for one in known)
        raise ConfigError(f"`--target {target}` is none of {names}, nor an address like http://127.0.0.1:8100/v1")
    if target.startswith("http") and not asking.model:
        raise ConfigError(f"`--target {target}` needs `--model NAME`: what the server calls its model")
    if asking.api_key_env and not os.environ.get(asking.api_key_env):
        raise ConfigError(f"`--api-key-env {asking.api_key_env}`: this environment variable is not set")
    if asking.samples > 1 and target not in offline and asking.sampled_at == 0:
        raise ConfigError("`--samples` above 1 needs `--temperature` above 0: greedy answers are all the same")


def model_target(layout: Layout, asking: Asking) -> tuple[Target, str, str]:
    """The target, the digest of a local model, and that model's chat template."""
    if asking.target in MODELS:
        model, digest = _local(layout, asking)
        return model, digest, model.template
    return _endpoint(asking), "", ""


def fill_target(layout: Layout, asking: Asking, fim_format: str) -> tuple[Target, str, str]:
    """A target that fills gaps, the digest of a local model, and how it is asked.

    Without a format named, a server is asked by the field `suffix`, and a local model by what its tokens show.
    """
    if asking.target in MODELS:
        model, digest = _local(layout, asking)
        model = model.filling(fim_format)
        return model, digest, template_of(model.fill)
    endpoint = msgspec.structs.replace(_endpoint(asking), fill=FORMATS[fim_format] if fim_format else None)
    return endpoint, "", template_of(endpoint.fill)


def _endpoint(asking: Asking) -> Endpoint:
    return Endpoint(
        url=asking.target,
        model=asking.model,
        max_tokens=asking.max_tokens,
        temperature=asking.sampled_at,
        seed=asking.seed,
        api_key=os.environ.get(asking.api_key_env, ""),
        at_once=asking.at_once,
        timeout_s=asking.timeout_s,
    )


def settings_of(
    asking: Asking, offline: tuple[str, ...], *, suite: str, data_digest: str, model_digest: str, prompt: str
) -> Settings:
    """What decides the answers. `prompt`: all that is asked apart from the tasks, templates included."""
    written = asking.target in offline
    return Settings(
        suite=suite,
        data_digest=data_digest,
        target=f"{asking.target} {asking.model}" if asking.model else asking.target,
        model_digest=model_digest,
        template_digest="" if written else sha256_bytes(prompt.encode()),
        temperature=0.0 if written else asking.sampled_at,
        max_tokens=0 if written else asking.max_tokens,
        chat=asking.chat and not written,
        seed=asking.seed if not written and asking.sampled_at else 0,
    )


def folder_of(layout: Layout, asking: Asking, settings: Settings) -> RunFolder:
    """Where the run lies."""
    return RunFolder(layout.evaluation / "runs", asking.name or default_name(settings))


def _local(layout: Layout, asking: Asking) -> "tuple[LocalModel, str]":
    """The model, and its digest."""
    # Torch takes seconds to import, and no other target needs it.
    from evaluation.generation import Decoding
    from evaluation.models import load_models
    from evaluation.suites.local import LocalModel

    recipe, base = load_recipe(layout), read_base(layout)
    models = load_models(base_location(layout, base.name), layout.adapter, dtype=recipe.train.base_dtype)
    decoding = Decoding(
        max_new_tokens=asking.max_tokens,
        temperature=asking.sampled_at,
        seed=asking.seed,
        precision=recipe.evaluation.precision,
    )
    tuned = asking.target == "adapter"
    model = LocalModel(models, tuned=tuned, decoding=decoding, batch_size=recipe.evaluation.batch_size)
    digest = sha256_bytes(f"{base.digest} {sha256_tree(layout.adapter)}".encode()) if tuned else base.digest
    return model, digest
