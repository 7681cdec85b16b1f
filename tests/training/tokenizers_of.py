"""Small tokenizers with the sentinels and chat templates of real families, trained on this repository's kernel."""

from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]

# In the style of Qwen2.5's: ChatML, with tools in the system turn and calls as JSON between tags.
CHATML = """\
{%- if tools %}
<|im_start|>system
{{ messages[0].content + '\n' if messages[0].role == 'system' else '' }}<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools><|im_end|>
{% elif messages[0].role == 'system' %}
<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% elif message.role == 'assistant' %}
<|im_start|>assistant
GEN{{ message.content }}
{%- for call in message.tool_calls or [] %}

<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>
{%- endfor %}<|im_end|>ERATION
{% elif message.role == 'user' %}
<|im_start|>user
{{ message.content }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""


def chatml(*, marked: bool = False) -> str:
    """The template; `marked`: it says with `generation` what the assistant writes."""
    start, end = ("{% generation -%}", "{% endgeneration %}\n") if marked else ("", "")
    return CHATML.replace("GEN", start).replace("ERATION", end)


@cache
def tokenizer_with(*special: str, template: str = "") -> PreTrainedTokenizerFast:
    """Byte-level BPE with these special tokens; the first ends a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(path) for path in sorted((ROOT / "hone").glob("*.py"))[:8]], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[0], chat_template=template or None)


def starcoder() -> PreTrainedTokenizerFast:
    """StarCoder2's sentinels."""
    return tokenizer_with("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<file_sep>")


def qwen(*, marked: bool = False) -> PreTrainedTokenizerFast:
    """Qwen2.5-Coder's sentinels, and a chat template with tools."""
    special = ("<|im_end|>", "<|endoftext|>", "<|im_start|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
    return tokenizer_with(*special, template=chatml(marked=marked))
