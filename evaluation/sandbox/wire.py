"""Plain values as text and back, with their types: what a candidate and those who judge it say to each other.

Only these: None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict. Reading can make nothing
else, whatever the text says. Imports nothing that is not Python's own: it runs inside the sandbox.
"""

import _json
from json import JSONDecoder
from typing import Any

DEEPEST = 200  # a value nested deeper is no answer to a task, and would exhaust the reader's stack


class NotPlain(Exception):
    """A value that the text cannot carry, or a text that is no value."""


def dump(value: object) -> bytes:
    """The text of a value. Raises `NotPlain`."""
    return _text(value, 0).encode()


def load(text: bytes) -> object:
    """The value of a text. Raises `NotPlain`."""
    try:
        characters = text.decode()
        tagged, end = _scan(characters, 0)
        if end == len(characters):
            return _value(tagged, 0)
    except (ValueError, RecursionError, TypeError, KeyError, StopIteration, IndexError):
        pass
    raise NotPlain("what was sent is no plain value")


def _text(value: Any, depth: int) -> str:
    kind = type(value)  # exactly: a subclass could say anything of itself
    if kind is int:
        return int.__repr__(value)
    if kind is str:
        return str(_quoted(value))
    if value is None or kind is bool:
        return _CONSTANTS[value]
    if depth > DEEPEST:
        raise NotPlain(f"a value nested deeper than {DEEPEST}")
    if kind in _TAGS:
        return f'["{_TAGS[kind]}"{_items(value, depth)}]'
    return _rare(value, kind, depth)


def _rare(value: Any, kind: type[Any], depth: int) -> str:
    if kind is float:
        return repr(value) if value - value == 0 else f'["n","{value!r}"]'
    if kind is complex:
        return f'["c","{value.real!r}","{value.imag!r}"]'
    if kind is bytes:
        return f'["b","{value.hex()}"]'
    if isinstance(value, dict):  # a Counter or an OrderedDict goes as the dict that it equals
        pairs = [f",[{_text(key, depth + 1)},{_text(item, depth + 1)}]" for key, item in dict.items(value)]
        return f'["d"{"".join(pairs)}]'
    raise NotPlain(f"`{kind.__name__}` is no plain value")


def _items(values: Any, depth: int) -> str:
    """The items of a sequence, a comma before each."""
    if not values:
        return ""
    if set(map(type, values)) == _ONLY_INTS:  # long lists of numbers are what tasks mostly answer with
        return "," + ",".join(map(int.__repr__, values))
    return "," + ",".join([_text(item, depth + 1) for item in values])


def _value(tagged: Any, depth: int) -> object:
    if type(tagged) is not list:
        if type(tagged) is dict:
            raise NotPlain("what was sent is no plain value")
        return tagged
    if depth > DEEPEST:
        raise NotPlain(f"a value nested deeper than {DEEPEST}")
    tag, *items = tagged
    if tag in _SEQUENCES:
        return _SEQUENCES[tag]([_value(item, depth + 1) for item in items])
    match tag:
        case "n":
            return float(items[0])
        case "c":
            return complex(float(items[0]), float(items[1]))
        case "b":
            return bytes.fromhex(items[0])
        case "d":
            return {_value(key, depth + 1): _value(item, depth + 1) for key, item in items}
    raise NotPlain("what was sent is no plain value")


_SEQUENCES = {"l": list, "t": tuple, "s": set, "f": frozenset}
_TAGS: dict[type[Any], str] = {kind: tag for tag, kind in _SEQUENCES.items()}
_CONSTANTS = {None: "null", True: "true", False: "false"}
_ONLY_INTS = {int}
# Made once: the json module's own functions make a new encoder for each call that is not its default one.
_quoted: Any = _json.encode_basestring_ascii
_decoder: Any = JSONDecoder()
_scan = _decoder.scan_once
