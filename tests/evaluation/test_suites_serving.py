"""An endpoint against the server that deployments run: what is measured of it, and what its seeds give."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.suites.endpoint import Endpoint
from evaluation.suites.samples import sample_of
from evaluation.suites.speed import speed_of
from evaluation.suites.targets import Answer, Ask
from hone.errors import EvaluationError
from hone.fill_formats import FORMATS
from serving.convert import convert
from tests.serving.tiny import learn_by_heart, small_llama, start_server, train_tokenizer

TOKENS = 12
QWEN = FORMATS["qwen2.5-coder"]
GAP = Ask("gap", 0, prompt="def f(n):\n", suffix="    return m\n")
MIDDLE = "    m = n\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server around a model that knows how to fill one gap."""
    folder: Path = tmp_path_factory.mktemp("served")
    tokenizer = train_tokenizer(512)
    tokenizer.add_tokens([*QWEN.sentinels, "<|file_sep|>"])  # no special ones: so are they in Qwen's tokenizer
    model = small_llama(len(tokenizer), context=256)
    learn_by_heart(model, tokenizer(f"{QWEN.prompt(GAP.prompt, GAP.suffix)}{MIDDLE}<|file_sep|>{MIDDLE}")["input_ids"])
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    server = start_server(convert(folder / "model", folder / "weights"), "--threads", "2")
    yield f"{server.url}/v1"
    server.process.terminate()
    server.process.wait(30)


def answers(url: str, *, temperature: float, seed: int = 0) -> dict[tuple[str, int], Answer]:
    found: dict[tuple[str, int], Answer] = {}
    endpoint = Endpoint(url, "tiny", max_tokens=TOKENS, temperature=temperature, seed=seed, at_once=2)
    asks = [Ask(task, number, prompt=f"def {task}(") for task in ("add", "sub") for number in range(2)]
    endpoint.answer(asks, lambda answer: found.update({(answer.id, answer.sample): answer}))
    return found


def test_first_token_tokens_and_throughput_are_measured(url):
    found = answers(url, temperature=0.0)
    assert all(answer.text and 0 < answer.call.first_token_s < answer.seconds for answer in found.values())
    speed = speed_of(map(sample_of, found.values()))
    assert (speed.answers, speed.tokens, speed.retried) == (4, 4 * TOKENS, 0)
    assert speed.tokens_per_s > 0
    assert 1 <= speed.in_flight <= 2


def test_sampled_answers_differ_and_come_again_with_their_seed(url):
    first, again, other = (answers(url, temperature=1.5, seed=seed) for seed in (3, 3, 4))
    assert {key: answer.text for key, answer in first.items()} == {key: answer.text for key, answer in again.items()}
    assert first["add", 0].text != first["add", 1].text
    assert first["add", 0].text != other["add", 0].text


def test_a_gap_is_filled_by_the_sentinels_of_a_format(url):
    endpoint = Endpoint(url, "tiny", max_tokens=40, temperature=0.0, fill=QWEN)
    found: list[Answer] = []
    endpoint.answer([GAP], found.append)
    assert found[0].text == MIDDLE


def test_without_a_format_the_refusal_of_a_suffix_names_the_way_out(url):
    endpoint = Endpoint(url, "tiny", max_tokens=40, temperature=0.0)
    with pytest.raises(EvaluationError, match=r"`suffix` is not supported by this server.* --fim-format"):
        endpoint.answer([GAP], lambda answer: None)
