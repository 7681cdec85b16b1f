"""The three protocols: OpenAI's, Anthropic's and Gemini's, from every door to every provider and back.

Bytes in, bytes out: opens no connection, reads no clock, keeps nothing.
"""

from router.kinds import Wire
from router.wires.bodies import count_body, error_body, error_event, models_body
from router.wires.continuing import continued, may_continue
from router.wires.crossing import answer_for, open_stream, request_for
from router.wires.forms import Answered, Finish, Listed, Outgoing, Problem, Stream, Trouble, Unusable
from router.wires.reading import read_request
from router.wires.tokens import Tokenizer, count, estimate
from router.wires.trimming import trim_oldest
from router.wires.troubles import problem_of

__all__ = [
    "PASSED_HEADERS", "Answered", "Finish", "Listed", "Outgoing", "Problem", "Stream", "Tokenizer", "Trouble",
    "Unusable", "answer_for", "continued", "count", "count_body", "error_body", "error_event", "estimate",
    "may_continue", "models_body", "open_stream", "problem_of", "read_request", "request_for", "trim_oldest",
]  # fmt: skip

# A client's headers that belong to its protocol go on to a provider of the same, in the place of those in `Outgoing`.
PASSED_HEADERS: dict[Wire, frozenset[str]] = {
    "openai": frozenset(),
    "anthropic": frozenset(["anthropic-version", "anthropic-beta"]),
    "gemini": frozenset(),
}
