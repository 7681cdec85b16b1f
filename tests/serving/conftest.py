"""Two tiny models, made once: one that recites a text by heart, and one that never ends. And a server around them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from serving.convert import convert
from tests.serving.tiny import PROMPT, RECITED, Server, learn_by_heart, small_llama, start_server, train_tokenizer

Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def reciting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder: after `PROMPT` comes `RECITED`, then the end."""
    folder = tmp_path_factory.mktemp("models") / "reciting"
    tokenizer = train_tokenizer(512)
    model = small_llama(512, context=256)
    learn_by_heart(model, [*tokenizer(PROMPT + RECITED)["input_ids"], tokenizer.eos_token_id])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def weights(reciting_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reciting model, converted."""
    return convert(reciting_model, tmp_path_factory.mktemp("weights") / "reciting")


@pytest.fixture(scope="session")
def endless_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never says the end-of-text token, so that an answer lasts as long as its `max_tokens`."""
    folder = tmp_path_factory.mktemp("models") / "endless"
    model = small_llama(512, context=8192, hidden=128)
    with torch.no_grad():
        model.get_input_embeddings().weight[0] = 0  # tied: its logit is always 0, and another one is above that
    model.save_pretrained(folder)
    train_tokenizer(512).save_pretrained(folder)
    return convert(folder, tmp_path_factory.mktemp("weights") / "endless")


@pytest.fixture(scope="session")
def server(weights: Path) -> Iterator[Server]:
    """One server around the reciting model, for all tests that leave it as it is."""
    running = start_server(weights, "--threads", "2", "--max-body-bytes", "20000")
    yield running
    running.process.terminate()
    assert running.process.wait(30) == 0


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers of a test's own; ends them after it."""
    servers: list[Server] = []

    def start(folder: Path, *arguments: str) -> Server:
        servers.append(start_server(folder, *arguments))
        return servers[-1]

    yield start
    for running in servers:
        running.process.kill()
        running.process.wait()
