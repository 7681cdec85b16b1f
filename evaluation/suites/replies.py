"""Reads what an OpenAI-compatible server answers, whole or as server-sent events, while it comes. Asks for nothing.

Which of the two it is, the bytes tell: servers that do not stream answer whole, whatever they were asked for, and some
name the wrong content type. Source: OpenAI's API reference; the HTML standard's section on server-sent events.
"""

import json
import math

from evaluation.suites.targets import Ask
from hone.records import Json, Record

LONGEST_BODY = 64 * 2**20  # bytes of one response
EVENTS = (b"data:", b"event:", b"retry:", b"id:", b":")  # what a stream may begin with
TELLS = max(map(len, EVENTS))  # so many bytes tell what a response is


class Unreadable(Exception):
    """A response that was cut off or is of another format."""


class Reply(Record, frozen=True):
    """One response: its text or, where tools were given, the message as JSON."""

    text: str
    tokens: int | None = None  # of the completion, where the server counts them
    cost_usd: float | None = None  # where the server's usage names it, as OpenRouter's does


class ReplyReader:
    """One successful response. `feed` it what comes, then `end` it; both raise `Unreadable`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._size = 0
        self._rest = bytearray()  # whole: all that came; a stream: its last line, as far as it came
        self._streamed: bool | None = None  # None: too little has come to tell
        self._texts: list[str] = []
        self._usage: Json = None
        self._finished = False

    @property
    def begun(self) -> bool:
        """Whether the first text of a stream has come."""
        return bool(self._texts)

    def feed(self, part: bytes) -> None:
        """Takes the next bytes."""
        self._size += len(part)
        if self._size > LONGEST_BODY:
            raise Unreadable(f"a response of more than {LONGEST_BODY >> 20} MiB")
        self._rest += part
        if self._streamed is None and len(begins := self._rest.lstrip()) >= TELLS:
            self._streamed = begins.startswith(EVENTS)
        if self._streamed:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._take(bytes(line))

    def end(self) -> Reply:
        """What came, all in all."""
        if not self._streamed:
            return self._whole()
        self._take(bytes(self._rest))
        if not self._finished:
            raise Unreadable("a stream that was cut off")
        return Reply("".join(self._texts), *counted(self._usage))

    def _whole(self) -> Reply:
        try:
            body = decoded(bytes(self._rest))
            choice = body["choices"][0]
            if self._ask.tools:
                text = json.dumps({key: choice["message"].get(key) for key in ("content", "tool_calls")})
            else:
                text = choice["message"]["content"] if self._ask.messages else choice["text"]
            return Reply(text if isinstance(text, str) else "", *counted(body.get("usage")))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable("a response without `choices`, or one that was cut off") from error

    def _take(self, line: bytes) -> None:
        """One line of a stream. Each event's data is one line: JSON without line ends."""
        name, _, data = line.strip().partition(b":")
        if name != b"data" or not data.strip():
            return
        if data.strip() == b"[DONE]":
            self._finished = True
            return
        try:
            chunk = decoded(data)
            if chunk.get("error"):
                raise Unreadable(f"a stream that broke off: {message_of(data)}")
            self._usage = chunk.get("usage") or self._usage
            for choice in chunk.get("choices") or ():
                self._finished |= bool(choice.get("finish_reason"))
                piece = (choice.get("delta") or {}).get("content") if self._ask.messages else choice.get("text")
                if piece and isinstance(piece, str):
                    self._texts.append(piece)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable("a stream with an event that is no completion's") from error


def decoded(content: bytes) -> Json:
    """JSON; bytes that are no UTF-8 stay visible as lone surrogates, for whoever scores the text."""
    return json.loads(content.decode("utf-8", "surrogateescape"))


def counted(usage: Json) -> tuple[int | None, float | None]:
    """Tokens of the completion and dollars, each where a `usage` names it."""
    usage = usage if isinstance(usage, dict) else {}
    tokens = usage.get("completion_tokens")
    return (tokens if type(tokens) is int and tokens >= 0 else None), dollars(usage.get("cost"))


def dollars(value: Json) -> float | None:
    """An amount, sent as a number or as its text; None where it is none."""
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None


def message_of(content: bytes) -> str:
    """An error response's own words, on one line."""
    text = content[:2000].decode(errors="replace")
    try:
        error = json.loads(content)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:300]
