"""What cannot be trained is refused by name; what is trained is what the recipe says."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from hone.errors import TrainingError, UnsafeArtifact
from hone.fill_formats import FORMATS
from hone.records import Example, Origin
from training.config import LoraConfig, TrainConfig
from training.finetune import add_adapter, finetune, plan_batches
from training.merge import merge
from training.saving import load_base, load_tokenizer


def test_a_missing_base_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"base model `\./nowhere` is neither a model folder here nor a hub name"):
        load_base("./nowhere")


def test_a_base_model_that_is_only_a_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(UnsafeArtifact, match=r"pytorch_model\.bin` is a pickle"):
        load_base(str(tmp_path))


def test_a_target_that_the_architecture_lacks_is_refused_with_those_it_has(base: Path) -> None:
    with pytest.raises(TrainingError, match=r"LoRA target `c_attn` is not in `LlamaForCausalLM`; there are: down_proj"):
        add_adapter(load_base(str(base)), LoraConfig(rank=2, alpha=4, targets=("q_proj", "c_attn")))


def test_all_linear_adapts_every_linear_layer_but_the_head(base: Path) -> None:
    model = add_adapter(load_base(str(base)), LoraConfig(rank=2, alpha=4))
    adapted = {name.split(".")[-4] for name, tensor in model.named_parameters() if tensor.requires_grad}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_the_adapter_is_fp32_over_a_bf16_base(base: Path) -> None:
    model = add_adapter(load_base(str(base), dtype="bfloat16"), LoraConfig(rank=2, alpha=4))
    kinds = {parameter.requires_grad: parameter.dtype for parameter in model.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}


def test_a_token_that_the_model_has_no_row_for_is_named(
    base: Path, train_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "base")
    tokenizer = load_tokenizer(str(base))
    tokenizer.add_special_tokens({"additional_special_tokens": list(FORMATS["starcoder2"].sentinels)})
    tokenizer.save_pretrained(tmp_path / "base")
    gap = Example("gap", "x = 1\n", "y = 2\n", "", Origin("shop"), task="fill", suffix="z = 3\n")
    with pytest.raises(TrainingError, match="the base model has no row for the token `<fim_"):
        finetune(
            str(tmp_path / "base"),
            [gap],
            train_config(),
            base_name="base",
            key="gap",
            checkpoints=tmp_path / "checkpoints",
            out=tmp_path / "adapter",
            listeners=[],
            said=lambda _line: None,
        )


def test_the_plan_has_as_many_batches_as_the_run_has_steps(train_config: Callable[..., TrainConfig]) -> None:
    plan = plan_batches([5] * 10, train_config(steps=7, batch_size=4, gradient_accumulation=2))
    assert len(plan) == 14


def test_the_merged_model_answers_as_base_and_adapter_do_together(
    base: Path, examples: list[Example], train_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    finetune(
        str(base),
        examples,
        train_config(),
        base_name="artifacts/base",
        key="merge",
        checkpoints=tmp_path,
        out=tmp_path / "adapter",
        listeners=[],
        said=lambda _line: None,
    )
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "artifacts/base"
    merge(str(base), tmp_path / "adapter", tmp_path / "merged")
    adapted = load_base(str(base))
    adapted.load_adapter(str(tmp_path / "adapter"))
    ids = load_tokenizer(str(base))(examples[0].prompt, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        together = adapted(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(ids).logits
        alone = load_base(str(base))(ids).logits
    assert torch.allclose(merged, together, atol=1e-4)
    assert not torch.allclose(merged, alone, atol=1e-4)


def test_an_adapter_of_another_shape_is_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(TrainingError, match="does not fit base model"):
        merge(str(base), tmp_path, tmp_path / "merged")
