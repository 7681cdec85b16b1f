"""How models are asked to fill a gap, and trained to: the sentinels that each family knows. Pure.

The prefix stands first, then the suffix, then the middle is asked for (PSM, Bavarian et al. 2022, section 3), but in
formats that say otherwise. Each names its sources. A server that leaves special tokens out of its text hides the end
of a middle too, where it is one of `ends`: its own field `suffix` is then the better way to ask.
"""

from collections.abc import Mapping

from hone.errors import ConfigError
from hone.files import sha256_bytes
from hone.records import Record

SPACE = "▁"  # how SentencePiece writes a space; Code Llama's sentinels begin with one


class FillFormat(Record, frozen=True):
    """One family's: sentinels, which are tokens, between texts, which hold `{prefix}` or `{suffix}`."""

    name: str
    parts: tuple[str, ...]
    ends: tuple[str, ...]  # tokens that end a middle, beside the tokenizer's own end of text; training puts the first
    suffix_first: tuple[str, ...] = ()  # the same with the suffix before the prefix (SPM); empty: never trained so

    @property
    def described(self) -> str:
        """All that decides a prompt and where its answer ends, for its digest."""
        return repr((self.parts, self.ends))

    @property
    def sentinels(self) -> tuple[str, ...]:
        """The tokens that a prompt is made with."""
        return tuple(part for part in self.parts if not is_text(part))

    @property
    def stop(self) -> tuple[str, ...]:
        """What ends a middle, as text."""
        return tuple(map(as_text, self.ends))

    def prompt(self, prefix: str, suffix: str) -> str:
        """The prompt as text, for servers that read sentinels in it."""
        parts = [filled(one, prefix, suffix) if is_text(one) else as_text(one) for one in self.parts]
        return "".join(parts).removeprefix(" ")  # SentencePiece puts that one there itself

    def middle(self, answer: str) -> str:
        """An answer up to where its middle ends."""
        return answer[: min((answer.find(one) for one in self.stop if one in answer), default=len(answer))]


def is_text(part: str) -> bool:
    """Whether a part of a prompt is no sentinel."""
    return "{" in part


def filled(part: str, prefix: str, suffix: str) -> str:
    """A text of a prompt."""
    return part.format(prefix=prefix, suffix=suffix)


def as_text(token: str) -> str:
    """A sentinel as it is written in a text."""
    return f" {token.removeprefix(SPACE)}" if token.startswith(SPACE) else token


def recognised(vocabulary: Mapping[str, int], rows: int, wanted: str = "") -> FillFormat:
    """The format whose sentinels a tokenizer has, or the one that is wanted.

    `rows`: of the model's embedding; a token beyond them was added to the tokenizer alone, as Transformers does for
    the Code Llama models that were not trained to fill. Raises `ConfigError`.
    """
    for name in (wanted,) if wanted else RECOGNISED:
        missing = [one for one in FORMATS[name].sentinels if vocabulary.get(one, rows) >= rows]
        if not missing:
            return FORMATS[name]
    if wanted:
        raise ConfigError(f"`--fim-format {wanted}`: this model has no token `{missing[0]}`, so it was not trained so")
    raise ConfigError(
        f"this model has the sentinels of none of {', '.join(RECOGNISED)}: it was not trained to fill gaps, so measure "
        "another base model or an address"
    )


FORMATS = {
    one.name: one
    for one in (
        # Rozière et al. 2023, section 2.3; `infilling_prompt_tokens` in the repository's llama/generation.py, and
        # `encode_infilling`: SentencePiece's leading space stands before the prefix, and is suppressed before suffix
        # and middle. As text that is "<PRE> {prefix} <SUF>{suffix} <MID>". Of the base models, 7B and 13B were trained
        # so, and 34B was not (Meta's model card).
        FillFormat(
            "codellama",
            parts=("▁<PRE>", " {prefix}", "▁<SUF>", "{suffix}", "▁<MID>"),
            ends=("▁<EOT>",),
            suffix_first=("▁<PRE>", "▁<SUF>", "{suffix}", "▁<MID>", " {prefix}"),
        ),
        # The same with `suffix_first` of `encode_infilling`: half of the training was so.
        FillFormat(
            "codellama-suffix-first",
            parts=("▁<PRE>", "▁<SUF>", "{suffix}", "▁<MID>", " {prefix}"),
            ends=("▁<EOT>",),
        ),
        # Guo et al. 2024, section 3.1.2; "Code Insertion" in the repository's README. PSM alone.
        FillFormat(
            "deepseek-coder",
            parts=("<｜fim▁begin｜>", "{prefix}", "<｜fim▁hole｜>", "{suffix}", "<｜fim▁end｜>"),
            ends=("<｜end▁of▁sentence｜>",),
        ),
        # Hui et al. 2024, file-level pretraining; the repository's examples/Qwen2.5-Coder-fim.py, whose end tokens
        # these are. CodeGemma takes the same prompt.
        FillFormat(
            "qwen2.5-coder",
            parts=("<|fim_prefix|>", "{prefix}", "<|fim_suffix|>", "{suffix}", "<|fim_middle|>"),
            ends=(
                "<|endoftext|>", "<|file_sep|>", "<|fim_pad|>", "<|repo_name|>", "<|im_end|>", "<|fim_prefix|>",
                "<|fim_suffix|>", "<|fim_middle|>",
            ),
        ),
        # Lozhkov et al. 2024, section 5.1: a file's middle is followed by `<file_sep>`, the next file's sentinel. The
        # BigCode evaluation harness asks and ends so (bigcode_eval/tasks/santacoder_fim.py, `StarCoderFIM`). Half of
        # the training was suffix first, variant 2 of Bavarian et al. (megatron/data/gpt_dataset.py of its trainer). The
        # embedded base model takes the same tokens.
        FillFormat(
            "starcoder2",
            parts=("<fim_prefix>", "{prefix}", "<fim_suffix>", "{suffix}", "<fim_middle>"),
            ends=("<|endoftext|>", "<file_sep>"),
            suffix_first=("<fim_prefix>", "<fim_suffix>", "{suffix}", "<fim_middle>", "{prefix}"),
        ),
    )
}  # fmt: skip
SUFFIX_FIELD = "prompt, suffix"  # how a gap is asked for where the server puts the sentinels in
RECOGNISED = ("codellama", "deepseek-coder", "qwen2.5-coder", "starcoder2")  # by their sentinels; each has its own


def template_of(fill: FillFormat | None) -> str:
    """What a run's template digest is made of."""
    return fill.described if fill else SUFFIX_FIELD


def asked_by(template_digest: str) -> str:
    """The name of the format, or of the field, that a run was asked by; empty where nobody was asked."""
    known = {sha256_bytes(template_of(one).encode()): one.name for one in FORMATS.values()}
    return (known | {sha256_bytes(SUFFIX_FIELD.encode()): "the field `suffix`"}).get(template_digest, "")
