"""A suite pointed at this project's own base model and adapter."""

import json
from pathlib import Path

import pytest

from evaluation.suites.records import SuiteRun
from hone.errors import ConfigError
from hone.fill_formats import FORMATS, asked_by
from hone.layout import Layout
from pipelines.facts import read_base, record_base
from pipelines.recipe import load_recipe
from pipelines.suite import SuiteRequest, run_suite
from pipelines.targets import Asking
from tests.serving.tiny import save_pair, train_tokenizer

QWEN = FORMATS["qwen2.5-coder"]
PREFIX, SUFFIX, MIDDLE = "def f(n):\n", "    return m\n", "    m = n\n"


def prepare(layout: Layout, *tokens: str) -> Path:
    """A base model with those tokens that knows one gap by heart, and a file with that gap."""
    tokenizer = train_tokenizer(512)
    tokenizer.add_tokens(list(tokens))
    text = f"{QWEN.prompt(PREFIX, SUFFIX)}{MIDDLE}<|file_sep|>"
    save_pair(layout.base, layout.adapter, tokenizer, tokenizer(text)["input_ids"][:128])
    record_base(layout, load_recipe(layout))
    data = layout.root / "gaps.jsonl"
    data.write_text(json.dumps({"prefix": PREFIX, "suffix": SUFFIX, "middle": MIDDLE}))
    return data


def fill(layout: Layout, data: Path, target: str) -> SuiteRun:
    asking = Asking(target=target, max_tokens=24)
    return run_suite(layout, SuiteRequest("fim", data, asking), progress=lambda what, done, total: None)


def test_base_and_adapter_fill_gaps_as_their_tokens_show(layout: Layout) -> None:
    data = prepare(layout, *QWEN.sentinels, "<|file_sep|>")
    for target in ("base", "adapter"):
        run = fill(layout, data, target)
        assert [(score.result, score.generation) for score in run.scores] == [("pass", MIDDLE)]
        assert asked_by(run.template_digest) == "qwen2.5-coder"
        assert (run.model_digest == read_base(layout).digest) == (target == "base")
        assert (run.isolation, run.speed, run.cost_usd) == ("", None, None)


def test_a_model_without_sentinels_is_refused_before_anything_is_asked(layout: Layout) -> None:
    data = prepare(layout)
    with pytest.raises(ConfigError, match="it was not trained to fill gaps"):
        fill(layout, data, "base")
    assert not (layout.evaluation / "runs").exists()
