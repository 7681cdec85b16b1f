"""The shipped recipes fit the models they name: targets resolve on the real architecture, built without memory."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config, Starcoder2Config

from hone.config import load_config
from pipelines.recipe import Recipe
from training.finetune import add_adapter

RECIPES = Path(__file__).parents[2] / "configs" / "recipes"

# The published configurations (config.json of each model), in what decides shapes.
ARCHITECTURES: dict[str, PretrainedConfig] = {
    "qwen2.5-coder-0.5b": Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ),
    "starcoder2-3b": Starcoder2Config(
        vocab_size=49152,
        hidden_size=3072,
        intermediate_size=12288,
        num_hidden_layers=30,
        num_attention_heads=24,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ),
    "deepseek-coder-33b": LlamaConfig(
        vocab_size=32256,
        hidden_size=7168,
        intermediate_size=19200,
        num_hidden_layers=62,
        num_attention_heads=56,
        num_key_value_heads=8,
    ),
    "codellama-34b": LlamaConfig(
        vocab_size=32000,
        hidden_size=8192,
        intermediate_size=22016,
        num_hidden_layers=48,
        num_attention_heads=64,
        num_key_value_heads=8,
    ),
}
BILLIONS = {"qwen2.5-coder-0.5b": 0.494, "starcoder2-3b": 3.03, "deepseek-coder-33b": 33.34, "codellama-34b": 33.74}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_recipe_adapts_every_layer_of_its_architecture(name: str) -> None:
    recipe = load_config(RECIPES / f"{name}.yaml", Recipe)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(ARCHITECTURES[name])
        total = model.num_parameters()
        adapted = add_adapter(model, recipe.train.lora)
    assert total / 1e9 == pytest.approx(BILLIONS[name], abs=0.006)
    names = [key for key, tensor in adapted.named_parameters() if tensor.requires_grad]
    layers = {name.split(".layers.")[1].split(".")[0] for name in names}
    assert len(layers) == ARCHITECTURES[name].num_hidden_layers


def test_codellama_34b_trains_108_9_million_parameters_at_rank_16() -> None:
    recipe = load_config(RECIPES / "codellama-34b.yaml", Recipe)
    with torch.device("meta"):
        adapted = add_adapter(AutoModelForCausalLM.from_config(ARCHITECTURES["codellama-34b"]), recipe.train.lora)
    trainable, _ = adapted.get_nb_trainable_parameters()
    assert trainable / 1e6 == pytest.approx(108.9, abs=0.05)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_begins_with_its_command(path: Path) -> None:
    load_config(path, Recipe)
    assert path.read_text().splitlines()[0] == f"# hone repro --recipe configs/recipes/{path.name}"
