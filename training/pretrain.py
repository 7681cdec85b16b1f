"""A small Llama-style base model from nothing, for machines that can download none."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from hone.errors import TrainingError
from training.checkpoints import run_folder
from training.config import Architecture, PretrainConfig
from training.gap_blocks import FILL_FORMAT, with_gaps
from training.optimizer import MuonWithAdamW
from training.precision import NAMES, products_of
from training.saving import save_model
from training.tokenizer import train_tokenizer
from training.trainer import Batch, Listener, PlannedBatches, begin, train

PIECE_CHARACTERS = 4000  # documents are cut so that neighbours in a block come from all over the corpus
TOKENIZER_CHARACTERS = 3_000_000  # a sample this large fixes 4,096 tokens


def pretrain(
    documents: Sequence[str],
    config: PretrainConfig,
    *,
    key: str,
    checkpoints: Path,
    out: Path,
    listeners: Sequence[Listener],
    said: Callable[[str], None],
) -> list[dict[str, float]]:
    """Trains tokenizer and model on `documents` and writes both to `out`; returns the loss curve.

    `key` names everything that determines the run; a killed run goes on from its last checkpoint under it.
    """
    begin(config.seed)
    shape = config.architecture
    pieces = _pieces(documents, random.Random(config.seed))  # noqa: S311 - an order, not a secret
    said(f"training a byte-level BPE tokenizer of {shape.vocabulary:,} tokens")
    sentinels = FILL_FORMAT.sentinels if config.fill_share else ()
    sample = _sample(pieces, TOKENIZER_CHARACTERS)
    tokenizer = train_tokenizer(sample, shape.vocabulary, shape.context, sentinels=sentinels)
    blocks = pack(tokenizer, pieces, config)
    if config.fill_share:
        blocks = with_gaps(tokenizer, blocks, config)
    model = LlamaForCausalLM(llama_config(shape, tokenizer))
    products = products_of(config)
    size = f"{model.num_parameters() / 1e6:.2f} M parameters"
    said(f"pretraining {size} on {blocks.numel():,} tokens, in {NAMES[products]}")
    curve = train(
        model,
        PlannedBatches(torch.split(blocks, config.batch_sequences), _batch),
        config,
        run_folder(checkpoints, "pretrain", key),
        optimizer=MuonWithAdamW(
            model,
            learning_rate=config.learning_rate,
            beta2=config.adam_beta2,
            weight_decay=config.weight_decay,
            products=products,
        ),
        tokens_per_step=config.batch_sequences * config.architecture.context,
        listeners=listeners,
    )
    save_model(model, tokenizer, out)
    return curve


def llama_config(architecture: Architecture, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """The model's shape in the library's terms. Nothing stands before a text, so there is no begin token."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        max_position_embeddings=architecture.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )


def pack(tokenizer: PreTrainedTokenizerFast, pieces: Sequence[str], config: PretrainConfig) -> torch.Tensor:
    """Blocks of `context` token ids, (blocks, context): pieces end to end with end-of-text between, whole batches only.

    The corpus is read again from its start where it is shorter than `tokens` asks.
    Raises `TrainingError` where it does not fill one batch.
    """
    ids: list[int] = []
    for encoding in tokenizer.backend_tokenizer.encode_batch(list(pieces)):
        ids += [*encoding.ids, tokenizer.eos_token_id]
        if len(ids) >= config.tokens:
            break
    per_batch = config.batch_sequences * config.architecture.context
    if len(ids) < per_batch:
        raise TrainingError(
            f"the corpus has {len(ids):,} tokens, fewer than one batch of {per_batch:,}; give it more text"
        )
    while len(ids) < config.tokens:
        ids += ids[: config.tokens - len(ids)]
    whole = config.tokens // per_batch * per_batch
    return torch.tensor(ids[:whole]).view(-1, config.architecture.context)


def _pieces(documents: Iterable[str], rng: random.Random) -> list[str]:
    pieces = [text[at : at + PIECE_CHARACTERS] for text in documents for at in range(0, len(text), PIECE_CHARACTERS)]
    rng.shuffle(pieces)
    return pieces


def _sample(pieces: Iterable[str], characters: int) -> Iterator[str]:
    for piece in pieces:
        if characters <= 0:
            return
        characters -= len(piece)
        yield piece


def _batch(block: torch.Tensor) -> Batch:
    return {"input_ids": block, "labels": block}
