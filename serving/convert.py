"""A merged Hugging Face model folder → a weights folder for the server.

Runs on the host, never in the image: it needs Transformers and torch. It reads safetensors only, and the folder it
writes appears whole or not at all. Merging an adapter into its base is not done here.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from hone.errors import ServingError, UnsafeArtifact
from hone.records import write_record
from serving.weights import RECORD_FILE, TOKENIZER_FILE, Weights

# Each is compared token for token with Transformers in tests/serving/test_convert.py.
ARCHITECTURES = (
    "GPT2LMHeadModel",
    "GPTBigCodeForCausalLM",
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
)
QUANTIZATIONS = ("float32", "int8")
PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
# What tokenizers differ in: a token added at the start or end, leading spaces, text outside ASCII.
PROBES = ("def f(x):\n    return x\n", "  leading", "naïve 🎉 日本語", "\n")


def convert(model_dir: Path, out: Path, *, quantization: str = "float32") -> Path:
    """Writes the weights folder `out` (replacing one that is there) and returns it.

    Greedy output in float32 is token for token that of `generate`. Raises `UnsafeArtifact` where the folder holds a
    pickle, `ServingError` where the architecture cannot be served or the folder is not a model.
    """
    if quantization not in QUANTIZATIONS:
        raise ServingError(f"quantization `{quantization}` is not known; choose one of {_listed(QUANTIZATIONS)}")
    architecture = _check_model(model_dir)
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _quiet_transformers():
            _write_weights(model_dir, beside, architecture, quantization)
        _swap(beside, out)
    except (OSError, ValueError, KeyError, RuntimeError, NotImplementedError, SafetensorError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ServingError(f"`{model_dir}` could not be converted: {first}", detail=str(error)) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return out


def _check_model(model_dir: Path) -> str:
    """The folder's architecture, once it is sure that reading the folder runs no code and that it can be served."""
    try:
        config = json.loads((model_dir / "config.json").read_bytes())
        architecture = config["architectures"][0]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ServingError(f"`{model_dir}` is not a merged model: its `config.json` names no architecture") from error
    pickles = sorted(path.name for path in model_dir.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise UnsafeArtifact(f"`{model_dir / pickles[0]}` can run code when it is read; save the model as safetensors")
    if not any(model_dir.glob("*.safetensors")):
        raise ServingError(f"`{model_dir}` holds no `*.safetensors`; merge the adapter into its base model first")
    if architecture not in ARCHITECTURES:
        raise ServingError(
            f"`{architecture}` cannot be served by CTranslate2; choose a base model of {_listed(ARCHITECTURES)}, "
            f"or serve the merged folder with vLLM"
        )
    return str(architecture)


def _write_weights(model_dir: Path, folder: Path, architecture: str, quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter
    from transformers import AutoConfig, AutoTokenizer

    TransformersConverter(str(model_dir)).convert(str(folder), quantization=quantization)
    config = AutoConfig.from_pretrained(model_dir, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    _name_missing_tokens(folder / "config.json", tokenizer.eos_token)
    _write_tokenizer(tokenizer, folder / TOKENIZER_FILE)
    template = tokenizer.chat_template
    weights = Weights(
        architecture=architecture,
        quantization=quantization,
        context_tokens=config.max_position_embeddings,
        eos_token_ids=_eos_token_ids(model_dir, config, tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        special_tokens={name: text for name, text in tokenizer.special_tokens_map.items() if isinstance(text, str)},
        chat_template=template.get("default") if isinstance(template, dict) else template,
    )
    write_record(folder / RECORD_FILE, weights)


def _name_missing_tokens(path: Path, eos_token: str | None) -> None:
    """CTranslate2 cannot load a configuration with a null for a special token, as a tokenizer without BOS gives."""
    config = json.loads(path.read_bytes())
    config |= {name: eos_token for name, value in config.items() if value is None and name.endswith("_token")}
    path.write_text(json.dumps(config, indent=2) + "\n")


def _write_tokenizer(tokenizer: Any, path: Path) -> None:
    """Saves the tokenizer as it works inside Transformers, which may change what its files say (BOS, for one)."""
    from tokenizers import Tokenizer

    if not tokenizer.is_fast:
        raise ValueError("its tokenizer has no `tokenizer.json` form; save it with a fast tokenizer")
    tokenizer.backend_tokenizer.save(str(path))
    alone = Tokenizer.from_file(str(path))
    alone.no_truncation()
    alone.no_padding()
    alone.save(str(path))
    for probe in PROBES:
        if alone.encode(probe).ids != tokenizer(probe)["input_ids"]:
            raise ValueError(f"its tokenizer reads {probe!r} differently outside Transformers")


def _eos_token_ids(model_dir: Path, config: Any, tokenizer: Any) -> tuple[int, ...]:
    """Where `generate` would stop: the generation configuration, else the model's, else the tokenizer's token."""
    path = model_dir / "generation_config.json"
    generation = json.loads(path.read_bytes()) if path.is_file() else {}
    for found in (generation.get("eos_token_id"), config.eos_token_id, tokenizer.eos_token_id):
        if found is not None:
            return tuple(found) if isinstance(found, list) else (int(found),)
    raise ValueError("it has no end-of-text token, so nothing would end an answer; set `eos_token` in its tokenizer")


def _swap(beside: Path, out: Path) -> None:
    """Puts the new folder in the old one's place."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    beside.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bars: only the command line prints."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
