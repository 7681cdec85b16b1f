"""Conversations → token ids by the base model's own chat template, with a mask on what the assistant says.

The ids before the last answer are those that a server makes of the same messages. An earlier answer is trained on
where its own prompt stands in these ids token for token: some templates leave parts of earlier answers out.
"""

import re
from typing import Any

from transformers import PreTrainedTokenizerBase

from hone.errors import TrainingError
from hone.records import Example, Turn
from training.continuing import continued_ids
from training.spans import Encoded, Spans

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")  # the block that says what the assistant writes


def encode_conversation(tokenizer: PreTrainedTokenizerBase, example: Example) -> Encoded:
    """Raises `TrainingError` where there is no chat template, or it cannot write the conversation.

    Where the template marks what the assistant writes, that mark decides; else what follows each prompt up to the
    token that ends the turn.
    """
    if not tokenizer.chat_template:
        raise TrainingError(
            f"example `{example.id}` is a conversation, and the base model has no chat template; name an instruct "
            f"model, or take its task `{example.task}` out of the source's `tasks`"
        )
    last = max((at for at, turn in enumerate(example.turns) if turn.role == "assistant"), default=-1)
    if last < 0:
        return Encoded(tuple(_tokens(tokenizer, _rendered(tokenizer, example, len(example.turns)))), ())
    prompt, whole = _rendered(tokenizer, example, last, asking=True), _rendered(tokenizer, example, last + 1)
    if not whole.startswith(prompt):
        raise TrainingError(
            f"the base model's chat template writes the prompt of example `{example.id}` otherwise than the answered "
            "conversation, so nothing in it can be trained on exactly; choose another base model"
        )
    given = _tokens(tokenizer, prompt)
    ids = [*given, *continued_ids(tokenizer, whole[len(prompt) :])]
    trained = _marked(tokenizer, example, last, ids)
    if trained is None:
        earlier = [at for at in range(last) if example.turns[at].role == "assistant"]
        spans = [_earlier(tokenizer, example, at, ids) for at in earlier]
        trained = (*(span for span in spans if span), (len(given), _end(tokenizer, ids, len(given), len(ids))))
    end = trained[-1][1] if trained else len(ids)  # the line end behind the last answer teaches nothing
    return Encoded(tuple(ids[:end]), trained)


def messages_of(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """Turns as chat templates take them: a call's arguments are a mapping."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        message: dict[str, Any] = {"role": turn.role, "content": turn.content}
        if turn.calls:
            message["tool_calls"] = [
                {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in turn.calls
            ]
        messages.append(message)
    return messages


def _rendered(tokenizer: PreTrainedTokenizerBase, example: Example, turns: int, *, asking: bool = False) -> str:
    """The first turns as text; `asking`: with what stands before the assistant's next words."""
    return str(_templated(tokenizer, example, turns, tokenize=False, add_generation_prompt=asking))


def _templated(tokenizer: PreTrainedTokenizerBase, example: Example, turns: int, **how: Any) -> Any:
    messages = messages_of(example.turns[:turns])
    try:
        return tokenizer.apply_chat_template(messages, tools=list(example.tools) or None, **how)
    except Exception as error:  # a template raises what it likes
        raise TrainingError(
            f"the base model's chat template refuses example `{example.id}`: {error}; take its task `{example.task}` "
            "out of the source's `tasks`"
        ) from error


def _marked(tokenizer: PreTrainedTokenizerBase, example: Example, last: int, ids: list[int]) -> Spans | None:
    """What the template marks as the assistant's; None where it marks nothing, or tokenises to other ids at once."""
    if not _GENERATION.search(str(tokenizer.chat_template)):
        return None
    whole = _templated(tokenizer, example, last + 1, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    if list(whole["input_ids"]) != ids:
        return None
    mask = [0, *whole["assistant_masks"], 0]
    edges = [at for at in range(len(ids) + 1) if mask[at] != mask[at + 1]]
    return tuple(zip(edges[::2], edges[1::2], strict=True)) or None


def _earlier(tokenizer: PreTrainedTokenizerBase, example: Example, at: int, ids: list[int]) -> tuple[int, int] | None:
    """Where an earlier answer stands in the ids; None where it does not stand there as it would be generated."""
    given = _tokens(tokenizer, _rendered(tokenizer, example, at, asking=True))
    answered = _tokens(tokenizer, _rendered(tokenizer, example, at + 1))
    if ids[: len(given)] != given or ids[: len(answered)] != answered or len(answered) <= len(given):
        return None
    return len(given), _end(tokenizer, ids, len(given), len(answered))


def _end(tokenizer: PreTrainedTokenizerBase, ids: list[int], start: int, end: int) -> int:
    """Just behind the last special token of a turn, which ends it; what follows is no word of the assistant's."""
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    return next((at + 1 for at in range(end - 1, start - 1, -1) if ids[at] in special), end)


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """As a server does: the template writes the beginning of text itself, if there is one."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
