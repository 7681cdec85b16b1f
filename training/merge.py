"""Base model + adapter → merged model, a plain Hugging Face folder."""

from pathlib import Path

from peft import PeftModel

from hone.errors import TrainingError
from training.saving import load_base, load_tokenizer, refuse_pickles, save_model


def merge(base: str, adapter: Path, out: Path) -> None:
    """Adds the adapter's update to the base model's weights, in fp32, and writes the model with its tokenizer to `out`.

    Raises `TrainingError` where the adapter does not fit the base model, `UnsafeArtifact` where either is a pickle.
    """
    refuse_pickles(adapter)
    model = load_base(base)
    try:
        merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise TrainingError(f"adapter `{adapter}` does not fit base model `{base}`", detail=str(error)) from error
    save_model(merged, load_tokenizer(base), out)
