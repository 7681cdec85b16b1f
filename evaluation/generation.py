"""Prompts → completions with a local causal language model, in batches, greedily or sampled.

Its own loop over the model's forward pass: prompts of like lengths share a batch, and a sequence that has ended
leaves it. Greedy results are those of `generate` of Transformers, token for token.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event, Lock
from typing import Literal

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from evaluation.cache import roomy_cache
from evaluation.continuing import Continuing
from hone.errors import EvaluationError

STOP_CHECK_TOKENS = 8  # decoding at each token to look for stop strings would cost more than the tokens
SHRINK_SHARE = 0.125  # of a batch must have ended before its cache is copied without them
SMALL_PARAMETERS = 200_000_000  # below, cores work on a batch each: products so small lose by being shared


Precision = Literal["fp32", "bf16"]
Counted = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class Decoding:
    """How tokens are chosen and when a completion ends."""

    max_new_tokens: int
    stop: tuple[str, ...] = ()  # a completion ends before the first of these
    ends: tuple[int, ...] = ()  # tokens that end it too, beside the model's own
    temperature: float = 0.0  # 0: greedy
    seed: int = 0  # of sampling; the same seed gives the same completions for the same batches
    precision: Precision = "fp32"


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str | Sequence[int]],
    decoding: Decoding,
    *,
    batch_size: int,
    progress: Counted,
) -> list[str]:
    """One completion per prompt, a text or token ids, in their order, without the token that ended it.

    A completion also ends where the model's context is full. On a processor, several batches of a small model are
    worked on at once. Raises `EvaluationError` for a prompt that fills the context alone.
    """
    encoded = [
        tokenizer(prompt, add_special_tokens=True)["input_ids"] if isinstance(prompt, str) else list(prompt)
        for prompt in prompts
    ]
    if not encoded:
        return []
    context = getattr(model.config, "max_position_embeddings", None) or 2**31
    longest = max(map(len, encoded))
    if longest >= context:
        raise EvaluationError(f"a prompt has {longest} tokens, and the model's context holds {context}; leave it out")
    order = sorted(range(len(prompts)), key=lambda index: -len(encoded[index]))  # too little memory shows at once
    ends = _end_tokens(model, tokenizer).union(decoding.ends)
    count = _Count(len(prompts), progress)

    def complete(start: int) -> list[str]:
        batch = _Batch(tokenizer, decoding, ends, [encoded[at] for at in order[start : start + size]], context)
        generator = torch.Generator(model.device).manual_seed(decoding.seed + start)
        with torch.inference_mode(), autocast(model, decoding.precision):
            for ended in batch.run(model, generator):
                count.add(ended)
        return batch.texts()

    lanes = _lanes(model, -(-len(prompts) // batch_size))
    # So many batches that no lane waits for another; samples are to be the same however many lanes there are.
    rounds = -(-len(prompts) // (batch_size * lanes))
    size = batch_size if decoding.temperature else -(-len(prompts) // (rounds * lanes))
    starts = range(0, len(order), size)
    with _threads(torch.get_num_threads() // lanes), ThreadPoolExecutor(lanes) as pool:
        try:
            texts = [text for batch in pool.map(complete, starts) for text in batch]
        except BaseException:
            count.stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    completions = dict(zip(order, texts, strict=True))
    return [completions[index] for index in range(len(prompts))]


class _Count:
    """How many completions are done, counted by several threads."""

    def __init__(self, total: int, progress: Counted) -> None:
        self.stopped = Event()  # one of the threads has failed, or the user wants no more
        self._done, self._total, self._progress = 0, total, progress
        self._lock = Lock()

    def add(self, ended: int) -> None:
        """Some more. Raises `EvaluationError` where generation has stopped."""
        if self.stopped.is_set():
            raise EvaluationError("generation has stopped")
        with self._lock:
            self._done += ended
            self._progress(self._done, self._total)


def _lanes(model: PreTrainedModel, batches: int) -> int:
    """How many batches to work on at once."""
    small = model.device.type == "cpu" and model.num_parameters() <= SMALL_PARAMETERS
    return max(1, min(torch.get_num_threads(), batches)) if small else 1


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads for each product."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(model: PreTrainedModel, precision: Precision) -> AbstractContextManager[object]:
    """Matrix products in bfloat16 where asked for."""
    return torch.autocast(model.device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


class _Batch:
    """Sequences that are generated together, and which of them still go on."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        decoding: Decoding,
        ends: frozenset[int],
        prompts: Sequence[list[int]],
        context: int,
    ) -> None:
        self._continuing = Continuing(tokenizer)
        self._decoding = decoding
        self._ends = ends
        self._prompts = prompts
        self._room = [min(decoding.max_new_tokens, context - len(prompt)) for prompt in prompts]
        self._tokens: list[list[int]] = [[] for _ in prompts]

    def run(self, model: PreTrainedModel, generator: torch.Generator) -> Iterator[int]:
        """Generates until every sequence has ended; yields how many did, at each step where some do."""
        ids, mask, positions = (
            part.to(model.device) for part in left_padded(self._prompts, min(self._ends, default=0))
        )
        padded = not bool(mask.all())  # without padding no mask is needed, and attention is faster
        cache = roomy_cache(model)
        rows = list(range(len(self._prompts)))  # which sequence each row of the batch is
        going = set(rows)
        while going:
            logits = model(
                input_ids=ids,
                attention_mask=mask if padded else None,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            chosen = choose(logits, self._decoding.temperature, generator)
            ended = self._take(rows, going, chosen.tolist())
            if ended:
                going -= ended
                yield len(ended)
            ids, positions = chosen[:, None], positions[:, -1:] + 1
            if len(rows) - len(going) >= max(1, SHRINK_SHARE * len(rows)):
                keep = torch.tensor(
                    [at for at, row in enumerate(rows) if row in going], device=model.device, dtype=torch.long
                )
                if len(keep):
                    cache.batch_select_indices(keep)
                ids, mask, positions = ids[keep], mask[keep], positions[keep]
                rows = [row for row in rows if row in going]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)

    def texts(self) -> list[str]:
        """The completions, each cut before its first stop string."""
        return [cut(self._decode(tokens), self._decoding.stop) for tokens in self._tokens]

    def _take(self, rows: list[int], going: set[int], chosen: list[int]) -> set[int]:
        """Adds one token to each sequence that goes on; returns those that end with it."""
        ended = set()
        for row, token in zip(rows, chosen, strict=True):
            if row not in going:
                continue
            if token in self._ends:
                ended.add(row)
                continue
            tokens = self._tokens[row]
            tokens.append(token)
            if len(tokens) >= self._room[row] or self._stopped(tokens):
                ended.add(row)
        return ended

    def _stopped(self, tokens: list[int]) -> bool:
        if not self._decoding.stop or len(tokens) % STOP_CHECK_TOKENS:
            return False
        text = self._decode(tokens)
        return any(stop in text for stop in self._decoding.stop)

    def _decode(self, tokens: list[int]) -> str:
        return self._continuing.text(tokens)


def left_padded(prompts: Sequence[list[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, mask and positions, each (batch, longest), with every sequence's end in the last column."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), padding_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids, mask, (mask.cumsum(1) - 1).clamp(min=0)


def choose(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """The next token of each row of (batch, vocabulary): the likeliest, or a sample at a temperature."""
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial(torch.softmax(logits.float() / temperature, -1), 1, generator=generator)[:, 0]


def cut(text: str, stop: Sequence[str]) -> str:
    """The text before the first stop string."""
    return text[: min((text.find(one) for one in stop if one in text), default=len(text))]


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end a text: the tokenizer's, and those that the model's own settings add."""
    settings = getattr(model, "generation_config", None)
    own = getattr(settings, "eos_token_id", None)
    ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    return frozenset(ends - {None})
