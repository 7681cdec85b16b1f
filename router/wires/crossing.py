"""From every door to every provider and back: passes on where both speak the same protocol, translates elsewhere."""

from router.kinds import Asked, Hop
from router.refusal import Refusal
from router.wires.bodies import count_body, error_body
from router.wires.chat_answers import ChatReader, ChatWriter, TextWriter, write_chat_answer, write_text_answer
from router.wires.dialects import claude_formats
from router.wires.forms import Answered, Outgoing, Problem, Stream, Unusable
from router.wires.from_chat import read_chat
from router.wires.from_gemini import read_gemini
from router.wires.from_messages import read_messages
from router.wires.from_text import read_completion, read_embedding, write_embedding
from router.wires.gemini_answers import GeminiReader, GeminiWriter, read_count, write_embeddings, write_gemini_answer
from router.wires.messages_answers import MessagesReader, MessagesWriter, read_messages_answer, write_messages_answer
from router.wires.passing import passed_chat, passed_gemini, passed_messages
from router.wires.pieces import Failed, Reader, Translated, Unwrap, Writer, reply_of
from router.wires.reading import BROKEN
from router.wires.same import pass_answer, pass_request, wants_usage
from router.wires.talk import Ask, Reply
from router.wires.to_chat import write_chat
from router.wires.to_gemini import write_gemini
from router.wires.to_messages import write_messages
from router.wires.troubles import malformed, problem_of

TARGETS = {"openai": "OpenAI's protocol", "anthropic": "Anthropic", "gemini": "Gemini"}
PASSED = {"openai": passed_chat, "anthropic": passed_messages, "gemini": passed_gemini}
SAME = {
    ("chat", "openai"),
    ("completions", "openai"),
    ("embeddings", "openai"),
    ("messages", "anthropic"),
    ("count_tokens", "anthropic"),
    ("generate", "gemini"),
}


def request_for(asked: Asked, hop: Hop) -> Outgoing:
    """What to send to a hop. Raises `Unusable` where the hop's protocol has no place for what the client asks."""
    if (asked.door, hop.wire) in SAME:
        return pass_request(asked, hop)
    if asked.door == "embeddings":
        return write_embedding(asked, hop)
    ask = _read(asked, hop)
    if hop.wire == "anthropic":
        return write_messages(ask, hop)
    if hop.wire == "gemini":
        return write_gemini(ask, hop, asked.door)
    if asked.door == "count_tokens":
        raise Unusable("OpenAI's protocol counts no tokens; the router's own estimate stands in", code="no_count")
    return write_chat(ask, hop)


def _read(asked: Asked, hop: Hop) -> Ask:
    target = TARGETS[hop.wire]
    if asked.door == "chat":
        return read_chat(asked.body, target)
    if asked.door == "completions":
        return read_completion(asked.body, target)
    if asked.door == "generate":
        return read_gemini(asked, target)
    return read_messages(asked.body, target)


def answer_for(asked: Asked, hop: Hop, status: int, body: bytes, now: int = 0) -> Answered:
    """A provider's whole answer in the client's protocol, whether it is one or an error. Never raises.

    `now` is the epoch second that stands in a translated answer as `created`.
    """
    if (asked.door, hop.wire) in SAME:
        return pass_answer(asked, status, body)
    if status >= 400:
        return failed(asked, problem_of(status, body))
    try:
        return _translate(asked, hop, status, body, now)
    except Failed as error:
        return failed(asked, error.problem)
    except Unusable as error:
        return failed(asked, malformed(str(error)))
    except BROKEN as error:
        return failed(asked, malformed(f"the provider's answer cannot be read: {error}"))


def failed(asked: Asked, said: Refusal | Problem) -> Answered:
    """An error in the client's protocol."""
    problem = said if isinstance(said, Problem) else None
    return Answered(said.status, error_body(asked.door, said), problem=problem)


def _translate(asked: Asked, hop: Hop, status: int, body: bytes, now: int) -> Answered:
    if asked.door == "embeddings":
        as_base64 = read_embedding(asked.body).encoding_format == "base64"
        written, usage = write_embeddings(body, hop.upstream_model, as_base64=as_base64)
        return Answered(status, written, usage)
    if asked.door == "count_tokens":
        return Answered(status, count_body(read_count(body)))
    reply = _reply(asked, hop, body)
    if not reply.finish and not reply.parts:
        return failed(asked, malformed("the provider's answer holds no answer"))
    if asked.door == "chat":
        written = write_chat_answer(reply, now)
    elif asked.door == "completions":
        written = write_text_answer(reply, now)
    elif asked.door == "generate":
        written = write_gemini_answer(reply)
    else:
        written = write_messages_answer(reply)
    return Answered(status, written, reply.usage, reply.finish)


def _reply(asked: Asked, hop: Hop, body: bytes) -> Reply:
    if hop.wire == "anthropic":
        reply = read_messages_answer(body)
        return Unwrap.whole(reply) if _forces_json(asked, hop) else reply
    reader: Reader = ChatReader() if hop.wire == "openai" else GeminiReader(hop.upstream_model)
    return reply_of(reader.read(body))


def open_stream(asked: Asked, hop: Hop, now: int = 0) -> Stream:
    """What turns a provider's streamed body into the client's events; `now` as in `answer_for`."""
    if (asked.door, hop.wire) in SAME:
        return PASSED[hop.wire](asked)
    reader: Reader
    if hop.wire == "anthropic":
        reader = MessagesReader()
    else:
        reader = ChatReader() if hop.wire == "openai" else GeminiReader(hop.upstream_model)
    writer: Writer
    if asked.door == "messages":
        writer = MessagesWriter()
    elif asked.door == "completions":
        writer = TextWriter(now, wants_usage=wants_usage(asked))
    elif asked.door == "generate":
        writer = GeminiWriter()
    else:
        writer = ChatWriter(now, wants_usage=wants_usage(asked))
    return Translated(asked.door, reader, writer, json_tool=_forces_json(asked, hop))


def _forces_json(asked: Asked, hop: Hop) -> bool:
    """Whether the request was given the tool that stands in for a schema."""
    return asked.json_output and hop.wire == "anthropic" and not claude_formats(hop.upstream_model)
