"""LoRA fine-tuning: examples and a base model → adapter. Any causal language model by local path or hub name."""

import fnmatch
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import peft
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hone.errors import TrainingError
from hone.records import Example
from training.checkpoints import run_folder
from training.config import LoraConfig, TrainConfig
from training.encoding import Selection, bucketed_batches, collate, described, select
from training.lora_linear import fuse_adapters
from training.precision import NAMES, products_of
from training.saving import load_base, load_tokenizer, save_adapter
from training.spans import Encoded
from training.trainer import Batch, Listener, PlannedBatches, begin, train


def finetune(
    base: str,
    examples: Sequence[Example],
    config: TrainConfig,
    *,
    base_name: str,
    key: str,
    checkpoints: Path,
    out: Path,
    listeners: Sequence[Listener],
    said: Callable[[str], None],
    selected: Callable[[Selection], None] = lambda _selection: None,
) -> list[dict[str, float]]:
    """Trains an adapter for `base` and writes it to `out`, which says `base_name`; returns the loss curve.

    The loss is on what the model must say alone; `selected` hears which examples that leaves out. `key` names
    everything that determines the run; a killed run goes on from its last checkpoint under it. Raises `TrainingError`
    for a base model, targets or examples that cannot be trained.
    """
    begin(config.seed)
    tokenizer = load_tokenizer(base)
    selection = select(tokenizer, examples, config.max_tokens)
    selected(selection)
    if selection.left_out:
        said(f"{len(selection.left_out)} of {len(examples)} examples left out: {described(selection.left_out)}")
    encoded = selection.encoded
    model = load_base(base, dtype=config.base_dtype)
    _check_rows(model, tokenizer, encoded)
    model = add_adapter(model, config.lora)
    products = products_of(config)
    fuse_adapters(model, products if products == torch.bfloat16 else None)
    trainable, total = model.get_nb_trainable_parameters()
    plan = plan_batches([len(one.ids) for one in encoded], config)
    said(f"fine-tuning {trainable:,} of {total:,} parameters, LoRA rank {config.lora.rank}, in {NAMES[products]}")

    def make(indices: Sequence[int]) -> Batch:
        return collate([encoded[index] for index in indices], tokenizer.pad_token_id or tokenizer.eos_token_id)

    curve = train(
        model,
        PlannedBatches(plan, make),
        config,
        run_folder(checkpoints, "train", key),
        gradient_accumulation=config.gradient_accumulation,
        gradient_checkpointing=config.gradient_checkpointing,
        tokens_per_step=_mean_tokens(encoded) * config.batch_size * config.gradient_accumulation,
        listeners=listeners,
    )
    save_adapter(model, base_name, out)
    return curve


def add_adapter(model: PreTrainedModel, config: LoraConfig) -> peft.PeftModel:
    """Wraps a model with a fresh fp32 adapter. Raises `TrainingError` where its targets are not in the architecture."""
    targets = config.targets if config.targets == "all-linear" else list(config.targets)
    if targets != "all-linear":
        linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
        missing = [
            target for target in targets if not any(name == target or name.endswith(f".{target}") for name in linear)
        ]
        if missing:
            ends = sorted({name.rpartition(".")[2] for name in linear if not fnmatch.fnmatch(name, "*head*")})
            architecture = type(model).__name__
            raise TrainingError(f"LoRA target `{missing[0]}` is not in `{architecture}`; there are: {', '.join(ends)}")
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=targets,
        ),
    )


def plan_batches(lengths: Sequence[int], config: TrainConfig) -> list[list[int]]:
    """The indices of every batch of the run, epoch after epoch, the same for the same seed."""
    wanted = config.steps * config.gradient_accumulation
    plan: list[list[int]] = []
    for epoch in count():
        plan += bucketed_batches(lengths, config.batch_size, config.length_groups, config.seed, epoch)
        if len(plan) >= wanted:
            return plan[:wanted]
    raise AssertionError("an endless count has ended")


def _check_rows(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, encoded: Sequence[Encoded]) -> None:
    """Raises `TrainingError` for a token that the model has no row for: the tokenizer alone was given it."""
    highest, rows = max(max(one.ids) for one in encoded), model.get_input_embeddings().weight.shape[0]
    if highest >= rows:
        token = tokenizer.convert_ids_to_tokens(highest)
        raise TrainingError(
            f"the base model has no row for the token `{token}`, so it was not trained with it; take the task that "
            "needs it out of the source's `tasks`, or name another base model"
        )


def _mean_tokens(encoded: Sequence[Encoded]) -> float:
    return sum(len(one.ids) for one in encoded) / len(encoded)
