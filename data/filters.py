"""Which files are worth learning from: filters by name, each a measure of a text against a limit from the recipe.

The defaults are published ones: BigCode's (Ben Allal et al. 2023, SantaCoder, section 4, and the thresholds in
bigcode-dataset/preprocessing), and StarCoder 2's for encoded data (Lozhkov et al. 2024, appendix A.2). docs/data.md
lists them. Licences and duplicates are decided elsewhere.
"""

import re
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import Field

from analysis import Module
from data.files import CodeFile, parsed
from hone.config import Config
from hone.records import Record

Share = float
MOST_BYTES = 50_000_000  # of a file that a recipe may let in
PER_TOKEN = {"python": 2.5, "java": 2.9, "javascript": 2.6}


class Between(Config):
    """Two bounds, both allowed themselves."""

    least: float = Field(ge=0)
    most: float = Field(ge=0)


class FilterConfig(Config):
    """The limits. `null` (or `false`) switches a filter off."""

    max_bytes: int = Field(1_000_000, gt=0, le=MOST_BYTES)
    """A longer file is not read at all; no hand-written module comes near."""
    max_line: int | None = Field(1_000, gt=0)
    """Characters in the longest line."""
    mean_line: float | None = Field(100, gt=0)
    """Characters a line, on average."""
    alphanumeric: Share | None = Field(0.25, ge=0, le=1)
    """The share of letters and digits, at least."""
    comments: Between | None = Between(least=0.01, most=0.8)
    """The share of characters in comments and docstrings."""
    characters_per_token: dict[str, float] | None = Field(default_factory=PER_TOKEN.copy)
    """At least so many, by language, where a token is a word (cut at capitals), a digit, a sign or a run of spaces."""
    generated: bool = True
    """Whether to refuse what a program wrote, by what its first comments say."""
    vendored: bool = True
    """Whether to refuse folders of other people's code (`vendor/`, `third_party/`, `node_modules/` …)."""
    encoded: bool = True
    """Whether to refuse what is mostly base64, hex or escapes, or has 1,024 characters of it in one run."""
    minified: bool = True
    """Whether to refuse code without white space, and files that are called `.min.`."""
    syntax: Share | None = Field(0.05, ge=0, le=1)
    """The share of lines that cannot be parsed, at most; of Python none may."""


class Rejection(Record, frozen=True):
    """Which filter refused a file, and what it measured."""

    filter: str
    why: str


class Facts:
    """What the filters ask of one file; each is found when it is first asked for."""

    def __init__(self, file: CodeFile) -> None:
        self.file = file
        self.text = file.text

    @cached_property
    def content(self) -> npt.NDArray[np.uint8]:
        """The text in UTF-8."""
        return np.frombuffer(self.text.encode(), np.uint8)

    @cached_property
    def signs(self) -> npt.NDArray[np.uint8]:
        """The kind of each byte."""
        return _KINDS[self.content]

    @cached_property
    def counts(self) -> list[int]:
        """How many there are of each kind."""
        return [int(count) for count in np.bincount(self.signs, minlength=_OTHER + 1)]

    @cached_property
    def lines(self) -> list[int]:
        """The lengths of the lines."""
        return [len(line) for line in self.text.splitlines()] or [0]

    @cached_property
    def module(self) -> Module:
        """The text's syntax."""
        return parsed(self.text, self.file.language)

    @cached_property
    def comments(self) -> Share:
        """The share of bytes in comments and docstrings."""
        syntax = self.module.syntax
        inside = sum(comment.place.end - comment.place.start for comment in syntax.comments)
        if self.file.language == "python":  # where documentation is no comment
            strings = [function.docstring for function in syntax.functions]
            strings += [one.docstring for one in syntax.classes]
            if found := _MODULE_DOCSTRING.match(self.text):
                strings.append(found[1])
            inside += sum(len(string.encode()) for string in strings)
        return inside / max(len(self.content), 1)

    @cached_property
    def tokens(self) -> int:
        """How many pieces a tokenizer would about make of it; see `FilterConfig.characters_per_token`."""
        kinds = self.signs
        before = np.concatenate([np.full(1, _OTHER, np.uint8), kinds[:-1]])
        behind = np.concatenate([kinds[1:], np.full(1, _OTHER, np.uint8)])
        words = ((kinds == _LOWER) & (before != _LOWER) & (before != _UPPER)) | ((kinds == _UPPER) & (before != _UPPER))
        spaces = (kinds == _SPACE) & (before != _SPACE) & (behind == _SPACE)  # a single one belongs to the next word
        alone = (kinds == _DIGIT) | (kinds == _OTHER) | ((kinds == _LINE) & (before != _LINE))
        return int(np.count_nonzero(words | spaces | alone))


def rejected(file: CodeFile, config: FilterConfig) -> Rejection | None:
    """The first filter that refuses a file; None where none does."""
    facts = Facts(file)
    for name, measure in FILTERS.items():
        if why := measure(facts, config):
            return Rejection(name, why)
    return None


def limits(config: FilterConfig) -> dict[str, str]:
    """What each filter that is on refuses, in a few words."""
    per_token = ", ".join(f"{name} {least:g}" for name, least in (config.characters_per_token or {}).items())
    comments = config.comments
    said = {
        "max_bytes": f"more than {config.max_bytes:,} bytes",
        "max_line": config.max_line and f"a line of more than {config.max_line:,} characters",
        "mean_line": config.mean_line and f"more than {config.mean_line:g} characters a line",
        "alphanumeric": config.alphanumeric and f"less than {config.alphanumeric:g} letters and digits",
        "comments": comments and f"less than {comments.least:g} or more than {comments.most:g} comments",
        "characters_per_token": per_token and f"fewer characters a token than {per_token}",
        "syntax": config.syntax is not None
        and f"Python with errors; more than {config.syntax:g} of other lines broken",
        "generated": config.generated and "says that a program wrote it",
        "vendored": config.vendored and "in a folder of other people's code",
        "encoded": config.encoded and "more than half encoded data, or 1,024 characters of it in one run",
        "minified": config.minified and "no white space, or called `.min.`",
        "empty": "nothing but white space",
    }
    return {name: what for name, what in said.items() if isinstance(what, str) and what}


def too_large(size: int, config: FilterConfig) -> Rejection | None:
    """The filter that is asked before a file is read."""
    if size <= config.max_bytes:
        return None
    return Rejection("max_bytes", f"{size:,} bytes, more than {config.max_bytes:,}")


def _empty(facts: Facts, _config: FilterConfig) -> str:
    return "" if facts.text.strip() else "nothing but white space"


def _vendored(facts: Facts, config: FilterConfig) -> str:
    found = _VENDORED.search(facts.file.path.lower()) if config.vendored else None
    return f"in a folder `{found[0].strip('/')}`" if found else ""


def _minified(facts: Facts, config: FilterConfig) -> str:
    if not config.minified:
        return ""
    if found := _MINIFIED.search(facts.file.path.lower()):
        return f"called `{found[0]}`"
    spaces, least = facts.counts[_SPACE] + facts.counts[_LINE], 0.05
    share = spaces / max(len(facts.signs), 1)
    return f"{share:.3f} of it white space, less than {least}" if share < least and len(facts.signs) > 500 else ""


def _generated(facts: Facts, config: FilterConfig) -> str:
    found = _GENERATED.search(facts.text, 0, 2_000) if config.generated else None
    if not found:
        return ""
    said = found[1] or found[2]
    return f"says `{' '.join(said.split())}` in line {facts.text.count(chr(10), 0, found.end()) + 1}"


def _max_line(facts: Facts, config: FilterConfig) -> str:
    longest = max(facts.lines)
    if config.max_line is None or longest <= config.max_line:
        return ""
    return f"a line of {longest:,} characters, more than {config.max_line:,}"


def _mean_line(facts: Facts, config: FilterConfig) -> str:
    mean = sum(facts.lines) / len(facts.lines)
    if config.mean_line is None or mean <= config.mean_line:
        return ""
    return f"{mean:.1f} characters a line, more than {config.mean_line:g}"


def _alphanumeric(facts: Facts, config: FilterConfig) -> str:
    share = sum(facts.counts[kind] for kind in (_LOWER, _UPPER, _DIGIT)) / max(len(facts.signs), 1)
    if config.alphanumeric is None or share >= config.alphanumeric:
        return ""
    return f"{share:.3f} of it letters and digits, less than {config.alphanumeric:g}"


def _encoded(facts: Facts, config: FilterConfig) -> str:
    if not config.encoded:
        return ""
    runs = _runs(_BASE64[facts.content], 64)
    if _beyond(_runs(_HEX_SIGNS[facts.content], 16), facts):  # else none of what the expression finds can be
        runs += [len(found[0]) for found in _HEX.finditer(facts.text)]
    longest, share = max(runs, default=0), sum(runs) / max(len(facts.content), 1)
    if longest > 1_024:
        return f"a run of {longest:,} characters of encoded data, more than 1,024"
    return f"{share:.3f} of it encoded data, more than 0.5" if share > 0.5 else ""


def _runs(among: npt.NDArray[np.bool_], least: int) -> list[int]:
    """The lengths of runs of so many bytes or more."""
    others = np.concatenate([[-1], np.flatnonzero(~among), [len(among)]])
    lengths = np.diff(others) - 1
    return [int(length) for length in lengths[lengths >= least]]


def _beyond(runs: list[int], facts: Facts) -> bool:
    return max(runs, default=0) > 1_024 or sum(runs) > len(facts.content) / 2


def _characters_per_token(facts: Facts, config: FilterConfig) -> str:
    least = (config.characters_per_token or {}).get(facts.file.language)
    if least is None:
        return ""
    each = len(facts.text) / max(facts.tokens, 1)
    return f"{each:.2f} characters a token, less than {least:g}" if each < least else ""


def _syntax(facts: Facts, config: FilterConfig) -> str:
    errors = facts.module.errors if config.syntax is not None else ()
    if config.syntax is None or not errors:
        return ""
    broken = {line for fault in errors for line in range(fault.place.first_line, fault.place.last_line + 1)}
    share, most = len(broken) / len(facts.lines), 0.0 if facts.file.language == "python" else config.syntax
    if share <= most:
        return ""
    where = f"from line {errors[0].place.first_line} on"  # what stands there could be a secret
    return f"{share:.3f} of its lines broken, more than {most:g}; {where}"


def _comments(facts: Facts, config: FilterConfig) -> str:
    if config.comments is None:
        return ""
    share, least, most = facts.comments, config.comments.least, config.comments.most
    if share < least:
        return f"{share:.3f} of it comments, less than {least:g}"
    return f"{share:.3f} of it comments, more than {most:g}" if share > most else ""


Measure = Callable[[Facts, FilterConfig], str]
FILTERS: dict[str, Measure] = {  # the cheap ones first, those that need the syntax last
    "empty": _empty,
    "vendored": _vendored,
    "max_line": _max_line,
    "generated": _generated,
    "encoded": _encoded,
    "minified": _minified,
    "mean_line": _mean_line,
    "alphanumeric": _alphanumeric,
    "characters_per_token": _characters_per_token,
    "syntax": _syntax,
    "comments": _comments,
}

_LOWER, _UPPER, _DIGIT, _SPACE, _LINE, _OTHER = range(6)
_VENDORED = re.compile(
    r"(^|/)(_?vendor|_?vendored|third[-_]?party|3rd[-_]?party|node_modules|bower_components|site-packages"
    r"|godeps)/"
)
_MINIFIED = re.compile(r"[.-]min\.[a-z]+$")
_MARK = r"^[ \t]*(?:#|//|/?\*|--|;|<!--|\"{3}|'{3})"  # of a comment, or of a docstring's first line
_GENERATED = re.compile(
    rf"{_MARK}[\s#/*-]*((?:this file (?:is|was|has been) )?(?:code |auto\w*[- ])?generated "
    r"(?:by|from|auto)[^\n]{,40})"
    rf"|{_MARK}[^\n]*?(@generated\b|auto[- ]?generated|automatically generated|generated automatically"
    r"|this file (?:is|was) generated|do not (?:edit|modify)(?: this file| by hand| manually|[.!]|\s*$)"
    r"|generated by the protocol buffer compiler)",
    re.IGNORECASE | re.MULTILINE,
)
_BASE64 = np.array([chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "+/\n=") for byte in range(256)])
_HEX_SIGNS = np.array(
    [chr(byte) in "0123456789abcdefABCDEFxu\\, \t\n\r\f\v" for byte in range(256)]
)  # all that is in `_HEX`
_HEX = re.compile(r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}|(?:\\u[0-9a-fA-F]{4}){8,}")
_MODULE_DOCSTRING = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[rRuU]?((\"{3}|'{3}).*?\2)", re.DOTALL)


def _kinds() -> npt.NDArray[np.uint8]:
    """What each byte is. Those of letters beyond ASCII count as lower case."""
    kinds = np.full(256, _OTHER, np.uint8)
    for byte in range(256):
        if byte >= 0x80 or chr(byte).islower():
            kinds[byte] = _LOWER
        elif chr(byte).isupper():
            kinds[byte] = _UPPER
        elif chr(byte).isdigit():
            kinds[byte] = _DIGIT
    kinds[list(b" \t\f\v\r")] = _SPACE
    kinds[ord("\n")] = _LINE
    return kinds


_KINDS = _kinds()
