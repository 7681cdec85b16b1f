"""A base model, or the same with its adapter, on this machine, as a target of suites."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.continuing import Continuing
from evaluation.generation import Decoding, generate
from evaluation.models import ModelPair
from evaluation.suites.targets import Answer, Ask, OnAnswer, seed_of
from hone.errors import EvaluationError
from hone.fill_formats import FillFormat, filled, is_text, recognised


@dataclass(frozen=True)
class LocalModel:
    """Answers in batches; a prompt that fills the context has no answer, and says so."""

    models: ModelPair
    tuned: bool
    decoding: Decoding
    batch_size: int
    fill: FillFormat | None = None  # how it is asked to fill a gap; see `filling`

    @property
    def template(self) -> str:
        """The chat template that belongs to the model; empty where it has none."""
        return str(self.models.tokenizer.chat_template or "")

    def filling(self, wanted: str) -> "LocalModel":
        """The same, asked to fill gaps by the format that is wanted, or the one that its tokens show.

        Raises `ConfigError` where the model has not the tokens for it.
        """
        with self.models.base() as model:
            rows = model.get_input_embeddings().weight.shape[0]
        return replace(self, fill=recognised(self.models.tokenizer.get_vocab(), rows, wanted))

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        """Calls `on_answer` once for each ask, batch by batch, short prompts first."""
        tokenizer = self.models.tokenizer
        with self.models.tuned() if self.tuned else self.models.base() as model:
            context = getattr(model.config, "max_position_embeddings", None) or 2**31
            prompts = [self._ids(ask) for ask in asks]
            lengths = [len(ids) for ids in prompts]
            ends = tuple(map(tokenizer.convert_tokens_to_ids, self._ends))
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
                decoding = replace(self.decoding, stop=first.stop, ends=ends, seed=seed)
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

    @property
    def _ends(self) -> list[str]:
        """The tokens that end a filled gap, as far as the tokenizer has them."""
        vocabulary = self.models.tokenizer.get_vocab() if self.fill else {}
        return [token for token in (self.fill.ends if self.fill else ()) if token in vocabulary]

    def _ids(self, ask: Ask) -> list[int]:
        """What the model reads: sentinels are put in as tokens, since not every tokenizer finds them in a text."""
        tokenizer = self.models.tokenizer
        if ask.suffix is None or not self.fill:
            return list(tokenizer(self._prompt(ask))["input_ids"])
        continuing, ids = Continuing(tokenizer), list(tokenizer("")["input_ids"])  # the beginning of text, if any
        for part in self.fill.parts:
            if is_text(part):
                ids += continuing.ids(filled(part, ask.prompt, ask.suffix))
            else:
                ids.append(tokenizer.convert_tokens_to_ids(part))
        return ids

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
