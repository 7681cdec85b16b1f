import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from hone.errors import ServingError
from serving.convert import convert
from serving.engine import Engine, Piece, load_engine
from serving.sampling import Sampling
from tests.serving.tiny import PROMPT, RECITED, ROOT, learn_by_heart, small_llama, spaced_tokenizer


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[Engine]:
    loaded = load_engine(weights, threads=2)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def endless(endless_weights: Path) -> Iterator[Engine]:
    loaded = load_engine(endless_weights, threads=1)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A model whose tokenizer takes every text for the beginning of one. After `def f():` it recites a body."""
    folder, tokenizer = tmp_path_factory.mktemp("spaced"), spaced_tokenizer()
    model = small_llama(len(tokenizer), context=64)
    learn_by_heart(model, [*tokenizer("def f():\n    return 1\n")["input_ids"], tokenizer.eos_token_id])
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    loaded = load_engine(convert(folder / "model", folder / "weights"), threads=1)
    yield loaded
    loaded.close()


def generate(engine: Engine, prompt: str = PROMPT, *, goes_on: bool = True, **wishes: Any) -> list[Piece]:
    sampling = Sampling(**{"max_tokens": 100, "temperature": 0.0, **wishes})

    async def collect() -> list[Piece]:
        return [piece async for piece in engine.generate(engine.encode(prompt), sampling, goes_on=goes_on)]

    return asyncio.run(collect())


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_it_recites_what_it_learnt_and_ends_there(engine: Engine) -> None:
    pieces = generate(engine)
    assert text_of(pieces) == RECITED
    assert [piece.finish for piece in pieces if piece.finish] == ["stop"]
    assert pieces[-1].tokens == len(engine.encode(RECITED))


@pytest.mark.parametrize(("goes_on", "text"), [(True, "    return "), (False, "   return ")], ids=["text", "chat"])
def test_the_space_that_a_tokenizer_takes_off_a_text_stays_on_one_that_goes_on(
    spaced: Engine, goes_on: bool, text: str
) -> None:
    assert text_of(generate(spaced, "def f():\n", goes_on=goes_on, stop=("1",))) == text


def test_a_character_of_several_tokens_comes_whole(engine: Engine) -> None:
    assert len(engine.encode("🎉")) > 1
    pieces = [piece.text for piece in generate(engine)]
    assert all("\ufffd" not in piece for piece in pieces)
    assert sum("🎉" in piece for piece in pieces) == 1


def test_a_cut_within_a_character_leaves_it_out(engine: Engine) -> None:
    until = len(engine.encode(RECITED[: RECITED.index("🎉")]))
    pieces = generate(engine, max_tokens=until + 1)
    assert text_of(pieces) == RECITED[: RECITED.index("🎉")]
    assert pieces[-1].finish == "length"
    assert pieces[-1].tokens == until + 1


def test_a_stop_string_that_spans_tokens_ends_the_answer_before_it(engine: Engine) -> None:
    pieces = generate(engine, stop=("turn 'Hel",))
    assert text_of(pieces) == RECITED[: RECITED.index("turn 'Hel")]
    assert pieces[-1].finish == "stop"


def test_random_tokens_decode_as_the_tokenizer_decodes_them_at_once(endless: Engine) -> None:
    answers = [generate(endless, max_tokens=100, temperature=2.0, seed=seed) for seed in range(6)]
    assert sum(pieces[-1].tokens for pieces in answers) > 50  # so hot, even this model may draw the end now and then
    for pieces in answers:
        text_of(pieces).encode()  # valid UTF-8, no lone surrogates


def test_the_same_seed_gives_the_same_answer_and_another_one_another(endless: Engine) -> None:
    first, again, other = (text_of(generate(endless, temperature=1.0, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_seeded_answer_is_the_greedy_one_where_only_one_token_may_be_drawn(endless: Engine) -> None:
    assert generate(endless, temperature=1.0, seed=1, top_k=1) == generate(endless)


def test_a_seeded_answer_ends_at_the_end_of_text(engine: Engine) -> None:
    pieces = generate(engine, temperature=0.01, seed=1)
    assert (text_of(pieces), pieces[-1].finish) == (RECITED, "stop")


def test_sampling_without_a_seed_varies(endless: Engine) -> None:
    assert len({text_of(generate(endless, temperature=1.5)) for _ in range(3)}) > 1


class Counting:
    """A CTranslate2 generator that counts its calls and its steps."""

    def __init__(self, engine: Engine) -> None:
        self.calls = self.steps = 0
        self._generator = engine.generator
        self.engine = Engine(engine.weights, engine.vocabulary, engine.tokenizer, self, slots=1)

    def generate_batch(self, *arguments: Any, callback: Callable[[Any], bool], **options: Any) -> Any:
        self.calls += 1

        def counted(step: Any) -> bool:
            self.steps += 1
            return callback(step)

        return self._generator.generate_batch(*arguments, callback=counted, **options)


LONG = Sampling(max_tokens=8000, temperature=0.0)


def test_leaving_a_stream_stops_its_generation_and_frees_the_slot(endless: Engine) -> None:
    counting = Counting(endless)
    prompt = endless.encode(PROMPT)

    async def leave_then_ask() -> list[Piece]:
        async with aclosing(counting.engine.generate(prompt, LONG)) as pieces:
            await anext(pieces)
        short = Sampling(max_tokens=3, temperature=0.0)
        return [piece async for piece in counting.engine.generate(prompt, short)]  # in the only slot

    assert asyncio.run(leave_then_ask())[-1].tokens == 3
    assert counting.steps < 4000


def test_a_waiting_request_that_is_given_up_never_runs(endless: Engine) -> None:
    counting = Counting(endless)
    prompt = endless.encode(PROMPT)

    async def give_up() -> None:
        async with aclosing(counting.engine.generate(prompt, LONG)) as running:
            await anext(running)
            async with aclosing(counting.engine.generate(prompt, LONG)) as waiting:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(waiting), 0.01)

    asyncio.run(give_up())
    generate(counting.engine, max_tokens=2)  # comes after it in the only slot
    assert counting.calls == 2


def test_an_exception_in_the_generating_thread_reaches_the_caller(weights: Path) -> None:
    broken = load_engine(weights, threads=1)
    broken.weights = None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        generate(broken)
    broken.close()


def test_a_folder_without_its_model_is_named(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "w")
    (folder / "model.bin").unlink()
    with pytest.raises(ServingError, match=r"`model\.bin` is missing"):
        load_engine(folder, threads=1)


def test_a_truncated_model_is_named(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "w")
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:5000])
    with pytest.raises(ServingError, match="cannot be loaded"):
        load_engine(folder, threads=1)


def test_a_record_with_an_unknown_key_is_named(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "w")
    record = json.loads((folder / "serving.json").read_text())
    (folder / "serving.json").write_text(json.dumps({**record, "surprise": 1}))
    with pytest.raises(ServingError, match=r"serving.json` is not readable.*surprise"):
        load_engine(folder, threads=1)


THROWN_AWAY = """
import asyncio, sys
from pathlib import Path
from serving.engine import load_engine
from serving.sampling import Sampling

async def answer(engine):
    return [piece async for piece in engine.generate(engine.encode("x"), Sampling(max_tokens=8, temperature=0.0))]

for _ in range(40):
    engine = load_engine(Path(sys.argv[1]), threads=1)
    asyncio.run(answer(engine))
    engine.close()
    del engine
"""


def test_an_engine_can_be_thrown_away_right_after_an_answer(weights: Path) -> None:
    # In a process of its own: what went wrong here aborted it.
    done = subprocess.run([sys.executable, "-c", THROWN_AWAY, str(weights)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
