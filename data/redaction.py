"""Replaces secrets and personal data in code by placeholders, and counts them. Nothing of them is logged or kept.

A placeholder is a name, such as `EMAIL_3f09ac`, so that code stays code; the same value has the same one for the same
salt. Lines stay where they are. What looks like no secret is not found: this is no proof that none is left.
"""

import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator

from data.secret_formats import Place, secrets
from hone.records import Record

EMAIL, ADDRESS, KEY = "e-mail address", "IP address", "private key"
PLACEHOLDERS = {EMAIL: "EMAIL", ADDRESS: "IP_ADDRESS", KEY: "PRIVATE_KEY"}  # of all other kinds: SECRET
_PLACEHOLDER = re.compile(r"(?:EMAIL|IP_ADDRESS|PRIVATE_KEY|SECRET)_[0-9a-f]{6}")
_BEFORE_AT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}\Z")
_BEHIND_AT = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,5}[A-Za-z]{2,24}(?![A-Za-z0-9_(@-])")
_NOBODY = frozenset(("git", "hg", "svn", "noreply", "no-reply", "donotreply", "user", "username", "you", "foo", "test"))
_EXAMPLES = re.compile(  # RFC 2606 and 6761, and what is a file's name and no domain's
    r"(?:.*\.)?(?:example\.(?:com|org|net|edu)|(?:example|test|invalid|localhost|local|png|jpe?g|gif|svg|webp|css|js|ts|py))",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")  # what stands around is looked at afterwards: faster
_IPV6 = re.compile(r"[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{1,4}")
_IN_IPV4 = re.compile(r"\.\d{1,3}\.\d")  # a part of each that is looked for first, as it begins with a plain sign
_IN_IPV6 = re.compile(r":[0-9A-Fa-f]{0,4}:")
_BEFORE_ADDRESS = re.compile(
    r"(?:[\w.:+-]|(?:version|\bver|\brelease|\brev|\bv|[=<>!~]=|\^|~)\W{0,6})\Z", re.IGNORECASE
)
_BEHIND_ADDRESS = re.compile(r"[\w-]|\.\w|:(?!\d{1,5}(?![\w:]))\w")  # a port may follow
_LEAST_SUM = 40  # of the first three numbers: less is a version's, a section's or an object identifier's
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_MOST = 20_000  # characters of one key
_KEY_PART = re.compile(r"[A-Za-z0-9+/=]{16,}")
_SURE = 40  # characters of a line; a shorter one of letters alone may be a name between the marks of a program
SALT = b"hone"


class Redacted(Record, frozen=True):
    """A text without its secrets."""

    text: str
    counts: dict[str, int]  # kind → places


def redact(text: str, *, salt: bytes = SALT) -> Redacted:
    """Replaces what is found; `salt` (64 bytes at most) sets the placeholders of one build apart from another's."""
    counts: Counter[str] = Counter()
    parts: list[str] = []
    at = 0
    for start, end, kind in sorted({*_keys(text), *secrets(text), *_emails(text), *_addresses(text)}, key=_first):
        if start < at or _PLACEHOLDER.fullmatch(text, start, end):
            continue
        digest = hashlib.blake2b(text[start:end].encode("utf-8", "surrogatepass"), digest_size=3, key=salt).hexdigest()
        parts += [text[at:start], f"{PLACEHOLDERS.get(kind, 'SECRET')}_{digest}"]
        at = end
        counts[kind] += 1
    return Redacted("".join([*parts, text[at:]]) if parts else text, dict(counts))


def _first(place: Place) -> tuple[int, int, str]:
    """The longer one where two begin together."""
    return place.start, -place.end, place.kind


def _emails(text: str) -> Iterator[Place]:
    at = text.find("@")
    while at >= 0:
        domain = _BEHIND_AT.match(text, at + 1, at + 320)
        name = _BEFORE_AT.search(text[max(0, at - 64) : at]) if domain else None
        if domain and name and not _is_nobody(name[0], domain[0]):
            yield Place(at - len(name[0]), domain.end(), EMAIL)
        at = text.find("@", at + 1)


def _is_nobody(name: str, domain: str) -> bool:
    """Whether an address is an example, a robot's, or a version of a package."""
    return name.lower() in _NOBODY or domain[0].isdigit() or _EXAMPLES.fullmatch(domain) is not None


def _addresses(text: str) -> Iterator[Place]:
    for match in _IPV4.finditer(text) if _IN_IPV4.search(text) else ():
        numbers = [int(number) for number in match[0].split(".")]
        if max(numbers) <= 255 and sum(numbers[:3]) >= _LEAST_SUM and _is_somebodys(text, match):
            yield Place(*match.span(), ADDRESS)
    for match in _IPV6.finditer(text) if _IN_IPV6.search(text) else ():
        if _is_somebodys(text, match):
            yield Place(*match.span(), ADDRESS)


def _is_somebodys(text: str, match: re.Match[str]) -> bool:
    """Whether it is a machine's on the Internet: not private, local, reserved or for documentation, nor a version."""
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or _BEHIND_ADDRESS.match(text, match.end()):
        return False
    return not _BEFORE_ADDRESS.search(text[max(0, match.start() - 20) : match.start()])


def _keys(text: str) -> Iterator[Place]:
    """The lines of a private key, each by itself: they can be strings of a program."""
    for begin in _KEY_BEGIN.finditer(text) if "PRIVATE KEY" in text else ():
        end = text.find("-----END", begin.end(), begin.end() + _KEY_MOST)
        for match in _KEY_PART.finditer(text, begin.end(), end if end >= 0 else begin.end()):
            if len(match[0]) >= _SURE or not match[0].isalpha():
                yield Place(*match.span(), KEY)
