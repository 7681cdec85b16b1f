"""How gaps are asked for: each format as its models were trained, and which of them a tokenizer shows."""

import pytest

from hone.errors import ConfigError
from hone.files import sha256_bytes
from hone.fill_formats import FORMATS, RECOGNISED, SUFFIX_FIELD, asked_by, recognised, template_of

# As their own code or model card writes them; see the sources in the module.
WRITTEN = {
    "codellama": "<PRE> PREFIX <SUF>SUFFIX <MID>",
    "codellama-suffix-first": "<PRE> <SUF>SUFFIX <MID> PREFIX",
    "deepseek-coder": "<｜fim▁begin｜>PREFIX<｜fim▁hole｜>SUFFIX<｜fim▁end｜>",
    "qwen2.5-coder": "<|fim_prefix|>PREFIX<|fim_suffix|>SUFFIX<|fim_middle|>",
    "starcoder2": "<fim_prefix>PREFIX<fim_suffix>SUFFIX<fim_middle>",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_prompt_is_what_the_models_were_trained_on(name):
    assert FORMATS[name].prompt("PREFIX", "SUFFIX") == WRITTEN[name]


@pytest.mark.parametrize("name", FORMATS)
def test_prefix_and_suffix_stand_in_it_as_they_are(name):
    prompt = FORMATS[name].prompt("  {a}\n", "b = {}\n ")
    assert "  {a}\n" in prompt
    assert "b = {}\n " in prompt


def test_a_middle_ends_at_the_first_token_that_ends_it():
    assert FORMATS["codellama"].middle("    return x\n <EOT> and more") == "    return x\n"
    assert FORMATS["starcoder2"].middle("x<file_sep>y<|endoftext|>") == "x"
    assert FORMATS["qwen2.5-coder"].middle("x = 1") == "x = 1"


def vocabulary(name: str) -> dict[str, int]:
    return {token: 10 + at for at, token in enumerate(FORMATS[name].sentinels)} | {"a": 0}


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_format_is_recognised_by_its_sentinels_alone(name):
    assert recognised(vocabulary(name), rows=100).name == name


def test_a_format_of_the_same_sentinels_has_to_be_asked_for():
    assert recognised(vocabulary("codellama"), 100, "codellama-suffix-first").name == "codellama-suffix-first"


def test_sentinels_that_the_model_has_no_row_for_are_none():
    with pytest.raises(ConfigError, match="it was not trained to fill gaps"):
        recognised(vocabulary("codellama"), rows=10)


def test_a_model_without_any_or_without_the_ones_asked_for_is_told_in_one_line():
    with pytest.raises(
        ConfigError, match=r"sentinels of none of codellama, deepseek-coder, qwen2\.5-coder, starcoder2"
    ):
        recognised({"a": 0}, rows=100)
    with pytest.raises(ConfigError, match=r"`--fim-format starcoder2`: this model has no token `<fim_prefix>`"):
        recognised(vocabulary("qwen2.5-coder"), 100, "starcoder2")


def test_a_run_tells_by_its_digest_how_it_was_asked():
    for name, one in FORMATS.items():
        assert asked_by(sha256_bytes(template_of(one).encode())) == name
    assert asked_by(sha256_bytes(SUFFIX_FIELD.encode())) == "the field `suffix`"
    assert asked_by("") == ""
