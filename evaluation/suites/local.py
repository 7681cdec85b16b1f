"""A base model, or the same with its adapter, on this machine, as a target of suites."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.generation import Decoding, generate
from evaluation.models import ModelPair
from evaluation.suites.targets import Answer, Ask, OnAnswer, seed_of
from hone.errors import EvaluationError


@dataclass(frozen=True)
class LocalModel:
    """Answers in batches; a prompt that fills the context has no answer, and says so."""

    models: ModelPair
    tuned: bool
    decoding: Decoding
    batch_size: int

    @property
    def template(self) -> str:
        """The chat template that belongs to the model; empty where it has none."""
        return str(self.models.tokenizer.chat_template or "")

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        """Calls `on_answer` once for each ask, batch by batch, short prompts first."""
        tokenizer = self.models.tokenizer
        with self.models.tuned() if self.tuned else self.models.base() as model:
            context = getattr(model.config, "max_position_embeddings", None) or 2**31
            prompts = [self._prompt(ask) for ask in asks]
            lengths = [len(tokenizer(prompt)["input_ids"]) for prompt in prompts]
            order = sorted(range(len(asks)), key=lambda at: (asks[at].stop, asks[at].sample, lengths[at]))
            fitting = []
            for at in order:
                if lengths[at] < context:
                    fitting.append(at)
                    continue
                problem = f"the prompt has {lengths[at]} tokens, and the model's context holds {context}"
                on_answer(Answer(asks[at].id, asks[at].sample, "", 0.0, problem))
            for chosen in _batches(fitting, asks, self.batch_size):
                began = time.monotonic()
                first = asks[chosen[0]]
                seed = seed_of(self.decoding.seed, first.id, first.sample)
                decoding = replace(self.decoding, stop=first.stop, seed=seed)
                texts = generate(
                    model,
                    tokenizer,
                    [prompts[at] for at in chosen],
                    decoding,
                    batch_size=self.batch_size,
                    progress=_ignore,
                )
                seconds = (time.monotonic() - began) / len(chosen)
                for at, text in zip(chosen, texts, strict=True):
                    said = json.dumps({"content": text}) if asks[at].tools else text
                    on_answer(Answer(asks[at].id, asks[at].sample, said, seconds))

    def _prompt(self, ask: Ask) -> str:
        if not ask.messages:
            return ask.prompt
        if not self.template:
            raise EvaluationError(
                "this model has no chat template, so it can only go on from a text; `--chat` and bfcl need a chat model"
            )
        text = self.models.tokenizer.apply_chat_template(
            list(ask.messages), tools=list(ask.tools) or None, tokenize=False, add_generation_prompt=True
        )
        return str(text).removeprefix(self.models.tokenizer.bos_token or "")  # the tokenizer adds it again


def _batches(order: Sequence[int], asks: Sequence[Ask], most: int) -> list[list[int]]:
    """Neighbours of the same sample number and stop strings, so many at a time."""
    batches: list[list[int]] = []
    for at in order:
        last = batches[-1] if batches else []
        if last and len(last) < most and (asks[last[0]].sample, asks[last[0]].stop) == (asks[at].sample, asks[at].stop):
            last.append(at)
        else:
            batches.append([at])
    return batches


def _ignore(_done: int, _total: int) -> None:
    """Progress is told by the answers."""
