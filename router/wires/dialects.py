"""What differs between the models and servers of one protocol, told by their names.

A name that is not known is taken for one of the newest. Sources: the providers' model pages and migration guides.
"""

import re
from typing import Literal

from router.kinds import Hop
from router.wires.talk import Ask, Effort

CLAUDE = re.compile(r"claude-(?:(\d+)(?:-(\d))?-)?[a-z]+(?:-(\d+)(?![0-9])(?:-(\d{1,2})(?![0-9]))?)?")
GEMINI = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
OPENAI_THINKS = re.compile(r"(?:^|/)(o\d|gpt-[5-9]|gpt-oss|codex)")
NEWEST = (99, 0)
JSON_TOOL = "answer_in_json"  # forced on models that take no schema for their answer


def claude_version(model: str) -> tuple[int, int]:
    """`claude-3-7-sonnet-…` is (3, 7), `claude-sonnet-4-5-…` (4, 5)."""
    found = CLAUDE.search(model)
    if found is None or not (found[1] or found[3]):
        return NEWEST
    if found[1]:
        return int(found[1]), int(found[2] or 0)
    # A date that follows the name directly is not a version.
    return (int(found[3]), int(found[4] or 0)) if len(found[3]) < 3 else NEWEST


def claude_samples(model: str) -> bool:
    """Whether it takes temperature, top_p and top_k: from 4.7 on a request with them is refused."""
    return claude_version(model) < (4, 7)


def claude_thinks(model: str) -> Literal["no", "budget", "adaptive"]:
    """How it is asked to think: not before 3.7, with a budget of tokens up to 4.5, then by effort."""
    version = claude_version(model)
    if version < (3, 7):
        return "no"
    return "budget" if version < (4, 6) else "adaptive"


def claude_formats(model: str) -> bool:
    """Whether it takes a JSON schema for its answer (from 4.5 on, but not Opus 4.1 and older)."""
    return claude_version(model) >= (4, 5)


def gemini_version(model: str) -> tuple[int, int]:
    found = GEMINI.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else NEWEST


def openai_thinks(hop: Hop) -> bool:
    """Whether the model takes `reasoning_effort`; others refuse it."""
    return OPENAI_THINKS.search(hop.upstream_model) is not None


def limit_name(hop: Hop) -> str:
    """What the answer's limit is called: OpenAI's newer models refuse the old name, other servers ignore the new."""
    return "max_completion_tokens" if is_openai(hop) else "max_tokens"


def is_openai(hop: Hop) -> bool:
    return hop.provider == "openai" or "://api.openai.com" in hop.url


def takes_reasoning_back(hop: Hop) -> bool:
    """Whether earlier reasoning goes back with the turn it belongs to: DeepSeek demands it while tools are called."""
    return "deepseek" in hop.provider or "api.deepseek.com" in hop.url


def effort_of(ask: Ask) -> Effort | None:
    """The effort that was named, or the one that a budget of thinking tokens amounts to."""
    if ask.effort is not None or not ask.thinking_tokens:
        return ask.effort
    if ask.thinking_tokens <= 4_096:
        return "low"
    return "medium" if ask.thinking_tokens <= 16_384 else "high"
