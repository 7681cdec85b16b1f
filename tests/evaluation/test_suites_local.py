"""The adapter and the base model on this machine, as targets."""

import pytest

from evaluation.generation import Decoding
from evaluation.models import load_models
from evaluation.suites.local import LocalModel
from evaluation.suites.targets import Answer, Ask
from hone.errors import EvaluationError


def ask(target: LocalModel, *asks: Ask) -> list[Answer]:
    answers: list[Answer] = []
    target.answer(asks, answers.append)
    return answers


@pytest.fixture(scope="module")
def local(learned) -> LocalModel:
    base, adapter = learned
    models = load_models(str(base), adapter, dtype="float32")
    return LocalModel(models, tuned=True, decoding=Decoding(max_new_tokens=24), batch_size=2)


def test_an_adapter_answers_each_ask_and_a_prompt_beyond_its_context_is_a_problem(local, task):
    asks = [Ask(str(at), 0, prompt=task.prompt, stop=("\ndef ",)) for at in range(3)]
    answers = {answer.id: answer for answer in ask(local, *asks, Ask("long", 0, prompt="x" * 500))}
    assert [answers[str(at)].text for at in range(3)] == [task.completion] * 3
    assert answers["long"].problem == "the prompt has 500 tokens, and the model's context holds 128"


def test_samples_of_an_adapter_differ_and_can_be_repeated_by_their_seed(learned):
    models = load_models(str(learned[0]), learned[1], dtype="float32")

    def sampled(seed: int) -> dict[int, str]:
        decoding = Decoding(max_new_tokens=12, temperature=1.0, seed=seed)
        target = LocalModel(models, tuned=False, decoding=decoding, batch_size=8)
        return {answer.sample: answer.text for answer in ask(target, *[Ask("a", at, prompt="x") for at in range(4)])}

    first = sampled(0)
    assert first == sampled(0)
    assert first != sampled(1)
    assert len(set(first.values())) > 1


def test_a_base_model_cannot_be_asked_as_a_chat(local):
    with pytest.raises(EvaluationError, match="no chat template"):
        ask(local, Ask("a", 0, messages=({"role": "user", "content": "hi"},)))
