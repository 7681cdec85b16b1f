"""Models and adapters on disk: safetensors only, whole or absent, and nothing but data is read back."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from hone.errors import TrainingError, UnsafeArtifact

PICKLES = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt")


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Writes a model with its tokenizer to `out`. Raises `TrainingError` where that fails; `out` is then as before."""
    with _whole(out) as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)


def save_adapter(model: PeftModel, base: str, out: Path) -> None:
    """Writes an adapter, with `base` as the name of its base model, to `out`; fails as `save_model` does."""
    with _whole(out) as beside:
        model.save_pretrained(beside)
        (beside / "README.md").unlink(missing_ok=True)  # a model card with nothing filled in
        config = json.loads((beside / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = base
        (beside / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def refuse_pickles(folder: Path) -> None:
    """Raises `UnsafeArtifact` where a folder holds its weights only in a form that can run code when read."""
    if any(folder.glob("*.safetensors")):
        return  # these are read, and nothing else
    for path in sorted(folder.iterdir()):
        if path.suffix in PICKLES:
            raise UnsafeArtifact(f"`{path}` is a pickle, which can run code when read; convert it to safetensors")


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model, by local path or hub name. Raises `TrainingError` where there is none."""
    try:
        return AutoTokenizer.from_pretrained(_checked(base), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise TrainingError(_missing(base), detail=str(error)) from error


def load_base(base: str, *, dtype: str = "float32") -> PreTrainedModel:
    """A base model by local path or hub name, from safetensors only and running none of its code.

    Raises `TrainingError` where it is missing, `UnsafeArtifact` where it is a pickle.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(
            _checked(base), dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise TrainingError(_missing(base), detail=str(error)) from error


def _checked(base: str) -> str:
    """A path must be a folder with a model in it; anything else is a hub name."""
    path = Path(base)
    if path.is_dir():
        refuse_pickles(path)
    elif base.startswith((".", "/", "~")) or base.count("/") != 1:
        raise TrainingError(_missing(base))
    return base


def _missing(base: str) -> str:
    return f"base model `{base}` is neither a model folder here nor a hub name within reach; check `base_model`"


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Yields a folder beside `out` to write into; it takes the place of `out` only when everything was written."""
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        yield beside
        shutil.rmtree(out, ignore_errors=True)
        beside.replace(out)
    except Exception as error:  # a full disk is another error in each library that writes
        raise TrainingError(f"`{out}` could not be written: {error}; what was trained is kept: run again") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
