"""Server-sent events, cut out of bytes that come in any pieces. Source: WHATWG HTML, section 9.2.6."""


class Events:
    """Collects pieces and gives whole events, each as it was sent, with its blank line."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def is_one(self, data: bytes) -> bool:
        """Whether this piece is one whole event of one `data` line, as most pieces of a live stream are."""
        return not self._rest and data[:6] == b"data: " and data.find(b"\n") == len(data) - 2 and data[-1:] == b"\n"

    def feed(self, data: bytes) -> bytes:
        """The events that are whole by now, in one piece; what is left waits."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n\n") + 2
        if b"\r" in data:
            end = max(end, data.rfind(b"\n\r\n") + 3 if b"\n\r\n" in data else 0, data.rfind(b"\r\r") + 2)
        if end <= 1:
            self._rest = data
            return b""
        self._rest = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What came after the last whole event."""
        rest, self._rest = self._rest, b""
        return rest


def cut(whole: bytes) -> list[bytes]:
    """Whole events as single ones, with plain line ends and without their blank lines."""
    if b"\r" in whole:
        whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return [event for event in whole.split(b"\n\n") if event]


def payload_of(event: bytes) -> bytes:
    """The data of one event: its `data` lines, joined; comments and other fields are left out."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    data = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(data)
