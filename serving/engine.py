"""A model in CTranslate2: text → token ids, and token ids → pieces of text as they are generated.

Each slot is one generation on one thread: on a CPU shared with others, threads that wait for each other inside one
generation cost far more than they give. Knows nothing of HTTP, and bounds no queue: `serving.app` does.
"""

import asyncio
import ctypes
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import ctranslate2
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from hone.errors import ServingError
from hone.records import Record
from serving.sampling import Sampling, choose_token
from serving.stops import StopFilter
from serving.weights import TOKENIZER_FILE, Weights, read_vocabulary, read_weights


class Piece(Record, frozen=True):
    """The next part of an answer. The last one says why it ended; only that one may be without text."""

    text: str
    tokens: int  # generated so far, the end-of-text token not counted
    finish: Literal["", "stop", "length"] = ""


class Engine:
    """A loaded model with `slots` generations at a time."""

    def __init__(
        self, weights: Weights, vocabulary: list[str], tokenizer: Tokenizer, generator: Any, *, slots: int
    ) -> None:
        self.weights = weights
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer
        self.generator = generator
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="generate")

    def encode(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Token ids as training and evaluation see them. A rendered chat template has its special tokens already."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=special_tokens).ids
        return ids

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, goes_on: bool = True
    ) -> AsyncGenerator[Piece, None]:
        """Pieces of text, which goes on from the prompt's or begins anew, as a chat's answer does.

        Leaving the iteration stops the generation at its next token. Close it (`contextlib.aclosing`) where it may not
        be read to its end.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()

        def deliver(piece: Piece) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        generation = _Generation(self, prompt, sampling, deliver, goes_on=goes_on)
        worker = loop.run_in_executor(self._pool, generation.run)
        worker.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await worker  # raises what went wrong in the thread
        finally:
            generation.cancelled = True
            worker.cancel()  # one that still waits for a slot never starts

    def close(self) -> None:
        """Waits for the slots to be free. Generations that nobody reads have ended or end at their next token."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Generation:
    """One answer in the making, in a slot's thread."""

    def __init__(
        self,
        engine: Engine,
        prompt: Sequence[int],
        sampling: Sampling,
        deliver: Callable[[Piece], None],
        *,
        goes_on: bool,
    ) -> None:
        self._engine = engine
        self._prompt = [engine.vocabulary[token] for token in prompt]
        self._sampling = sampling
        self._deliver = deliver
        self._decoder = DecodeStream(skip_special_tokens=True)  # holds back a character until its bytes are whole
        if goes_on:
            # SentencePiece's decoders take the space off a text's first token, which this one then is.
            for token in engine.encode("x", special_tokens=False):
                self._decoder.step(engine.tokenizer, token)
        self._stops = StopFilter(sampling.stop)
        self._tokens = 0
        self._error: Exception | None = None
        self.cancelled = False

    def run(self) -> None:
        """Generates to the end and delivers every piece."""
        try:
            seeded = self._sampling.seed is not None and self._sampling.temperature > 0
            finish = self._run_seeded() if seeded else self._run()
        finally:
            # CTranslate2's thread lets go of the callback a little later, and must not be the last to hold the model:
            # it would wait for itself to end, and the process be aborted.
            del self._engine
        if finish is not None:
            self._deliver(finish)

    def _run(self) -> Piece | None:
        """CTranslate2's own loop. An exception must not cross its thread, so the callback keeps it."""
        ended: list[Piece] = []

        def on_step(step: Any) -> bool:
            try:
                piece = self._take(step.token_id)
            except Exception as error:  # raised again below
                self._error = error
                return True
            if piece is not None:
                ended.append(piece)
            return piece is not None or self.cancelled

        self._engine.generator.generate_batch(
            [self._prompt],
            max_length=self._sampling.max_tokens,
            sampling_topk=self._sampling.top_k if self._sampling.temperature > 0 else 1,
            sampling_topp=self._sampling.top_p,
            sampling_temperature=self._sampling.temperature or 1.0,
            callback=on_step,
            **self._common,
        )
        if self._error is not None:
            raise self._error
        return ended[0] if ended else None

    def _run_seeded(self) -> Piece | None:
        """One step at a time, the token drawn here: CTranslate2 seeds a thread once, never a request.

        It reads the whole text again for every token, so a seeded request is several times slower.
        """
        chooser = random.Random(self._sampling.seed)  # noqa: S311 - a sampler, not a secret
        while not self.cancelled:
            result = self._engine.generator.generate_batch(
                [self._prompt], max_length=1, return_logits_vocab=True, **self._common
            )
            token = choose_token(_floats(result[0].logits[0][0]), self._sampling, chooser)
            self._prompt.append(self._engine.vocabulary[token])
            if (piece := self._take(token)) is not None:
                return piece
        return None

    @property
    def _common(self) -> dict[str, Any]:
        return {"end_token": list(self._engine.weights.eos_token_ids), "include_prompt_in_result": False}

    def _take(self, token: int) -> Piece | None:
        """Takes one generated token: delivers the text that it completes, and returns the last piece at the end."""
        if token in self._engine.weights.eos_token_ids:
            return Piece(self._stops.flush(), self._tokens, "stop")
        self._tokens += 1
        text, stopped = self._stops.push(self._decoder.step(self._engine.tokenizer, token) or "")
        if stopped:
            return Piece(text, self._tokens, "stop")
        if self._tokens == self._sampling.max_tokens:
            return Piece(text + self._stops.flush(), self._tokens, "length")
        if text:
            self._deliver(Piece(text, self._tokens))
        return None


def load_engine(folder: Path, *, threads: int) -> Engine:
    """Loads a weights folder with one slot per thread. Raises `ServingError` naming the folder and what is wrong."""
    weights = read_weights(folder)
    vocabulary = read_vocabulary(folder)
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        generator = ctranslate2.Generator(
            str(folder), device="cpu", compute_type=weights.quantization, inter_threads=threads, intra_threads=1
        )
    except Exception as error:  # tokenizers and CTranslate2 raise bare `Exception` and `RuntimeError`
        raise ServingError(f"`{folder}` cannot be loaded: {error}; convert the merged model again") from error
    return Engine(weights, vocabulary, tokenizer, generator, slots=threads)


def _floats(view: Any) -> Sequence[float]:
    """A one-dimensional float32 array of CTranslate2's, read where it lies: numpy would be 70 MB in the image."""
    interface = view.__array_interface__
    address, (length,) = interface["data"][0], interface["shape"]
    return list((ctypes.c_float * length).from_address(address))
