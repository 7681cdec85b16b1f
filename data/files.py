"""One file of the corpus: the record that every step of the curation reads, and how bytes become its text."""

import codecs
from functools import lru_cache

from analysis import Module, parse, python
from analysis.python import Fault, decode
from hone.records import Origin, Record


class CodeFile(Record, frozen=True):
    """One file of a source, as it was read. Lines end with a line feed, whatever they ended with."""

    source: str  # the name that the dataset has for where it comes from
    repository: str  # what is split as one: the source, or what a dataset's own column says
    commit: str  # a git commit, a package's version, or a dataset's digest; may be empty
    path: str  # within the source, with `/`; of a dataset `FILE#ROW`, then the row's own path where it has one
    language: str  # by `analysis`'s name
    licence: str  # SPDX expression; empty where it is unknown
    digest: str  # of the bytes: `sha256:` and 64 hex digits
    text: str


def text_of(content: bytes, language: str) -> str | Fault:
    """A file's text without a byte order mark, lines ended by line feeds; or why it is none.

    Python's in the encoding that it declares; any other's in UTF-8, or in what its byte order mark says.
    """
    text = decode(content) if language == "python" else _decoded(content)
    return text if isinstance(text, Fault) else text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes) -> str | Fault:
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
        text.encode()
    except ValueError as error:
        return Fault("not text in its encoding", str(error))
    if "\0" in text:
        return Fault("null bytes", "holds null bytes", text[: text.index("\0")].count("\n") + 1)
    return text


@lru_cache(maxsize=4)
def parsed(text: str, language: str) -> Module:
    """The syntax of a text. The steps that look at one file ask one after the other, and it is parsed once."""
    return parse(text, language)


@lru_cache(maxsize=2)
def parsed_python(text: str) -> python.Module:
    """The same by Python's own parser."""
    return python.parse(text)


def origin_of(file: CodeFile, first_line: int = 0, last_line: int = 0) -> Origin:
    """Where an example made of these lines comes from."""
    return Origin(file.source, file.commit, file.path, first_line, last_line, file.licence, file.language, file.digest)
