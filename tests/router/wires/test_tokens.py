"""The bound is never under; the exact count is exact.

The vocabulary here is small and trained on code only, so it cuts more finely than those of the models that are
served: every character that is not ASCII falls into its bytes. What was measured with real ones stands in
`router.wires.tokens`.
"""

import json
import random
import sysconfig
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from router.wires import count, estimate, read_request

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = sorted(LIBRARY.glob("*.py"))


@pytest.fixture(scope="module")
def tokenizer():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        [path.read_text() for path in FILES[::4]],
        trainers.BpeTrainer(vocab_size=4096, initial_alphabet=alphabet, show_progress=False),
    )
    return bpe


def pieces():
    draw = random.Random(7)
    for path in FILES[1::4]:
        text = path.read_text()
        for at in range(0, min(len(text), 20_000), 2_000):
            yield path.name, text[at : at + 2_000]
    characters = [chr(code) for code in range(0x4E00, 0x9FA5)]
    yield "chinese", "".join(draw.choices(characters, k=500))
    yield "japanese", "".join(chr(draw.randrange(0x3041, 0x30FF)) for _ in range(500))
    yield "korean", "".join(chr(draw.randrange(0xAC00, 0xD7A3)) for _ in range(500))
    yield "code with chinese", "".join(f"x{n} = {n}  # {''.join(draw.choices(characters, k=9))}\n" for n in range(60))
    yield "numbers", json.dumps([draw.random() for _ in range(100)])
    yield "emoji", "🙂🎉👩‍💻" * 50
    yield "one character", "é"
    yield "nothing", ""


def test_the_bound_is_never_under(tokenizer):
    under = [
        (name, count(text, tokenizer)) for name, text in pieces() if estimate(text.encode()) < count(text, tokenizer)
    ]
    assert under == []


def test_the_bound_is_not_far_over_on_code(tokenizer):
    code = [(estimate(text.encode()), count(text, tokenizer)) for name, text in pieces() if name.endswith(".py")]
    assert sum(bound for bound, _ in code) < 2.5 * sum(exact for _, exact in code)


def test_the_count_is_the_tokenizer_s_own(tokenizer):
    text = "def f(x):\n    return 你好\n"
    assert count(text, tokenizer) == len(tokenizer.encode(text).ids)


def test_a_request_is_counted_with_a_given_tokenizer(tokenizer):
    body = json.dumps({"messages": [{"role": "user", "content": "def f(x):\n" * 500}]}).encode()
    exact = read_request("chat", body, tokenizer).input_tokens
    assert 0 < exact - count("def f(x):\n" * 500, tokenizer) < 50
    assert exact < read_request("chat", body).input_tokens
