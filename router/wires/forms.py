"""What the wires hand to the router: frozen records, one error, and what a stream can do. No behaviour."""

from typing import Literal, Protocol

from hone.errors import HoneError
from hone.records import Record
from router.kinds import Usage
from router.refusal import Refusal

Trouble = Literal["client", "context", "auth", "quota", "rate", "missing", "transient", "malformed"]
"""What went wrong at a provider, and so what helps.

client: the request itself is wrong, no provider will take it. context: it is too long for this model, a larger window
may take it. auth: our credentials are wrong there. quota: our account there is used up. rate: too many requests now,
wait or go elsewhere. missing: the model or path is not there. transient: the provider failed, another try may work.
malformed: what came back is not an answer of its protocol.
"""
Finish = Literal["", "stop", "length", "tool_calls", "content_filter", "pause"]
"""Why an answer ended. pause: the provider stopped in the middle of its own work (Anthropic's pause_turn). Empty: it
did not say."""


class Problem(Record, frozen=True):
    """An error of a provider, or a request that cannot be sent to one, as the client may see it."""

    trouble: Trouble
    status: int  # HTTP, for the client: never 401 for credentials that are ours
    code: str
    message: str
    kind: str = ""  # the error's `type` where the provider named one
    param: str = ""
    retry_after_s: float = 0.0  # where the body says so; a Retry-After header is read by the router


class Unusable(HoneError):
    """A request that cannot be read (by anybody), or cannot be put into the words of one provider.

    Raised by `read_request`: answer 400. Raised by `request_for`: this hop is out, another may take it.
    """

    def __init__(self, message: str, *, param: str = "", code: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or "invalid_request"
        self.status = status

    @property
    def problem(self) -> Problem:
        """The same as a record."""
        return Problem("client", self.status, self.code, str(self), "invalid_request_error", self.param)


class Outgoing(Record, frozen=True):
    """What is sent to a provider: everything but its credentials."""

    path: str  # to append to hop.url
    headers: tuple[tuple[str, str], ...]
    body: bytes
    left_out: tuple[str, ...] = ()  # harmless parameters that this provider has no place for, to be announced


class Answered(Record, frozen=True):
    """A whole answer in the client's protocol. `problem` is set where it is not an answer: fall back or send `body`."""

    status: int
    body: bytes
    usage: Usage | None = None  # None: the provider did not say
    finish: Finish = ""
    problem: Problem | None = None


class Listed(Record, frozen=True):
    """One name in the list of models."""

    id: str
    owned_by: str = "hone"
    created: int = 0  # epoch seconds


class Stream(Protocol):
    """One streamed answer on its way through: upstream bytes in, whole client events out."""

    content: bool  # the first content has come: from here on a failure is a cut
    done: bool  # it ended as its protocol says
    usage: Usage | None  # None: not said (yet)
    finish: Finish
    problem: Problem | None  # an in-band error or a malformed event; nothing more comes out after it

    def feed(self, data: bytes) -> bytes:
        """Takes any piece of the upstream's body and gives the client events that are whole by now."""

    def close(self) -> bytes:
        """The upstream's body is over. Gives what ends the client's stream where only the formal end was missing
        (`done` is then set), else nothing: `done` stays unset, or `problem` says what is missing."""

    def cut(self, refusal: Refusal | Problem) -> bytes:
        """An explicit error event of the client's protocol; the official SDKs raise it. The stream is over after it."""
