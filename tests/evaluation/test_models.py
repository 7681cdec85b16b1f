"""Loading a base model with its adapter, and what is refused."""

import shutil

import pytest
import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from evaluation.models import load_models
from hone.errors import EvaluationError, UnsafeArtifact


def logits(model, tokenizer, task):
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokenizer(task.prompt)["input_ids"]])).logits


def test_one_pair_is_the_base_model_then_the_tuned_one_then_the_base_model_again(learned, tokenizer, task):
    base, adapter = learned
    plain = LlamaForCausalLM.from_pretrained(base).eval()
    before = logits(plain, tokenizer, task)
    after = logits(PeftModel.from_pretrained(plain, adapter).eval(), tokenizer, task)
    pair = load_models(str(base), adapter, dtype="float32")
    for use, expected in ((pair.base, before), (pair.tuned, after), (pair.base, before)):
        with use() as model:
            torch.testing.assert_close(logits(model, tokenizer, task), expected, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(before, after, atol=0.1)


@pytest.fixture
def adapter(learned, tmp_path):
    return shutil.copytree(learned[1], tmp_path / "adapter")


def test_an_adapter_saved_as_a_pickle_is_refused(learned, adapter):
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(UnsafeArtifact, match=r"adapter_model\.bin` is a pickle"):
        load_models(str(learned[0]), adapter, dtype="float32")


def test_a_pickle_beside_the_weights_is_refused_too(learned, adapter):
    (adapter / "optimizer.pt").write_bytes(b"")
    with pytest.raises(UnsafeArtifact, match=r"optimizer\.pt` is a pickle"):
        load_models(str(learned[0]), adapter, dtype="float32")


def test_a_base_model_saved_as_a_pickle_is_refused(learned, tmp_path):
    base = shutil.copytree(learned[0], tmp_path / "base")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    with pytest.raises(EvaluationError, match="no folder with a model in safetensors"):
        load_models(str(base), learned[1], dtype="float32")


def test_a_missing_adapter_is_named(learned, tmp_path):
    with pytest.raises(EvaluationError, match="nowhere` holds no adapter; run `hone repro`"):
        load_models(str(learned[0]), tmp_path / "nowhere", dtype="float32")


def test_a_missing_base_model_is_named(learned, tmp_path):
    with pytest.raises(EvaluationError, match=r"base model `.*nowhere` is no folder"):
        load_models(str(tmp_path / "nowhere"), learned[1], dtype="float32")


def test_an_adapter_file_that_is_cut_short_does_not_fit(learned, adapter):
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(EvaluationError, match="does not fit base model"):
        load_models(str(learned[0]), adapter, dtype="float32")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [('_proj"', '_mixer"'), ('"r": 8', '"r": 4'), ('"target_modules": [', '"target_modules": ["lm_head",')],
)
def test_an_adapter_that_says_something_else_than_it_holds_does_not_fit(learned, adapter, was, becomes):
    config = adapter / "adapter_config.json"
    assert was in config.read_text()
    config.write_text(config.read_text().replace(was, becomes))
    with pytest.raises(EvaluationError, match="does not fit base model"):
        load_models(str(learned[0]), adapter, dtype="float32")
