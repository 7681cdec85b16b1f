"""Conversations in which the assistant calls a tool, made of the typed and documented functions of a Python file.

The request says in words what the call must hold, so the right call can be read from it. Where no tool fits, the
assistant says so and calls none.
"""

import json
import random
from collections.abc import Iterator, Sequence

from pydantic import Field

from analysis import python
from data.files import CodeFile, origin_of, parsed_python
from data.tasks.chance import dice, is_taken
from data.tasks.schemas import Tool, tool_of, value_for
from hone.config import Config
from hone.records import Example, Json, ToolCall, Turn

TOOL_CALLS = "tool-calls"


class ToolCallConfig(Config):
    """Typed and documented Python functions as tools; a request → the call, or word that no tool does it."""

    share: float = Field(1.0, gt=0, le=1)
    """The part of the functions that is taken, by a hash of each."""
    most_per_file: int = Field(4, ge=1)
    most_tools: int = Field(4, ge=2)
    """Tools that are offered at most; the others are of the same file."""
    unfit_share: float = Field(0.15, ge=0, le=1)
    """The share of requests that no tool fits, by hash."""
    parallel_share: float = Field(0.15, ge=0, le=1)
    """The share of requests for two calls at once, where the file has two tools."""


def tool_calls(file: CodeFile, config: ToolCallConfig) -> Iterator[Example]:
    """One conversation for each function that makes a tool, up to the limit. Python alone has the types for it."""
    if file.language != "python":
        return
    tools: dict[str, tuple[Tool, python.Function]] = {}
    for function in parsed_python(file.text).functions:
        if tool := tool_of(function):
            tools.setdefault(tool.name, (tool, function))
    taken = [one for one in tools.values() if is_taken(config.share, TOOL_CALLS, file.path, one[0].name)]
    for tool, function in taken[: config.most_per_file]:
        rng = dice(TOOL_CALLS, file.path, file.digest, tool.name)
        others = [other for other, _ in tools.values() if other.name != tool.name]
        offered, turns = _conversation(tool, rng.sample(others, min(len(others), config.most_tools - 1)), config, rng)
        yield Example(
            id=f"{file.source}/{file.path}:{function.first_line}#{TOOL_CALLS}",
            prompt="",
            completion="",
            entry_point=function.qualified_name,
            origin=origin_of(file, function.first_line, function.last_line),
            task=TOOL_CALLS,
            turns=turns,
            tools=tuple(one.described for one in offered),
        )


def _conversation(
    tool: Tool, others: Sequence[Tool], config: ToolCallConfig, rng: random.Random
) -> tuple[list[Tool], tuple[Turn, ...]]:
    """The tools that are offered, in some order, and the turns."""
    kind = rng.random()
    if kind < config.unfit_share and others:
        request = _request(tool, _arguments(tool, rng), rng)
        names = ", ".join(f"`{one.name}`" for one in others)
        return list(others), (
            Turn("user", request),
            Turn("assistant", f"None of my tools can do that. I have {names}."),
        )
    parallel = others and kind < config.unfit_share + config.parallel_share
    wanted = [tool, others[0]] if parallel else [tool]
    calls = tuple(ToolCall(one.name, _arguments(one, rng)) for one in wanted)
    requests = [_request(one, call.arguments, rng) for one, call in zip(wanted, calls, strict=True)]
    offered = [tool, *others]
    rng.shuffle(offered)
    return offered, (Turn("user", "\n\nAnd then: ".join(requests)), Turn("assistant", calls=calls))


def _arguments(tool: Tool, rng: random.Random) -> dict[str, Json]:
    """Values for what is required, and for about half of what is not."""
    given = [one for one in tool.parameters if one.required or rng.random() < 0.5]
    return {one.name: value_for(one, rng) for one in given or tool.parameters[:1]}


def _request(tool: Tool, arguments: dict[str, Json], rng: random.Random) -> str:
    """What the function's docstring says, as a wish, with the values in words."""
    wish = tool.summary.rstrip(".!? ")
    if not wish[:2].isupper():
        wish = wish[0].lower() + wish[1:]
    opening = rng.choice(("What I need: {}.", "Can you do this for me: {}?", "Please: {}."))
    values = [f"{_said(value)} for the {name.strip('_').replace('_', ' ')}" for name, value in arguments.items()]
    return f"{opening.format(wish)} Use {', '.join(values)}."


def _said(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value[:-1])) + f" and {_said(value[-1])}"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
