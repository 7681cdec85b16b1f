"""Generation against Transformers' own, and where completions end."""

from dataclasses import replace

import pytest
import torch

from evaluation.generation import Decoding, cut, generate
from hone.errors import EvaluationError
from tests.serving.tiny import learn_by_heart, small_llama, spaced_tokenizer

PROMPTS = [
    "def f(x):\n",
    "x",
    "return",
    "class Node:\n    def __init__(self",
    "a = [1, 2]",
    "import os\n",
    "#",
    "if x:",
]
GREEDY = Decoding(max_new_tokens=40)


def complete(model, tokenizer, decoding=GREEDY, prompts=PROMPTS, batch_size=8):
    return generate(model, tokenizer, prompts, decoding, batch_size=batch_size, progress=lambda done, total: None)


def reference(model, tokenizer, prompt, tokens=40):
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.fixture
def ending(llama):
    """The tiny model with end tokens that it does write, so that sequences leave a batch at different times."""
    before = llama.generation_config.eos_token_id
    llama.generation_config.eos_token_id = [0, *range(1, 257, 9)]
    yield llama
    llama.generation_config.eos_token_id = before


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_greedy_completions_are_those_of_transformers_generate(llama, tokenizer, batch_size):
    expected = [reference(llama, tokenizer, prompt) for prompt in PROMPTS]
    assert complete(llama, tokenizer, batch_size=batch_size) == expected


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_they_stay_so_while_ended_sequences_leave_the_batch(ending, tokenizer, batch_size):
    expected = [reference(ending, tokenizer, prompt) for prompt in PROMPTS]
    lengths = {len(text) for text in expected}
    made = complete(ending, tokenizer, batch_size=batch_size)
    # `generate` keeps an end token of the model's own in its text; ours never does.
    assert all(text.startswith(one) and len(text) <= len(one) + 1 for text, one in zip(expected, made, strict=True))
    assert len(lengths) > 3


def test_a_cache_that_outgrows_its_room_changes_nothing(llama, tokenizer):
    prompt = "for i in range(10):\n"
    assert complete(llama, tokenizer, Decoding(100), [prompt]) == [reference(llama, tokenizer, prompt, 100)]


def test_a_completion_ends_before_the_first_stop_string(llama, tokenizer):
    whole = complete(llama, tokenizer)[0]
    stop = whole[20:22]
    stopped = complete(llama, tokenizer, replace(GREEDY, stop=("not there", stop)))[0]
    assert stopped == whole[: whole.index(stop)]


def test_of_several_stop_strings_the_first_in_the_text_counts():
    assert cut("abcdef", ("e", "c", "x")) == "ab"


def test_a_completion_ends_where_the_context_is_full(llama, tokenizer):
    prompt = "x" * 120
    assert len(tokenizer(complete(llama, tokenizer, GREEDY, [prompt])[0], add_special_tokens=False)["input_ids"]) <= 8


def test_a_prompt_that_fills_the_context_is_refused(llama, tokenizer):
    with pytest.raises(EvaluationError, match="128 tokens, and the model's context holds 128"):
        complete(llama, tokenizer, GREEDY, ["x" * 128])


def test_samples_repeat_with_their_seed_and_change_with_it(llama, tokenizer):
    sampled = replace(GREEDY, temperature=1.0, seed=1)
    first = complete(llama, tokenizer, sampled)
    assert first == complete(llama, tokenizer, sampled)
    assert first != complete(llama, tokenizer, replace(sampled, seed=2))
    assert first != complete(llama, tokenizer)


def test_a_completion_keeps_the_space_that_a_tokenizer_takes_off_the_beginning_of_a_text():
    tokenizer = spaced_tokenizer()
    model = small_llama(len(tokenizer), context=64)
    learn_by_heart(model, [*tokenizer("def f():\n    return 1\n")["input_ids"], tokenizer.eos_token_id])
    assert complete(model.eval(), tokenizer, prompts=["def f():\n"]) == ["    return 1\n"]


def test_bfloat16_completes_too(llama, tokenizer):
    assert all(complete(llama, tokenizer, replace(GREEDY, precision="bf16")))


def test_progress_counts_completions_up_to_all_of_them(llama, tokenizer):
    seen: list[tuple[int, int]] = []
    generate(llama, tokenizer, PROMPTS, GREEDY, batch_size=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (8, 8)


def test_no_prompts_give_no_completions(llama, tokenizer):
    assert complete(llama, tokenizer, GREEDY, []) == []


def test_completions_are_the_same_however_many_batches_are_worked_on_at_once(llama, tokenizer, threads_of_torch):
    prompts = [f"def f{number}(x):\n" + "    x = x + 1\n" * (number % 5) for number in range(11)]
    decoding = Decoding(max_new_tokens=12)
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(generate(llama, tokenizer, prompts, decoding, batch_size=2, progress=lambda _done, _all: None))
        assert torch.get_num_threads() == threads
    assert found[0] == found[1]


def test_what_goes_wrong_in_one_of_several_batches_ends_all(llama, tokenizer, threads_of_torch):
    torch.set_num_threads(2)

    def fail(done: int, _total: int) -> None:
        raise RuntimeError(f"at {done}")

    with pytest.raises(RuntimeError, match="at "):
        generate(llama, tokenizer, ["def f():\n"] * 8, GREEDY, batch_size=2, progress=fail)
    assert torch.get_num_threads() == 2


@pytest.fixture
def threads_of_torch():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
