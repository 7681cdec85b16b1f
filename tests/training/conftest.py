"""A base model of a few thousand parameters, pretrained once through the real code, and a few examples."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from data.generated import GeneratedSource, corpus_documents, generate
from hone.records import Example
from training.config import Architecture, LoraConfig, PretrainConfig, TrainConfig
from training.pretrain import pretrain

ARCHITECTURE = Architecture(hidden_size=32, intermediate_size=64, layers=2, heads=2, context=256, vocabulary=400)


@pytest.fixture(scope="module", autouse=True)
def _no_denormals_for_training_alone() -> Iterator[None]:
    """`begin` prepares a process for training; this one goes on with other tests."""
    yield
    torch.set_flush_denormal(False)


def _pretrain_config(**changes: object) -> PretrainConfig:
    return PretrainConfig.model_validate(
        {
            "architecture": ARCHITECTURE,
            "tokens": 4 * 256 * 6,
            "batch_sequences": 4,
            "learning_rate": 3e-3,
            "warmup_steps": 2,
            "precision": "fp32",
            "checkpoint_steps": 2,
            "log_steps": 1,
            **changes,
        }
    )


def _train_config(**changes: object) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "steps": 8,
            "batch_size": 4,
            "max_tokens": 256,
            "learning_rate": 4e-3,
            "warmup_steps": 2,
            "precision": "fp32",
            "checkpoint_steps": 2,
            "log_steps": 1,
            "lora": LoraConfig(rank=4, alpha=8),
            **changes,
        }
    )


@pytest.fixture
def pretrain_config() -> Callable[..., PretrainConfig]:
    return _pretrain_config


@pytest.fixture
def train_config() -> Callable[..., TrainConfig]:
    return _train_config


@pytest.fixture(scope="session")
def documents() -> list[str]:
    return corpus_documents(0, 40_000)


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return list(generate(GeneratedSource(kind="generated", train=48, heldout=8), 0).train)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, documents: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("base")
    pretrain(
        documents,
        _pretrain_config(),
        key="base",
        checkpoints=folder / "checkpoints",
        out=folder / "base",
        listeners=[],
        said=lambda _line: None,
    )
    return folder / "base"
