"""Places in a text: bytes and characters, lines, and cuts that split neither a line end nor a character."""

import re
from collections.abc import Callable

_LINE_END = re.compile("\n")


def offsets(text: str, source: bytes) -> Callable[[int], int]:
    """From bytes of `source`, the text as UTF-8, to characters. A byte within a character counts as its beginning."""
    if len(source) == len(text):
        return int
    return lambda byte: len(source[:byte].decode("utf-8", "ignore"))


def whole(text: str, at: int) -> int:
    """The same place, or the one before a line end of two characters that it would split."""
    return at - 1 if 0 < at < len(text) and text[at - 1] == "\r" and text[at] == "\n" else at


def line_of(text: str, at: int) -> int:
    """The number of the line, from 1."""
    return text.count("\n", 0, at) + 1


def line_starts(text: str) -> list[int]:
    """Where lines begin; the end of a text is none."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    return starts[:-1] if len(starts) > 1 and starts[-1] == len(text) else starts


def tail(text: str, most_chars: int, most_lines: int | None = None) -> str:
    """The end of a text: whole lines where the limit of characters allows one."""
    start = max(0, len(text) - most_chars)
    if start and text[start - 1] != "\n":
        after = text.find("\n", start) + 1
        start = after if 0 < after < len(text) else whole(text, start)
    if most_lines is not None:
        lines = text[start:].split("\n")
        start = len(text) - len("\n".join(lines[-most_lines:]))
    return text[start:]


def head(text: str, most_chars: int) -> str:
    """The beginning of a text: whole lines where the limit of characters allows one."""
    if len(text) <= most_chars:
        return text
    end = text.rfind("\n", 0, most_chars) + 1
    return text[: end or whole(text, most_chars)]
