"""The training sections of a recipe. Every default has its reason beside it; nothing else in training has defaults."""

from typing import Literal

from pydantic import Field, model_validator

from hone.config import Config

Precision = Literal["auto", "bf16", "fp32"]
Weights = Literal["float32", "bfloat16"]


class OptimizationConfig(Config):
    """What pretraining and fine-tuning have in common."""

    seed: int = 0
    learning_rate: float = Field(gt=0, lt=1)
    warmup_steps: int = Field(30, ge=0)
    """Steps of linear warm-up; then linear decay to zero."""
    max_grad_norm: float = Field(1.0, gt=0)
    adam_beta2: float = Field(0.98, gt=0, lt=1)
    """0.98 adapts faster than the usual 0.999, which suits runs of some hundred steps."""
    weight_decay: float = Field(0.0, ge=0)
    precision: Precision = "auto"
    """bf16: matrix products in bfloat16 by autocast; the trained weights stay fp32. auto: where the hardware has
    instructions for them, else fp32; without, bf16 takes a hundred times as long. What is held in bfloat16 multiplies
    in it under auto, too."""
    checkpoint_steps: int = Field(100, ge=1)
    """A killed run loses at most this many steps."""
    log_steps: int = Field(10, ge=1)
    """Steps between two points of the loss curve."""

    @property
    def weights(self) -> Weights:
        """What the weights are held in that are multiplied."""
        return "float32"


class Architecture(Config):
    """A Llama-style model to pretrain. Embeddings are tied."""

    hidden_size: int = Field(256, ge=8)
    intermediate_size: int = Field(704, ge=8)
    layers: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    context: int = Field(256, ge=32)
    """The longest sequence, in tokens."""
    vocabulary: int = Field(4096, ge=260)
    """Byte-level BPE tokens."""

    @model_validator(mode="after")
    def _heads_divide(self) -> "Architecture":
        if self.hidden_size % (2 * self.heads):
            raise ValueError(f"hidden_size {self.hidden_size} must be an even multiple of heads {self.heads}")
        return self


class PretrainConfig(OptimizationConfig):
    """A base model from nothing, for machines that can download none."""

    architecture: Architecture = Architecture()
    tokens: int = Field(gt=0)
    """Training tokens in all; with `batch_sequences` this gives the number of steps."""
    batch_sequences: int = Field(16, ge=1)
    """Sequences of `context` tokens a step."""
    fill_share: float = Field(0.0, ge=0, le=1)
    """The share of sequences that are a text with a gap and what stands in it, with sentinels in the vocabulary, which
    `fill` among the tasks needs. Half of them costs little left-to-right loss (Bavarian et al. 2022, section 4.1)."""


class LoraConfig(Config):
    """Low-rank adaptation (Hu et al. 2021)."""

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)
    """The update is scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Which linear layers get an adapter: all but the head, or modules by the end of their names."""


class TrainConfig(OptimizationConfig):
    """LoRA fine-tuning on prompt → completion examples."""

    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    """Examples a step on one device."""
    length_groups: int = Field(2, ge=1)
    """Groups of like lengths that a batch is made of. 1 pads least, but each step then leans to one length: after 150
    steps of the embedded recipe its held-out loss was 12 % higher. As many as `batch_size` is a random order."""
    gradient_accumulation: int = Field(1, ge=1)
    """Batches whose gradients are added up to one step."""
    max_tokens: int = Field(ge=16)
    """Longer examples are left out and counted, never cut."""
    base_dtype: Weights = "float32"
    """What the frozen base model is held in: bfloat16 halves the memory of a large one. The adapter is always fp32."""
    gradient_checkpointing: bool = False
    """Recomputes activations in the backward pass: about a third slower, much less memory."""
    lora: LoraConfig

    @property
    def weights(self) -> Weights:
        """Those of the base model: the adapter's are few."""
        return self.base_dtype
