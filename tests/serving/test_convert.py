import json
import os
import shutil
from pathlib import Path

import ctranslate2
import pytest
import torch
from tokenizers import Tokenizer, processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPTBigCodeConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    Starcoder2Config,
)

from hone.errors import ServingError, UnsafeArtifact
from serving.convert import ARCHITECTURES, convert
from serving.weights import read_weights
from tests.serving.tiny import PROMPT, small_llama, train_tokenizer

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
COMMON = {"vocab_size": 512, "initializer_range": 0.2, "bos_token_id": None, "eos_token_id": 0}
EMBEDDED = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 4}
GQA = {**SIZES, "num_key_value_heads": 2}
ROPE = {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0}
CASES = {
    "the embedded base": LlamaConfig(**{**COMMON, "vocab_size": 4096}, **EMBEDDED, tie_word_embeddings=True),
    "CodeLlama's kind": LlamaConfig(**COMMON, **GQA, rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
    "DeepSeek-Coder's kind": LlamaConfig(**COMMON, **GQA, rope_parameters=ROPE),
    "Mistral": MistralConfig(**COMMON, **GQA, sliding_window=None),
    "Qwen2": Qwen2Config(**COMMON, **GQA, tie_word_embeddings=True),
    "Qwen3": Qwen3Config(**COMMON, **GQA, head_dim=16),
    "GPT-2": GPT2Config(**COMMON, n_embd=64, n_layer=2, n_head=4),
    "StarCoder's kind": GPTBigCodeConfig(**COMMON, n_embd=64, n_layer=2, n_head=4),
}


def save_model(config: PretrainedConfig, folder: Path) -> Path:
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    padded = 0 if config.model_type == "gpt2" else 12  # rows of the embedding that are no token, as many models have
    train_tokenizer(config.vocab_size - padded).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_greedy_output_is_token_for_token_that_of_transformers(case: str, tmp_path: Path) -> None:
    folder = save_model(CASES[case], tmp_path / "model")
    out = convert(folder, tmp_path / "weights")
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    generator = ctranslate2.Generator(str(out), compute_type="float32", intra_threads=1)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    vocabulary = json.loads((out / "vocabulary.json").read_text())
    for prompt in (PROMPT, "import os\n\n\ndef walk(", "class A:\n    x = 1\n"):
        ids = AutoTokenizer.from_pretrained(folder)(prompt)["input_ids"]
        assert tokenizer.encode(prompt).ids == ids
        wanted = model.generate(torch.tensor([ids]), max_new_tokens=40, do_sample=False, pad_token_id=0)[0, len(ids) :]
        start = [vocabulary[token] for token in ids]
        answer = generator.generate_batch([start], max_length=40, include_prompt_in_result=False, end_token=[0])
        assert answer[0].sequences_ids[0] == [token for token in wanted.tolist() if token != 0]


def test_every_architecture_that_is_offered_has_been_compared() -> None:
    compared = {type(AutoModelForCausalLM.from_config(config)).__name__ for config in CASES.values()}
    assert compared == set(ARCHITECTURES)


def test_the_record_says_what_the_server_must_know(reciting_model: Path, tmp_path: Path) -> None:
    record = read_weights(convert(reciting_model, tmp_path / "w", quantization="int8"))
    assert (record.architecture, record.quantization) == ("LlamaForCausalLM", "int8")
    assert (record.context_tokens, record.eos_token_ids, record.bos_token_id) == (256, (0,), None)
    assert record.chat_template is None


def test_several_end_tokens_of_the_generation_configuration_are_kept(reciting_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(reciting_model, tmp_path / "model")
    (folder / "generation_config.json").write_text('{"eos_token_id": [0, 5]}')
    assert read_weights(convert(folder, tmp_path / "w")).eos_token_ids == (0, 5)


def test_a_bos_token_is_added_where_the_tokenizer_itself_adds_one(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(512)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    start = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)])
    tokenizer.backend_tokenizer.post_processor = start
    small_llama(len(tokenizer), context=64).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    out = convert(tmp_path / "model", tmp_path / "w")
    alone = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert alone.encode("x").ids == AutoTokenizer.from_pretrained(tmp_path / "model")("x")["input_ids"]
    assert alone.encode("x").ids[0] == tokenizer.bos_token_id


def test_an_architecture_that_cannot_be_served_is_named_with_the_way_out(tmp_path: Path) -> None:
    folder = save_model(Starcoder2Config(**COMMON, **GQA), tmp_path / "model")
    with pytest.raises(ServingError, match=r"`Starcoder2ForCausalLM` cannot be served.*`LlamaForCausalLM`.*vLLM"):
        convert(folder, tmp_path / "w")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "optimizer.pt", "extra.pkl"])
def test_a_folder_with_a_pickle_is_refused(name: str, reciting_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(reciting_model, tmp_path / "model")
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UnsafeArtifact, match=f"{name}` can run code"):
        convert(folder, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="is not a merged model"):
        convert(tmp_path, tmp_path / "w")


def test_an_adapter_alone_is_sent_back_to_be_merged(reciting_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(reciting_model, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ServingError, match="merge the adapter"):
        convert(folder, tmp_path / "w")


def test_an_unknown_quantization_lists_the_known_ones(reciting_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="`int3` is not known; choose one of `float32`, `int8`"):
        convert(reciting_model, tmp_path / "w", quantization="int3")


def test_a_broken_safetensors_file_leaves_the_old_weights_and_nothing_beside(
    reciting_model: Path, tmp_path: Path
) -> None:
    out = convert(reciting_model, tmp_path / "out" / "w")
    before = (out / "model.bin").read_bytes()
    folder = shutil.copytree(reciting_model, tmp_path / "model")
    os.truncate(folder / "model.safetensors", 1000)
    with pytest.raises(ServingError, match="could not be converted"):
        convert(folder, out)
    assert (out / "model.bin").read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["w"]


def test_converting_again_replaces_the_folder_with_the_same_bytes(reciting_model: Path, tmp_path: Path) -> None:
    out = convert(reciting_model, tmp_path / "w")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "stale").touch()
    convert(reciting_model, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
