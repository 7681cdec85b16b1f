"""A wrong file is named with its line, key and the nearest right name; a missing key is no mistake."""

import shutil
from pathlib import Path

import pytest

from hone.errors import ConfigError
from router.choose import Tables, read_tables

ROOT = Path(__file__).parents[3]


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    for name in ("providers", "catalog", "routes"):
        shutil.copy(ROOT / "configs" / f"{name}.yaml", folder)
    return folder


def read(configs: Path, **environment: str) -> Tables:
    return read_tables(configs, environment, now=0)


def change(configs: Path, file: str, old: str, new: str) -> int:
    """Returns the line that was changed."""
    path = configs / f"{file}.yaml"
    text = path.read_text()
    assert text.count(old) >= 1, f"{old!r} is not in {file}.yaml"
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def problem(configs: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(configs)
    return str(caught.value).replace(f"{configs}/", "")


def test_a_route_that_names_an_unknown_model_is_told_the_nearest(configs: Path) -> None:
    line = change(
        configs, "routes", "models: [claude-sonnet-5-5, gpt-6.1-sol,", "models: [claude-sonet-5-5, gpt-6.1-sol,"
    )
    assert problem(configs) == (
        f"routes.yaml:{line}: `routes.planning.models.0`: there is no model `claude-sonet-5-5` in the catalog; "
        "did you mean `claude-sonnet-5-5`?"
    )


def test_a_route_that_names_a_retired_model_is_told_its_successor(configs: Path) -> None:
    line = change(configs, "routes", "models: [gpt-6.1-sol, claude", "models: [gpt-4-turbo, claude")
    assert problem(configs) == (
        f"routes.yaml:{line}: `routes.reasoning.models.0`: `gpt-4-turbo` was retired; name its successor `gpt-5.6-sol`"
    )


def test_a_route_may_pin_a_place_but_not_one_that_is_not_offered(configs: Path) -> None:
    change(
        configs, "routes", "models: [gpt-6.1-sol, claude-sonnet-5-5, mixtral", "models: [openai/gpt-6.1-sol, mixtral"
    )
    assert read(configs).routes["reasoning"].places[0].hop.key == ("openai", "gpt-6.1-sol")
    change(configs, "routes", "openai/gpt-6.1-sol", "opena/gpt-6.1-sol")
    assert "`gpt-6.1-sol` is not offered by `opena`; did you mean `openai`?" in problem(configs)


def test_a_model_at_an_unknown_provider_is_told_the_nearest(configs: Path) -> None:
    line = change(
        configs,
        "catalog",
        "      anthropic:\n        name: claude-opus-5-5",
        "      antropic:\n        name: claude-opus-5-5",
    )
    assert problem(configs) == (
        f"catalog.yaml:{line}: `models.claude-opus-5-5.at.antropic`: there is no such provider; "
        "did you mean `anthropic`?"
    )


def test_a_model_without_a_price_at_a_provider_that_charges_is_refused(configs: Path) -> None:
    change(configs, "catalog", ", prices: [{input: 0.02, dated: 2026-11-26}]", "")
    assert "a provider that takes a key needs `prices`" in problem(configs)


def test_a_price_that_holds_only_sometimes_cannot_come_first(configs: Path) -> None:
    change(configs, "catalog", "[{input: 0.02, dated", "[{above_tokens: 5, input: 0.02, dated")
    assert "the first of `prices` must always hold" in problem(configs)


def test_a_score_of_an_unknown_source_is_refused(configs: Path) -> None:
    change(configs, "catalog", "score: 0.847, source: whatmodel", "score: 0.847, source: whatmodell")
    assert "there is no source `whatmodell`; did you mean `whatmodel`?" in problem(configs)


def test_a_route_that_compares_scores_of_two_sources_is_refused(configs: Path) -> None:
    change(configs, "catalog", "score: 0.847, source: whatmodel", "score: 0.847, source: evalplus")
    assert "the policy `quality` compares scores of one source only, not `claude-opus-5-5` from `evalplus`" in problem(
        configs
    )


def test_a_successor_that_does_not_exist_is_refused(configs: Path) -> None:
    change(
        configs,
        "catalog",
        "gpt-4-turbo-preview: {successor: gpt-5.6-sol",
        "gpt-4-turbo-preview: {successor: gpt-5.6-soll",
    )
    assert "there is no model `gpt-5.6-soll`; did you mean `gpt-5.6-sol`?" in problem(configs)


def test_a_name_means_one_thing(configs: Path) -> None:
    change(configs, "catalog", "aliases: [gpt-5.6]", "aliases: [gpt-6-luna]")
    assert "`gpt-6-luna` is already a model" in problem(configs)
    change(configs, "catalog", "aliases: [gpt-6-luna]", "aliases: [gpt-4]")
    assert "`gpt-4` is still an alias of `gpt-5.6-sol`" in problem(configs)


def test_a_capability_without_a_route_is_named(configs: Path) -> None:
    change(
        configs,
        "routes",
        "  debugging:\n    policy: tiered\n    models: [claude-sonnet-5-5, gpt-6.1-terra, deepseek-flash]\n",
        "",
    )
    assert "`debugging` has no route; every capability needs one" in problem(configs)


def test_a_parameter_of_another_policy_is_refused(configs: Path) -> None:
    change(configs, "routes", "policy: quality\n    max_usd: 0.25", "policy: tiered\n    max_usd: 0.25")
    assert "`max_usd` belongs to the policy `quality`, not to `tiered`" in problem(configs)


def test_a_policy_without_its_parameter_is_refused(configs: Path) -> None:
    change(configs, "routes", "    max_usd: 0.25\n", "")
    assert "the policy `quality` needs `max_usd`" in problem(configs)


def test_an_unknown_key_is_told_the_nearest(configs: Path) -> None:
    change(configs, "providers", "api_key_env: GROQ_API_KEY", "api_key_evn: GROQ_API_KEY")
    assert "`providers.groq.api_key_evn`: unknown key; did you mean `api_key_env`?" in problem(configs)


def test_an_address_with_a_final_slash_is_refused(configs: Path) -> None:
    change(configs, "providers", "https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/")
    assert "providers.groq.url" in problem(configs)


def test_all_mistakes_are_told_at_once(configs: Path) -> None:
    change(configs, "routes", "fallback: [claude-sonnet-5-5,", "fallback: [claude-sonnett,")
    change(
        configs,
        "catalog",
        "      anthropic:\n        name: claude-opus-5-5",
        "      antropic:\n        name: claude-opus-5-5",
    )
    assert len(problem(configs).splitlines()) == 2


def test_a_provider_without_its_key_says_so_and_is_no_candidate(configs: Path) -> None:
    tables = read(configs, OPENAI_API_KEY="sk-secret")
    assert tables.providers["openai"].off == ""
    assert tables.providers["groq"].off == "no key: the environment variable `GROQ_API_KEY` is not set"
    assert tables.models["gpt-oss-120b"][0].off == "no key: the environment variable `GROQ_API_KEY` is not set"


def test_an_address_comes_from_the_environment(configs: Path) -> None:
    tables = read(configs, VLLM_URL="http://10.0.0.7:8000/v1/")
    assert tables.models["codellama-34b"][0].hop.url == "http://10.0.0.7:8000/v1"


def test_an_address_in_the_environment_that_is_none_says_so(configs: Path) -> None:
    tables = read(configs, VLLM_URL="10.0.0.7:8000")
    assert tables.providers["vllm"].off == "no address: `VLLM_URL` must begin with http:// or https://"


def test_an_infinite_price_is_refused(configs: Path) -> None:
    change(configs, "catalog", "[{input: 0.02, dated", "[{input: .inf, dated")
    assert "should be a finite number" in problem(configs)


def test_hours_that_go_backwards_are_refused(configs: Path) -> None:
    change(configs, "catalog", "[[1, 4], [6, 10]]", "[[22, 4]]")
    assert "`weekday_hours_utc` are pairs [from, until] of one day" in problem(configs)


def test_a_key_comes_from_a_file_beside_the_project(configs: Path) -> None:
    change(configs, "providers", "api_key_env: GROQ_API_KEY", "api_key_file: secrets/groq")
    assert "secrets/groq` cannot be read" in read(configs).providers["groq"].off
    secret = configs.parent / "secrets" / "groq"
    secret.parent.mkdir()
    secret.write_text("gsk-secret\n")
    key = read(configs).providers["groq"].key
    assert key is not None
    assert key.reveal() == "gsk-secret"
    secret.write_text("\n")
    assert "is empty" in read(configs).providers["groq"].off


def test_a_server_that_serves_one_model_is_asked_for_no_other(configs: Path) -> None:
    change(configs, "providers", "only: []", "only: [codellama-34b]")
    tables = read(configs, VLLM_URL="http://10.0.0.7:8000/v1")
    assert tables.models["codellama-34b"][0].off == ""
    assert tables.models["mixtral-8x7b"][0].off == "`vllm` serves only codellama-34b, as configs/providers.yaml says"


def test_a_tokenizer_that_no_model_has_is_a_mistake(configs: Path) -> None:
    line = change(configs, "catalog", "models:\n", "tokenizers: {o200: tokenizers/o200k.json}\n\nmodels:\n")
    assert problem(configs) == (
        f"catalog.yaml:{line}: `tokenizers.o200`: no model has this tokenizer; did you mean `o200k`?"
    )
