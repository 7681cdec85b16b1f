"""The loss that skips unlabelled positions is the model's own loss."""

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GraniteConfig, GraniteForCausalLM

from hone.records import Example
from training.encoding import collate, encode
from training.loss import has_plain_head, labelled_loss
from training.saving import load_base, load_tokenizer


def test_it_equals_the_model_s_own_loss_and_gradient(base: Path, examples: list[Example]) -> None:
    tokenizer, model = load_tokenizer(str(base)), load_base(str(base))
    batch = collate([encode(tokenizer, example) for example in examples[:8]], tokenizer.eos_token_id)
    own = model(**batch).loss
    own.backward()
    weight = model.get_decoder().layers[0].self_attn.q_proj.weight
    gradient = weight.grad.clone()
    model.zero_grad()
    ours = labelled_loss(model, batch["input_ids"], batch["labels"], None)
    ours.backward()
    assert ours.item() == pytest.approx(own.item(), rel=1e-5)
    assert torch.allclose(weight.grad, gradient, rtol=1e-3, atol=1e-6)


def test_a_model_that_scales_its_logits_is_recognised() -> None:
    shape = {"vocab_size": 50, "num_hidden_layers": 1, "num_attention_heads": 2}
    plain = GPT2LMHeadModel(GPT2Config(**shape, n_embd=16, bos_token_id=0, eos_token_id=0))
    scaled = GraniteForCausalLM(GraniteConfig(**shape, hidden_size=16, intermediate_size=16, logits_scaling=8.0))
    ids = torch.arange(20).view(2, 10)
    assert has_plain_head(plain, ids)
    assert not has_plain_head(scaled, ids)


def test_padding_on_the_right_changes_nothing(base: Path, examples: list[Example]) -> None:
    tokenizer, model = load_tokenizer(str(base)), load_base(str(base))
    one = encode(tokenizer, examples[0])
    longer = max((encode(tokenizer, example) for example in examples), key=lambda encoded: len(encoded.ids))
    alone = collate([one], 0)
    padded = {name: tensor[:1] for name, tensor in collate([one, longer], 0).items()}
    assert labelled_loss(model, **alone, items=None).item() == pytest.approx(
        labelled_loss(model, **padded, items=None).item(), rel=1e-5
    )
