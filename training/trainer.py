"""The trainer that pretraining and fine-tuning share: a planned order of batches, sealed checkpoints, exact resume.

A thin layer over `transformers.Trainer`. It knows nothing of where data comes from or where metrics go.
"""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
import torch
from peft import PeftModel
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from hone.errors import NonFiniteLoss
from hone.records import Record
from training.checkpoints import latest_checkpoint, seal
from training.config import OptimizationConfig
from training.loss import has_plain_head, labelled_loss
from training.precision import products_of
from training.rms_norm import fuse_norms

Batch = dict[str, torch.Tensor]
log = structlog.get_logger()


class Progress(Record, frozen=True):
    """Where a run is, told at each logged step."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_s: float


Listener = Callable[[Progress], None]  # who hears of each logged step: the terminal's bar, MLflow


class PlannedBatches(Dataset[Batch]):
    """A fixed sequence of batches, each made when asked for: position i is always the same, so a resume is exact."""

    def __init__(self, plan: Sequence[Any], make: Callable[[Any], Batch]) -> None:
        self.plan = plan
        self.make = make

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Batch:
        return self.make(self.plan[index])


class PlannedTrainer(Trainer):  # type: ignore[misc]  # the library has no types
    """Takes batches in their planned order, computes the loss on labelled tokens only, and seals its checkpoints."""

    _plain_head: bool | None = None  # not known before the first batch

    def get_train_dataloader(self) -> DataLoader[Batch]:
        """One planned batch an item, never shuffled; several processes take turns."""
        loader = DataLoader(self.train_dataset, batch_size=1, shuffle=False, collate_fn=lambda items: items[0])
        return self.accelerator.prepare(loader)  # type: ignore[no-any-return]

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The labelled loss where the model's head is plain (checked once), else the model's own."""
        causal = model.get_base_model() if isinstance(model, PeftModel) else model
        if (
            self._plain_head is None
        ):  # under a distributed wrapper only the wrapper's own forward keeps gradients in step
            self._plain_head = isinstance(causal, PreTrainedModel) and has_plain_head(causal, inputs["input_ids"])
        if not self._plain_head:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        with self.accelerator.autocast():  # the library wraps only the whole model's forward in it
            return labelled_loss(causal, inputs["input_ids"], inputs["labels"], num_items_in_batch)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Seals what the library has written; a failure (a full disk) leaves the last whole checkpoint in place."""
        folder = Path(self.args.output_dir)
        checkpoint = folder / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
            seal(checkpoint)
        except Exception as error:  # a full disk is another error in each library that writes
            shutil.rmtree(checkpoint, ignore_errors=True)
            log.warning(
                "checkpoint not written; training goes on with the last one",
                step=self.state.global_step,
                error=str(error),
            )
            return
        for older in folder.glob("checkpoint-*"):
            if older != checkpoint:
                shutil.rmtree(older, ignore_errors=True)


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells listeners of each logged step and stops a run whose loss is no longer a number."""

    def __init__(self, listeners: Sequence[Listener], tokens_per_step: float, clock: Callable[[], float]) -> None:
        self.listeners = listeners
        self.tokens_per_step = tokens_per_step
        self.clock = clock
        self.last = (0, clock())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.last = (state.global_step, self.clock())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_log = control.should_log or control.should_save  # a bad loss is seen before it is saved

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]) or not math.isfinite(logs.get("grad_norm", 0.0)):
            raise NonFiniteLoss(
                f"the loss became {logs['loss']} before step {state.global_step}; lower `learning_rate` "
                f"(now {args.learning_rate:g}) or `max_grad_norm`, or set `precision: fp32`"
            )
        now = self.clock()
        since_step, since_s = self.last
        rate = (state.global_step - since_step) * self.tokens_per_step / max(now - since_s, 1e-9)
        self.last = (state.global_step, now)
        progress = Progress(
            state.global_step,
            state.max_steps,
            logs["loss"],
            logs["learning_rate"],
            float(logs.get("grad_norm", 0.0)),
            rate,
        )
        for listener in self.listeners:
            listener(progress)


def begin(seed: int) -> None:
    """Prepares this process for a training run, before its first tensor: seeds, and flushes denormal numbers to zero.

    Vanishing gradients leave denormals in the optimizers' momenta, which a CPU multiplies far more slowly: Muon's
    step took three times as long. Compute threads inherit the setting only if it comes before they start.
    """
    torch.set_flush_denormal(True)
    set_seed(seed)


def train(
    model: PreTrainedModel | PeftModel,
    batches: PlannedBatches,
    config: OptimizationConfig,
    folder: Path,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    gradient_accumulation: int = 1,
    gradient_checkpointing: bool = False,
    tokens_per_step: float,
    listeners: Sequence[Listener],
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, float]]:
    """Trains `model` in place through all batches, going on from the newest whole checkpoint in `folder`.

    Returns the loss curve: a mapping with `step`, `loss`, `grad_norm` and `learning_rate` for each logged step, those
    before a resume too. Raises `NonFiniteLoss`.
    """
    steps = len(batches) // gradient_accumulation
    if not torch.cuda.is_available():
        # The fused attention's backward pass is slow on CPUs at some hundred tokens: plain products save a fifth.
        model.set_attn_implementation("eager")
        fuse_norms(model)
    resume = latest_checkpoint(folder)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,  # an item of `batches` is a whole batch already
        gradient_accumulation_steps=gradient_accumulation,
        activation_checkpointing=gradient_checkpointing,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=min(config.warmup_steps, steps // 2),
        adam_beta2=config.adam_beta2,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=products_of(config) == torch.bfloat16,
        optim="adamw_torch_fused",
        logging_steps=config.log_steps,
        logging_nan_inf_filter=False,  # hiding a bad loss is how a broken run goes unnoticed
        save_steps=config.checkpoint_steps,
        save_strategy="steps",
        seed=config.seed,
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to=[],
        disable_tqdm=True,
        log_level="error",
    )
    trainer = PlannedTrainer(
        model=model,
        args=arguments,
        train_dataset=batches,
        callbacks=[_Watch(listeners, tokens_per_step, clock)],
        optimizers=(optimizer, None),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return [entry for entry in trainer.state.log_history if "loss" in entry]
