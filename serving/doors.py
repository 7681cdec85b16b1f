"""The two doors for generation: what each takes, and how each words its answer and its stream."""

from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import UNSET

from serving.protocol import (
    Answer,
    ChatRequest,
    ChatText,
    CompletionRequest,
    DeltaChoice,
    MessageChoice,
    Request,
    TextChoice,
    Usage,
)


class Wording(Protocol):
    """One answer in a door's words."""

    def opening(self) -> list[Answer]:
        """Chunks before the first text."""

    def chunk(self, text: str, finish: str | None) -> Answer:
        """A chunk of a stream."""

    def counted(self, usage: Usage) -> Answer:
        """The last chunk where the client asked for usage."""

    def whole(self, text: str, finish: str, usage: Usage) -> Answer:
        """The whole answer at once."""


@dataclass(frozen=True)
class TextWording:
    """/v1/completions."""

    id: str
    created: int
    model: str

    def opening(self) -> list[Answer]:
        return []

    def chunk(self, text: str, finish: str | None) -> Answer:
        return self._answer([TextChoice(text, finish)])

    def counted(self, usage: Usage) -> Answer:
        return self._answer([], usage)

    def whole(self, text: str, finish: str, usage: Usage) -> Answer:
        return self._answer([TextChoice(text, finish)], usage)

    def _answer(self, choices: list[TextChoice], usage: Usage | None = None) -> Answer:
        return _answer(self, "text_completion", choices, usage)


@dataclass(frozen=True)
class ChatWording:
    """/v1/chat/completions."""

    id: str
    created: int
    model: str

    def opening(self) -> list[Answer]:
        return [self._chunk([DeltaChoice(ChatText(role="assistant", content=""), None)])]

    def chunk(self, text: str, finish: str | None) -> Answer:
        return self._chunk([DeltaChoice(ChatText(content=text) if text else ChatText(), finish)])

    def counted(self, usage: Usage) -> Answer:
        return self._chunk([], usage)

    def whole(self, text: str, finish: str, usage: Usage) -> Answer:
        choice = MessageChoice(ChatText(role="assistant", content=text), finish)
        return _answer(self, "chat.completion", [choice], usage)

    def _chunk(self, choices: list[DeltaChoice], usage: Usage | None = None) -> Answer:
        return _answer(self, "chat.completion.chunk", choices, usage)


def _answer(
    wording: TextWording | ChatWording,
    kind: Literal["text_completion", "chat.completion", "chat.completion.chunk"],
    choices: list[TextChoice] | list[MessageChoice] | list[DeltaChoice],
    usage: Usage | None,
) -> Answer:
    counted = UNSET if usage is None else usage
    return Answer(
        id=wording.id, object=kind, created=wording.created, model=wording.model, choices=choices, usage=counted
    )


@dataclass(frozen=True)
class Door:
    """One path that generates."""

    name: str  # in metrics
    request: type[Request]
    wording: type[TextWording] | type[ChatWording]
    id_prefix: str


COMPLETIONS = Door("completions", CompletionRequest, TextWording, "cmpl-")
CHAT = Door("chat", ChatRequest, ChatWording, "chatcmpl-")
DOORS = {"/v1/completions": COMPLETIONS, "/v1/chat/completions": CHAT}
