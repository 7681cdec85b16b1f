"""The real server, both engines: deploy, next version and rollback under load, and what the image holds."""

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployment.engines import SOURCES, Engine, open_engine
from deployment.engines.docker import connect
from deployment.rollback import rollback
from deployment.rollout import deploy, events, status, stop_all
from hone.errors import EngineUnavailable
from hone.files import sha256_bytes
from hone.layout import Layout
from hone.records import Deployment, Endpoint, ModelVersion, Verdict, read_record
from hone.settings import Settings, load_settings
from serving.convert import convert

CLIENTS = 4
IMAGE_LIMIT_BYTES = 450_000_000  # without weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two weights folders of a tiny Llama with random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {token: number for number, token in enumerate(["<eos>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    root, folders = tmp_path_factory.mktemp("models"), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokens),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=0,
        )
        LlamaForCausalLM(config).save_pretrained(root / f"merged{seed}")
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>").save_pretrained(root / f"merged{seed}")
        folders.append(convert(root / f"merged{seed}", root / f"weights{seed}"))
    return folders


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "hone.yaml").write_bytes((SOURCES / "configs" / "hone.yaml").read_bytes())
    layout = Layout(tmp_path, tmp_path / "artifacts")
    yield layout
    stop_all(layout, load_settings(layout), progress=print)
    for reference in {event.deployment.image_reference for event in events(layout)} - {""}:
        connect().images.remove(reference, force=True)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest, layout: Layout) -> Engine:
    base_image = load_settings(layout).deployment.base_image
    try:
        return open_engine(layout, request.param, base_image=base_image)
    except EngineUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def run_version(layout: Layout, engine: Engine, weights: list[Path]) -> Callable[[int], Deployment]:
    def run(number: int) -> Deployment:
        adapter = sha256_bytes(b"adapter %d" % number)
        verdict = Verdict(True, ("measured elsewhere",), adapter, sha256_bytes(b"e"), sha256_bytes(b"p"))
        version = ModelVersion(
            "hone-it", str(number), "run", adapter, sha256_bytes(b"b"), sha256_bytes(b"d"), "0" * 40, verdict
        )
        settings: Settings = load_settings(layout)
        return deploy(layout, settings, version, weights[number - 1], engine=engine, progress=print)

    return run


@dataclass
class Load:
    """Closed-loop clients that read the endpoint before each request, as the router does."""

    layout: Layout
    ended: threading.Event = field(default_factory=threading.Event)
    answers: list[str] = field(default_factory=list)  # the version that answered, or what went wrong

    def ask(self) -> None:
        while not self.ended.is_set():
            url = read_record(self.layout.endpoint, Endpoint).deployment.url
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
            body = json.dumps({"model": "hone-it", "prompt": "def f(x):", "max_tokens": 8})
            try:
                connection.request("POST", "/v1/completions", body, {"content-type": "application/json"})
                response = connection.getresponse()
                response.read()
                version = response.getheader("x-hone-model-version", "")
                self.answers.append(version if response.status == 200 else f"status {response.status}")
            except (OSError, http.client.HTTPException) as error:
                self.answers.append(repr(error))
            finally:
                connection.close()


def test_no_request_is_lost_through_deploy_and_rollback(
    layout: Layout, run_version: Callable[[int], Deployment]
) -> None:
    run_version(1)
    load = Load(layout)
    clients = [threading.Thread(target=load.ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        run_version(2)
        while "2" not in load.answers:
            time.sleep(0.02)
        rolled_at = len(load.answers)
        rollback(layout, lambda: load_settings(layout))
        while "1" not in load.answers[rolled_at:]:
            time.sleep(0.02)
    finally:
        load.ended.set()
        for client in clients:
            client.join()
    assert set(load.answers) == {"1", "2"}
    found = status(layout)
    assert found.current is not None
    assert (found.current.deployment.model_version, found.current.ready) == ("1", True)
    assert [(warm.deployment.model_version, warm.ready) for warm in found.warm] == [("2", True)]


@pytest.mark.parametrize("engine", [pytest.param("docker", marks=pytest.mark.docker)], indirect=True)
def test_the_served_image_is_small_holds_no_torch_and_becomes_healthy(
    engine: Engine, run_version: Callable[[int], Deployment], weights: list[Path]
) -> None:
    deployment = run_version(1)
    container = connect().containers.get(deployment.handle)
    weights_bytes = sum(path.stat().st_size for path in weights[0].rglob("*"))
    assert deployment.image_bytes - weights_bytes <= IMAGE_LIMIT_BYTES
    _code, listing = container.exec_run(["sh", "-c", "ls /opt/venv/lib/*/site-packages"])
    assert b"ctranslate2" in listing
    assert b"torch" not in listing
    assert container.exec_run(["python", "-m", "serving.healthcheck"]).exit_code == 0
    assert container.exec_run(["sh", "-c", "touch /app/x || touch /weights/x"]).exit_code != 0
