"""Token counts: each provider's own form, read into ours, and written in the words of a door."""

from typing import Any

import msgspec

from router.kinds import Usage


class _Prompt(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Completion(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class OpenAIUsage(msgspec.Struct, frozen=True):
    """OpenAI's, and DeepSeek's older names for what came from the cache."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Prompt | None = None
    completion_tokens_details: _Completion | None = None
    prompt_cache_hit_tokens: int | None = None

    def read(self) -> Usage:
        prompt, completion = self.prompt_tokens or 0, self.completion_tokens or 0
        details, outgoing = self.prompt_tokens_details, self.completion_tokens_details
        reasoning = (outgoing.reasoning_tokens if outgoing else 0) or 0
        # Some servers count reasoning beside the completion instead of in it; the total tells.
        if reasoning and self.total_tokens == prompt + completion + reasoning:
            completion += reasoning
        return Usage(
            input_tokens=prompt,
            cached_tokens=(details.cached_tokens if details else None) or self.prompt_cache_hit_tokens or 0,
            cache_write_tokens=(details.cache_write_tokens if details else None) or 0,
            output_tokens=completion,
            reasoning_tokens=reasoning,
        )


class _Written(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: int | None = None


class _Thinking(msgspec.Struct, frozen=True):
    thinking_tokens: int | None = None


class AnthropicUsage(msgspec.Struct, frozen=True):
    """Anthropic's: what came from the cache stands beside the other input."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Thinking | None = None
    cache_creation: _Written | None = None

    def after(self, earlier: "AnthropicUsage | None") -> "AnthropicUsage":
        """Of a stream's later event, which repeats only some counts."""
        if earlier is None:
            return self
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(earlier, **given)

    def read(self) -> Usage:
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        return Usage(
            input_tokens=(self.input_tokens or 0) + cached + written,
            cached_tokens=cached,
            cache_write_tokens=written,
            long_cache_write_tokens=(self.cache_creation and self.cache_creation.ephemeral_1h_input_tokens) or 0,
            output_tokens=self.output_tokens or 0,
            reasoning_tokens=(self.output_tokens_details.thinking_tokens if self.output_tokens_details else 0) or 0,
        )


class GeminiUsage(msgspec.Struct, frozen=True, rename="camel"):
    """Gemini's: thoughts stand beside the candidates' tokens, results of its own tools beside the prompt."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None

    def read(self) -> Usage:
        thoughts = self.thoughts_token_count or 0
        return Usage(
            input_tokens=(self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
            cached_tokens=self.cached_content_token_count or 0,
            output_tokens=(self.candidates_token_count or 0) + thoughts,
            reasoning_tokens=thoughts,
        )


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
