"""The adapter and the base model on this machine, as targets."""

from pathlib import Path

import pytest

from evaluation.generation import Decoding
from evaluation.models import load_models
from evaluation.suites.local import LocalModel
from evaluation.suites.targets import Answer, Ask
from hone.errors import ConfigError, EvaluationError
from hone.fill_formats import FORMATS
from tests.serving.tiny import save_pair, spaced_tokenizer, train_tokenizer


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


PREFIX, SUFFIX, MIDDLE = "def f(n):\n", "    return m\n", "    m = n\n"


def filling(tmp_path: Path, tokenizer, ids: list[int], *, rows: int = 0) -> LocalModel:
    """A model that goes on from those ids as they do."""
    save_pair(tmp_path / "base", tmp_path / "adapter", tokenizer, ids, rows=rows)
    models = load_models(str(tmp_path / "base"), tmp_path / "adapter", dtype="float32")
    return LocalModel(models, tuned=False, decoding=Decoding(max_new_tokens=24), batch_size=2)


def test_a_model_with_sentinels_is_asked_by_them_and_ends_where_it_was_taught_to(tmp_path):
    tokenizer = train_tokenizer(512)
    qwen = FORMATS["qwen2.5-coder"]
    tokenizer.add_tokens([*qwen.sentinels, "<|file_sep|>"], special_tokens=True)
    text = f"{qwen.prompt(PREFIX, SUFFIX)}{MIDDLE}<|file_sep|>{MIDDLE}"
    target = filling(tmp_path, tokenizer, tokenizer(text)["input_ids"]).filling("")
    assert target.fill == qwen
    (answer,) = ask(target, Ask("a", 0, prompt=PREFIX, suffix=SUFFIX))
    assert answer.text == MIDDLE


@pytest.mark.parametrize("name", ["codellama", "codellama-suffix-first"])
def test_a_tokenizer_like_code_llamas_gets_its_sentinels_as_tokens_and_no_space_too_many(tmp_path, name):
    tokenizer = spaced_tokenizer()
    pre, suf, mid, eot = map(tokenizer.convert_tokens_to_ids, ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"))
    # As Code Llama's own code puts them together: SentencePiece's space before the prefix, and nowhere else.
    prefix, begin = tokenizer(PREFIX, add_special_tokens=False)["input_ids"], tokenizer.bos_token_id
    suffix, middle = (tokenizer(f"☺{text}", add_special_tokens=False)["input_ids"][2:] for text in (SUFFIX, MIDDLE))
    ids = {
        "codellama": [begin, pre, *prefix, suf, *suffix, mid],
        "codellama-suffix-first": [begin, pre, suf, *suffix, mid, *prefix],
    }[name]
    target = filling(tmp_path, tokenizer, [*ids, *middle, eot, *middle]).filling(name)
    asked = Ask("a", 0, prompt=PREFIX, suffix=SUFFIX)
    assert target._ids(asked) == ids
    assert ask(target, asked)[0].text == MIDDLE


def test_a_model_that_was_not_trained_to_fill_gaps_is_refused_in_one_line(local, tmp_path):
    with pytest.raises(ConfigError, match="it was not trained to fill gaps"):
        local.filling("")
    tokenizer = spaced_tokenizer()  # Transformers adds Code Llama's sentinels whether the model has them or not
    with pytest.raises(ConfigError, match="`--fim-format codellama`: this model has no token `▁<PRE>`"):
        filling(tmp_path, tokenizer, [1, 2], rows=tokenizer.vocab_size).filling("codellama")
