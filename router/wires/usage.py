"""Token counts: each provider's own form, read into ours, and written in the words of a door.

A count that cannot be one (negative, a text, beyond all measure) spoils no answer: `read` then gives None, as where the
provider did not count at all.
"""

from typing import Any

import msgspec

from router.kinds import Usage

MOST_TOKENS = 2**40  # what no answer has


def _count(value: Any) -> int:
    """A count as a provider wrote it; nothing is 0. Raises `ValueError`."""
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MOST_TOKENS:
        raise ValueError("not a count of tokens")
    return int(value)


class _Prompt(msgspec.Struct, frozen=True):
    cached_tokens: Any = None
    cache_write_tokens: Any = None


class _Completion(msgspec.Struct, frozen=True):
    reasoning_tokens: Any = None


class OpenAIUsage(msgspec.Struct, frozen=True):
    """OpenAI's, and DeepSeek's older names for what came from the cache."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None
    prompt_tokens_details: _Prompt | None = None
    completion_tokens_details: _Completion | None = None
    prompt_cache_hit_tokens: Any = None

    def read(self) -> Usage | None:
        try:
            return self._read()
        except ValueError:
            return None

    def _read(self) -> Usage:
        prompt, completion = _count(self.prompt_tokens), _count(self.completion_tokens)
        details, outgoing = self.prompt_tokens_details, self.completion_tokens_details
        reasoning = _count(outgoing.reasoning_tokens) if outgoing else 0
        cached = _count((details and details.cached_tokens) or self.prompt_cache_hit_tokens)
        # Some servers count reasoning beside the completion instead of in it; the total tells.
        if reasoning and self.total_tokens == prompt + completion + reasoning:
            completion += reasoning
        return Usage(
            input_tokens=prompt,
            cached_tokens=min(cached, prompt),
            cache_write_tokens=_count(details and details.cache_write_tokens),
            output_tokens=completion,
            reasoning_tokens=reasoning,
        )


class _Written(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: Any = None


class _Thinking(msgspec.Struct, frozen=True):
    thinking_tokens: Any = None


class AnthropicUsage(msgspec.Struct, frozen=True):
    """Anthropic's: what came from the cache stands beside the other input."""

    input_tokens: Any = None
    cache_creation_input_tokens: Any = None
    cache_read_input_tokens: Any = None
    output_tokens: Any = None
    output_tokens_details: _Thinking | None = None
    cache_creation: _Written | None = None

    def after(self, earlier: "AnthropicUsage | None") -> "AnthropicUsage":
        """Of a stream's later event, which repeats only some counts."""
        if earlier is None:
            return self
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(earlier, **given)

    def read(self) -> Usage | None:
        thinking = self.output_tokens_details
        try:
            cached, written = _count(self.cache_read_input_tokens), _count(self.cache_creation_input_tokens)
            return Usage(
                input_tokens=_count(self.input_tokens) + cached + written,
                cached_tokens=cached,
                cache_write_tokens=written,
                long_cache_write_tokens=_count(self.cache_creation and self.cache_creation.ephemeral_1h_input_tokens),
                output_tokens=_count(self.output_tokens),
                reasoning_tokens=_count(thinking and thinking.thinking_tokens),
            )
        except ValueError:
            return None


class GeminiUsage(msgspec.Struct, frozen=True, rename="camel"):
    """Gemini's: thoughts stand beside the candidates' tokens, results of its own tools beside the prompt."""

    prompt_token_count: Any = None
    cached_content_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None
    tool_use_prompt_token_count: Any = None

    def read(self) -> Usage | None:
        try:
            thoughts = _count(self.thoughts_token_count)
            prompt = _count(self.prompt_token_count) + _count(self.tool_use_prompt_token_count)
            return Usage(
                input_tokens=prompt,
                cached_tokens=min(_count(self.cached_content_token_count), prompt),
                output_tokens=_count(self.candidates_token_count) + thoughts,
                reasoning_tokens=thoughts,
            )
        except ValueError:
            return None


def openai_usage(usage: Usage) -> dict[str, Any]:
    """In the words of OpenAI's doors."""
    prompt = {"cached_tokens": usage.cached_tokens}
    if usage.cache_write_tokens:
        prompt["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def gemini_usage(usage: Usage) -> dict[str, Any]:
    """In the words of Gemini's door."""
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }


def anthropic_usage(usage: Usage) -> dict[str, Any]:
    """In the words of Anthropic's doors."""
    counts: dict[str, Any] = {
        "input_tokens": max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    if long := usage.long_cache_write_tokens:
        short = usage.cache_write_tokens - long
        counts["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    if usage.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts
