"""What the tests share: a sandbox (where none can be had they skip, except on CI), and tiny models."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import get_args

import peft
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from evaluation.sandbox import Limits, Sandbox, open_sandbox
from evaluation.sandbox.bubblewrap import open_bubblewrap
from evaluation.sandbox.namespaces import Namespaces
from evaluation.sandbox.probe import Isolation, proved
from evaluation.sandbox.trial import TRIAL_LIMITS
from hone.errors import IsolationUnavailable
from hone.records import Example, Origin, TestCase

END = "<|endoftext|>"
TASK = Example(
    id="one",
    prompt="def solve():\n",
    completion="    return 7\n",
    entry_point="solve",
    origin=Origin(source="test"),
    tests=(TestCase(arguments=(), expected=7),),
)


SANDBOX_LIMITS = Limits(timeout_s=3, memory_mb=128, output_kb=256)


@pytest.fixture(scope="session", params=[Namespaces, open_bubblewrap], ids=["namespaces", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Each isolation that there is, proved."""
    with _opened(lambda: proved(request.param(SANDBOX_LIMITS, 2))) as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=get_args(Isolation))
def trial_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Each isolation that there is, with the limits of a trial."""
    with _opened(lambda: open_sandbox(TRIAL_LIMITS, workers=2, isolation=request.param)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def best_sandbox() -> Iterator[Sandbox]:
    """The one that is taken here, for tests of what is the same in each."""
    with _opened(lambda: open_sandbox(SANDBOX_LIMITS, workers=2)) as sandbox:
        yield sandbox


@contextmanager
def _opened(opening: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    try:
        sandbox = opening()
    except IsolationUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with closing(sandbox):
        yield sandbox


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and one that ends a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate([END, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens([END])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def tiny_llama() -> LlamaForCausalLM:
    """A random model, its weights large enough that completions vary."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.3,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def task() -> Example:
    return TASK


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.fixture(scope="session")
def llama() -> LlamaForCausalLM:
    return tiny_llama()


@pytest.fixture(scope="session")
def learned(tokenizer, tmp_path_factory) -> tuple[Path, Path]:
    """The folders of a base model and of an adapter that has learned `TASK` by heart."""
    folder = tmp_path_factory.mktemp("learned")
    model = tiny_llama()
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    tuned = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=8, target_modules="all-linear"))
    prompt, completion = (tokenizer(text)["input_ids"] for text in (TASK.prompt, TASK.completion))
    ids = torch.tensor([[*prompt, *completion, tokenizer.eos_token_id]])
    labels = ids.clone()
    labels[:, : len(prompt)] = -100
    optimizer = torch.optim.AdamW([weight for weight in tuned.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(150):
        tuned(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tuned.save_pretrained(folder / "adapter")
    return folder / "base", folder / "adapter"
