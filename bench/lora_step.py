"""LoRA fine-tuning, ours against stock `trl.SFTTrainer`: real tokens per CPU-second, and the loss that each ends with.

Same base model, token ids, adapter, optimizer and schedule, as the chosen recipe says; each run in a process of its
own. TRL keeps its defaults: batches of random lengths, and activations recomputed in the backward pass (a
further row is without). Counts the training loop's CPU time alone: no import, warm-up, tokenisation or checkpoint.

    python -m bench.lora_step --steps 150
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.report import Row, measured, show
from hone.errors import TrainingError
from hone.layout import Layout, find_layout
from hone.records import Example, Record, read_examples, read_record, write_record
from pipelines.facts import base_location, read_base
from pipelines.recipe import load_recipe
from training.config import TrainConfig
from training.precision import products_of

OURS, STOCK, STORING = "hone", "trl", "trl without recomputing"
SIDES = (OURS, STOCK, STORING)
STEPS = 150  # what happens once, as choosing a kernel for each new shape, is then a percent
WARM_UP_STEPS = 2  # of a run before, for what a process does once: lazy imports, choosing kernels
HELDOUT_EXAMPLES = 200
LOSS_BATCH = 50
LOSS_TOLERANCE = "≤ 1.05 ×"  # what counts as the same loss: as far as two seeds of one side lie apart


class StepRun(Record, frozen=True):
    """One training of one side."""

    tokens: int  # prompt and completion, over all steps; no padding
    labels: int  # of these, the ones trained on
    cpu_s: float  # of all threads
    heldout_loss: float  # nats per completion token, after the last step


def measure_lora_step(layout: Layout, *, steps: int, said: Callable[[str], None]) -> list[Row]:
    """Runs every side, one after the other. Raises `TrainingError` where one fails or saw other tokens."""
    runs = {}
    for side in SIDES:
        run = runs[side] = _run_apart(layout, side, steps)
        said(f"LoRA step, {side}: {run.tokens / run.cpu_s:,.0f} tokens per CPU-second, loss {run.heldout_loss:.3f}")
    if len({(run.tokens, run.labels) for run in runs.values()}) != 1:
        raise TrainingError("the two trainers did not see the same tokens; the figures cannot be compared")
    return rows_of(runs)


def rows_of(runs: dict[str, StepRun]) -> list[Row]:
    """The comparison."""
    speed = {side: run.tokens / run.cpu_s for side, run in runs.items()}
    loss = {side: run.heldout_loss for side, run in runs.items()}
    unit = "tokens/CPU-s"
    return [
        measured("LoRA step", speed[OURS], unit, "≥ 3 ×", peer="TRL SFTTrainer", peer_value=speed[STOCK]),
        measured(
            "LoRA step, TRL without recomputing",
            speed[OURS],
            unit,
            "",
            peer="TRL SFTTrainer",
            peer_value=speed[STORING],
        ),
        measured(
            "LoRA step: held-out loss reached",
            loss[OURS],
            "nats/token",
            LOSS_TOLERANCE,
            peer="TRL SFTTrainer",
            peer_value=loss[STOCK],
        ),
    ]


def _run_apart(layout: Layout, side: str, steps: int) -> StepRun:
    """One side in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.lora_step", "--side", side, "--steps", str(steps), "--out", folder]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "HONE_ROOT": str(layout.root)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise TrainingError(f"the training by {side} failed: {why}", detail=done.stderr)
        return read_record(Path(folder) / "run.json", StepRun)


def _run_side(side: str, steps: int, out: Path) -> None:
    """Trains, measures the loss, writes run.json."""
    from evaluation.loss import completion_loss
    from evaluation.models import load_models
    from training.encoding import encode
    from training.saving import load_tokenizer

    layout = find_layout()
    base = base_location(layout, read_base(layout).name)
    config = load_recipe(layout).train.model_copy(
        update={"steps": steps, "warmup_steps": steps // 4, "log_steps": steps, "checkpoint_steps": steps}
    )
    tokenizer = load_tokenizer(base)
    wanted = steps * config.batch_size * config.gradient_accumulation
    examples = [
        example
        for example in read_examples(layout.data / "train.jsonl")[: 2 * wanted]
        if len(encode(tokenizer, example).ids) <= config.max_tokens
    ][:wanted]
    encoded = [encode(tokenizer, example) for example in examples]
    if len(examples) < wanted:
        raise TrainingError(f"{wanted} training examples are needed and {len(examples)} there; give fewer `--steps`")
    train = _train_ours if side == OURS else _train_trl_storing if side == STORING else _train_trl
    train(base, examples, config.model_copy(update={"steps": WARM_UP_STEPS}), out / "warm-up")
    cpu_s = train(base, examples, config, out)

    heldout = [
        encode(tokenizer, example) for example in read_examples(layout.data / "heldout.jsonl")[:HELDOUT_EXAMPLES]
    ]
    with load_models(base, out / "adapter", dtype=config.base_dtype).tuned() as model:
        losses = completion_loss(
            model,
            [(one.ids, one.trained) for one in heldout],
            batch_size=LOSS_BATCH,
            precision="fp32",
            progress=lambda _done, _total: None,
        )
    tokens, trained = sum(len(one.ids) for one in encoded), sum(one.trained_tokens for one in encoded)
    loss = sum(total for total, _ in losses) / sum(count for _, count in losses)
    write_record(out / "run.json", StepRun(tokens, trained, cpu_s, loss))


def _train_ours(base: str, examples: Sequence[Example], config: TrainConfig, out: Path) -> float:
    """CPU-seconds from the last word before the loop to the last step, which is told before it is saved."""
    from training.finetune import finetune

    started = ended = 0.0

    def said(_line: str) -> None:
        nonlocal started
        started = time.process_time()

    def heard(_progress: object) -> None:
        nonlocal ended
        ended = time.process_time()

    finetune(
        base,
        examples,
        config,
        base_name=base,
        key="bench",
        checkpoints=out / "checkpoints",
        out=out / "adapter",
        listeners=[heard],
        said=said,
    )
    return ended - started


def _train_trl_storing(base: str, examples: Sequence[Example], config: TrainConfig, out: Path) -> float:
    return _train_trl(base, examples, config, out, recomputing=False)


def _train_trl(
    base: str, examples: Sequence[Example], config: TrainConfig, out: Path, *, recomputing: bool = True
) -> float:
    """CPU-seconds of `SFTTrainer.train`. It gets our token ids: its own could merge prompt and completion."""
    import torch
    import trl
    from datasets import Dataset
    from transformers import set_seed

    from training.encoding import encode
    from training.finetune import add_adapter
    from training.loss import IGNORED
    from training.saving import load_base, load_tokenizer, save_adapter

    set_seed(config.seed)
    tokenizer = load_tokenizer(base)
    encoded = [encode(tokenizer, example) for example in examples]
    trainer = trl.SFTTrainer(
        model=add_adapter(load_base(base, dtype=config.base_dtype), config.lora),
        args=trl.SFTConfig(
            output_dir=str(out / "trl"),
            max_steps=config.steps,
            per_device_train_batch_size=config.batch_size,
            gradient_accumulation_steps=config.gradient_accumulation,
            gradient_checkpointing=recomputing,
            max_length=config.max_tokens,
            learning_rate=config.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=config.warmup_steps,
            adam_beta2=config.adam_beta2,
            weight_decay=config.weight_decay,
            max_grad_norm=config.max_grad_norm,
            bf16=products_of(config) == torch.bfloat16,
            seed=config.seed,
            use_cpu=not torch.cuda.is_available(),
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(
            [
                {
                    "input_ids": list(one.ids),
                    "labels": [IGNORED] * one.trained[0][0] + list(one.ids[one.trained[0][0] :]),
                }
                for one in encoded
            ]
        ),
        processing_class=tokenizer,
    )
    started = time.process_time()
    trainer.train()
    cpu_s = time.process_time() - started
    save_adapter(trainer.model, base, out / "adapter")  # without the pickle that the library adds
    return cpu_s


def main() -> None:
    """The comparison by itself; with `--side`, one training of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        _run_side(given.side, given.steps, given.out)
    else:
        show("LoRA step", measure_lora_step(find_layout(), steps=given.steps, said=print))


if __name__ == "__main__":
    main()
