"""Tiny models and a running server, for the tests of this folder and of others."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import peft
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CodeLlamaTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    set_seed,
)

from serving.healthcheck import is_ready

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_S = 60
PROMPT = "def greet(name):\n"
RECITED = "    # naïve 🎉 日本語\n    return 'Hello, ' + name\n"  # then the end-of-text token


def train_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE over this repository's kernel, as the embedded base has it. Rare characters stay single bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train([str(path) for path in sorted((ROOT / "hone").glob("*.py"))], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def spaced_tokenizer() -> CodeLlamaTokenizer:
    """One like SentencePiece's, of bytes and some runs of spaces: it takes every text for the beginning of one."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *("▁" * run for run in (1, 2, 3, 4))]
    pieces += [chr(code) for code in range(0x21, 0x7F)] + ["\n", "☺", "▁r", "▁re", "▁ret"]
    merges = [("▁", "▁"), ("▁▁", "▁▁"), ("▁▁", "▁"), ("▁", "r"), ("▁r", "e"), ("▁re", "t")]
    return CodeLlamaTokenizer(vocab={piece: at for at, piece in enumerate(pieces)}, merges=merges)


def small_llama(vocabulary: int, *, context: int, hidden: int = 64) -> LlamaForCausalLM:
    """A random model in the embedded base's style, spread widely enough that its greedy output varies."""
    set_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=hidden * 11 // 4,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=context,
            tie_word_embeddings=True,
            initializer_range=0.1,
            bos_token_id=None,
            eos_token_id=0,
        )
    )


def learn_by_heart(model: LlamaForCausalLM, ids: list[int]) -> None:
    """Trains a model until it recites one text."""
    text = torch.tensor([ids])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        model(input_ids=text, labels=text).loss.backward()
        optimizer.step()


def save_pair(base: Path, adapter: Path, tokenizer: PreTrainedTokenizerBase, ids: list[int], *, rows: int = 0) -> None:
    """Writes a base model that recites those ids, and an adapter that changes nothing. `rows`: of its embedding."""
    model = small_llama(rows or len(tokenizer), context=128)
    learn_by_heart(model, ids)
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    tuned = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules="all-linear"))
    tuned.save_pretrained(adapter)


@dataclass
class Server:
    """A running `python -m serving`."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(folder: Path, *arguments: str) -> Server:
    """Starts a server on a free port and waits until it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "serving", "--weights", str(folder), "--model", "tiny", "--version", "7"]
    process = subprocess.Popen([*command, "--port", str(port), *arguments], cwd=ROOT, env={"PATH": os.defpath})
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not is_ready("127.0.0.1", port):
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server was not ready in time"
        time.sleep(0.02)
    return Server(process, port)
