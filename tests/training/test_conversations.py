"""A conversation is what the base model's own template makes of it; the assistant's words alone are trained on."""

import pytest

from hone.errors import TrainingError
from hone.records import Example, Origin, ToolCall, Turn
from tests.training.tokenizers_of import chatml, qwen, starcoder, tokenizer_with
from training.conversations import messages_of
from training.encoding import encode, shown

TOOL = {
    "type": "function",
    "function": {
        "name": "pay",
        "description": "Pay.",
        "parameters": {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]},
    },
}
TURNS = (
    Turn("user", "Pay 3, please."),
    Turn("assistant", calls=(ToolCall("pay", {"sum": 3}),)),
    Turn("tool", "done"),
    Turn("assistant", "Paid."),
)


def conversation(*turns: Turn) -> Example:
    return Example("talk", "", "", "", Origin("test"), task="tool-calls", turns=turns or TURNS, tools=(TOOL,))


@pytest.mark.parametrize("marked", [False, True], ids=["plain", "with generation blocks"])
def test_what_the_assistant_says_is_trained_on_up_to_the_end_of_its_turn(marked: bool) -> None:
    tokenizer = qwen(marked=marked)
    learnt = [text for text, trained in shown(tokenizer, encode(tokenizer, conversation())) if trained]
    call = '\n<tool_call>\n{"name": "pay", "arguments": {"sum": 3}}\n</tool_call><|im_end|>'
    assert learnt == [call, "Paid.<|im_end|>"]


def test_both_ways_to_find_the_assistants_words_agree() -> None:
    assert encode(qwen(), conversation()) == encode(qwen(marked=True), conversation())


def test_the_ids_before_each_answer_are_those_that_a_server_makes_of_the_prompt() -> None:
    tokenizer = qwen()
    encoded = encode(tokenizer, conversation())
    for at, (start, _) in zip((1, 3), encoded.trained, strict=True):
        prompt = tokenizer.apply_chat_template(
            messages_of(TURNS[:at]), tools=[TOOL], tokenize=False, add_generation_prompt=True
        )
        assert list(encoded.ids[:start]) == tokenizer(prompt, add_special_tokens=False)["input_ids"]


def test_an_answer_that_begins_with_a_line_end_stays_apart_from_its_prompt() -> None:
    tokenizer = qwen()
    encoded = encode(tokenizer, conversation(Turn("user", "Hi"), Turn("assistant", "\n\nHello")))
    assert [text for text, trained in shown(tokenizer, encoded) if trained] == ["\n\nHello<|im_end|>"]


def test_an_earlier_answer_that_the_template_writes_otherwise_later_is_not_trained_on() -> None:
    said = "{{ message.content }}\n{%- for call"
    forgetful = chatml().replace(said, said.replace("message.content", "message.content if loop.last else '…'"))
    tokenizer = tokenizer_with("<|im_end|>", "<|im_start|>", template=forgetful)
    turns = (Turn("user", "1"), Turn("assistant", "one"), Turn("user", "2"), Turn("assistant", "two"))
    learnt = [text for text, trained in shown(tokenizer, encode(tokenizer, conversation(*turns))) if trained]
    assert learnt == ["two<|im_end|>"]


def test_a_base_model_without_a_chat_template_is_told_what_to_do() -> None:
    with pytest.raises(TrainingError, match="`talk` is a conversation, and the base model has no chat template"):
        encode(starcoder(), conversation())


def test_a_template_that_refuses_a_conversation_is_one_line() -> None:
    strict = tokenizer_with("<|im_end|>", template="{{ raise_exception('no tools here') }}")
    with pytest.raises(TrainingError, match="refuses example `talk`: no tools here; take its task `tool-calls` out"):
        encode(strict, conversation())


def test_a_conversation_in_which_the_assistant_says_nothing_trains_nothing() -> None:
    assert encode(qwen(), conversation(Turn("user", "Hi"))).trained == ()
