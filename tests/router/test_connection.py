"""HTTP answers in every shape and in any pieces, through a real connection to a server that sends what it is told."""

import asyncio
import gzip
import ssl
from itertools import pairwise

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from router.connection import UpstreamError
from router.origin import Origin

REQUEST = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\nhello"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + LENGTH
ZIPPED = gzip.compress(b"hello")
GZIP = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED)


def ask(*pieces, requests=1, close=True):
    """Asks a server that sends these pieces for each request. Returns the bodies, and how often it was connected to."""

    async def run():
        connected = 0

        async def serve(reader, writer):
            nonlocal connected
            connected += 1
            try:
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(0)
                    if close:
                        break
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        origin = Origin(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", ssl.create_default_context(), 2.0)
        bodies = []
        async with asyncio.timeout(10):
            for _ in range(requests):
                connection = await origin.ask(REQUEST)
                bodies.append(await connection.whole())
        origin.close()
        server.close()
        return bodies, connected

    return uvloop.run(run())


@pytest.mark.parametrize("answer", [LENGTH, CHUNKS, UNTIL_CLOSED, INTERIM, GZIP])
def test_every_shape_of_an_answer_is_read_whole(answer):
    assert ask(answer)[0] == [b"hello"]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([LENGTH, CHUNKS, INTERIM, GZIP]), st.lists(st.integers(1, 60), max_size=8))
def test_an_answer_may_come_in_any_pieces(answer, cuts):
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[a:b] for a, b in pairwise(places)]
    assert ask(*pieces)[0] == [b"hello"]


def test_a_connection_is_kept_for_the_next_request():
    assert ask(LENGTH, requests=5, close=False) == ([b"hello"] * 5, 1)


def test_a_kept_connection_that_was_closed_is_replaced():
    assert ask(LENGTH, requests=3, close=True) == ([b"hello"] * 3, 3)


@pytest.mark.parametrize("answer", [LENGTH[:-1], CHUNKS[:-7], b"HTTP/1.1 200", b"", b"ni hao\r\n\r\n"])
def test_half_an_answer_is_an_error(answer):
    with pytest.raises(UpstreamError):
        ask(answer)


def test_headers_without_an_end_are_an_error():
    with pytest.raises(UpstreamError, match="headers without an end"):
        ask(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000)


def test_what_nobody_asked_for_never_becomes_the_next_answer():
    assert ask(LENGTH + LENGTH.replace(b"hello", b"wrong"), requests=2, close=False)[0][0] == b"hello"


def test_an_encoding_that_cannot_be_undone_is_an_error():
    with pytest.raises(UpstreamError, match="encoding"):
        ask(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nxx")


def test_nobody_at_the_address_is_an_error_that_says_so():
    async def run():
        origin = Origin("http://127.0.0.1:1", ssl.create_default_context(), 2.0)
        await origin.ask(REQUEST)

    with pytest.raises(UpstreamError, match="connection refused"):
        uvloop.run(run())
