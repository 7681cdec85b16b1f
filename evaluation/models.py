"""Loads a base model with its adapter once, and lends it out as either. Safetensors only; runs no foreign code."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from hone.errors import EvaluationError, UnsafeArtifact

PICKLES = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")


class ModelPair:
    """A base model, and the same weights with the adapter's update added. Memory holds them once."""

    def __init__(self, model: PeftModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self.tokenizer = tokenizer

    @contextmanager
    def base(self) -> Iterator[PreTrainedModel]:
        """The base model, as it was loaded."""
        with self._model.disable_adapter():
            yield self._model.get_base_model()

    @contextmanager
    def tuned(self) -> Iterator[PreTrainedModel]:
        """The merged model: the adapter's update is added to the weights, as in what is served, and taken off after."""
        self._model.merge_adapter(safe_merge=True)
        try:
            yield self._model.get_base_model()
        finally:
            self._model.unmerge_adapter()


def load_models(base: str, adapter: Path, *, dtype: str) -> ModelPair:
    """Loads a base model by local path or hub name, and the adapter in a folder, on the GPU where there is one.

    Raises `EvaluationError` where either is missing or they do not fit, `UnsafeArtifact` where a pickle stands for
    weights: in an adapter no pickle is tolerated at all.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise EvaluationError(f"`{adapter}` holds no adapter; run `hone repro` to train one")
    refuse_pickles(adapter)
    if not (adapter / "adapter_model.safetensors").is_file():
        raise EvaluationError(
            f"`{adapter / 'adapter_model.safetensors'}` is missing; run `hone repro` to train it anew"
        )
    if not Path(base).is_dir() and (base.startswith((".", "/", "~")) or base.count("/") != 1):
        raise EvaluationError(_missing(base))
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise EvaluationError(_missing(base), detail=str(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")  # an adapter in part is none
            whole = PeftModel.from_pretrained(model, str(adapter))
    except (OSError, RuntimeError, TypeError, ValueError, SafetensorError, UserWarning) as error:
        raise EvaluationError(f"adapter `{adapter}` does not fit base model `{base}`", detail=str(error)) from error
    return ModelPair(whole.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer)


def refuse_pickles(folder: Path) -> None:
    """Raises `UnsafeArtifact` naming the first file in a folder that can run code when it is read."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in PICKLES:
            raise UnsafeArtifact(f"`{path}` is a pickle, which can run code when it is read; save it as safetensors")


def _missing(base: str) -> str:
    return f"base model `{base}` is no folder with a model in safetensors, nor a hub name within reach"
