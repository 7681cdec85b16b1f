"""A model's own tokenizer counts what the estimate finds too long for it."""

import json

import pytest
import tokenizers

from hone.errors import ConfigError
from router.counting import open_tokenizer
from tests.router.faulty import says, start, whole_answer

WORDS = 600
WINDOW = 1_000  # more than the words and the answer, less than the estimate of them


@pytest.fixture
def words(tmp_path):
    """A tokenizer that takes each word as one token."""
    vocabulary = tokenizers.models.WordLevel({"word": 0, "[UNK]": 1}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(vocabulary)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    path = tmp_path / "words.json"
    tokenizer.save(str(path))
    return path


def ask(router, words):
    body = {"model": "m", "messages": [{"role": "user", "content": "word " * words}], "max_tokens": 50}
    return router.ask("/v1/chat/completions", body=json.dumps(body).encode())


@pytest.mark.parametrize("known", [True, False])
def test_what_fits_by_the_models_own_tokenizer_is_sent(tmp_path, model, words, known):
    fake = model("up", says("200 OK", whole_answer("openai")))
    catalog = {
        "m": {
            "quality": {"source": "ours"}, "context_tokens": WINDOW, "tokenizer": "words",
            "at": {"p": {"name": "up"}},
        }
    }  # fmt: skip
    more = {"tokenizers": {"words": str(words)}} if known else {}
    router = start(tmp_path, {"p": {"wire": "openai", "url": f"{fake.url}/v1"}}, catalog, catalog=more)
    try:
        assert ask(router, WORDS).status == (200 if known else 400)
        refused = ask(router, 2 * WORDS)
        assert refused.json["error"]["code"] == "context_length_exceeded"
        assert ("1,274" in refused.json["error"]["message"]) == known  # words, answer, and what a template adds
    finally:
        router.terminate()


@pytest.mark.parametrize(("content", "wrong"), [(None, "there is no file"), ("{}", "is no tokenizer.json")])
def test_a_file_that_is_no_tokenizer_is_named(tmp_path, content, wrong):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=wrong) as caught:
        open_tokenizer("o200k", path)
    assert "`tokenizers.o200k`" in str(caught.value)
    assert str(path) in str(caught.value)
