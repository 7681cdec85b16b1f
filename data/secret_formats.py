"""What secrets look like: the formats of tokens, and values that a name calls secret. Finds places, changes nothing.

The formats are detect-secrets' own and a few of the services' documentation. Each is looked for only near a word that
it cannot be without: a search for a plain word is a hundred times as fast as a pattern.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from detect_secrets.filters.heuristic import is_potential_uuid, is_sequential_string, is_templated_secret
from detect_secrets.plugins import (
    artifactory,
    aws,
    azure_storage_key,
    cloudant,
    discord,
    github_token,
    gitlab_token,
    mailchimp,
    npm,
    openai,
    pypi_token,
    sendgrid,
    slack,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)

LEAST_ENTROPY = 3.0  # bits a character: what is repeated or spelled out is an example, and no secret
BEFORE, BEHIND = 200, 1_200  # characters around a word that are looked at; the longest token has 1,031
_EDGES = " \t\"'=:"  # what a pattern takes along of its surroundings
_REST = re.compile(r"[A-Za-z0-9_.+/=-]*")
_LEAST_GROUP = 12  # characters of a group that is the secret itself, and not a part of its format
_NAMES = (  # of what is secret: lower case
    "password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "apikey", "api-key", "auth_key", "authkey",
    "private_key", "access_key", "accesskey", "client_key", "service_key", "account_key", "credential",
)  # fmt: skip
_ASSIGNED = re.compile(
    rf"""(?:{"|".join(_NAMES)})[\w.-]{{0,40}}["'\])]{{0,2}}\s{{0,8}}(?::=|=>|={{1,3}}|:|,)\s{{0,8}}"""
    r"""[bBrRuU@]?(["'`])([^\s"'`\\]{8,200})\1""",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"://[^\s:/@\"'<>{}]{0,64}:([^\s:/@\"'<>{}$%]{3,128})@")
_PLAIN = re.compile(r"[A-Za-z_.:/-]*[0-9]?[A-Za-z_.:/-]*")  # words and paths with at most one digit


class Format(NamedTuple):
    """One kind of secret."""

    kind: str
    words: tuple[str, ...]  # one of them stands in it, or near
    patterns: tuple[re.Pattern[str], ...]


class Place(NamedTuple):
    """Where something stands that is to be replaced."""

    start: int
    end: int
    kind: str


_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{4,}(?:\.[A-Za-z0-9_+/=-]*)?")  # with its signature
_AWS_KEY, _AWS_SECRET = aws.AWSKeyDetector.denylist
FORMATS = (
    Format("AWS key", ("A3T", "ABIA", "ACCA", "AKIA", "ASIA"), (_AWS_KEY,)),
    Format("AWS secret", ("aws", "AWS", "Aws"), (_AWS_SECRET,)),
    Format("Artifactory token", ("AKC",), tuple(artifactory.ArtifactoryDetector.denylist[:1])),
    Format("Azure storage key", ("AccountKey=",), tuple(azure_storage_key.AzureStorageKeyDetector.denylist)),
    Format("Cloudant key", ("cloudant", "CLOUDANT", "Cloudant"), tuple(cloudant.CloudantDetector.denylist)),
    Format("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), tuple(github_token.GitHubTokenDetector.denylist)),
    Format("GitHub token", ("github_pat_",), (re.compile(r"github_pat_[A-Za-z0-9_]{60,100}"),)),
    Format(
        "GitLab token",
        (
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glrt-",
            "GR1348941",
            "glcbt-",
            "glimt-",
            "glptt-",
            "glagent-",
            "gloas-",
        ),
        tuple(gitlab_token.GitLabTokenDetector.denylist),
    ),
    Format("Google key", ("AIza",), (re.compile(r"AIza[0-9A-Za-z_-]{35}"),)),
    Format("Hugging Face token", ("hf_",), (re.compile(r"\bhf_[A-Za-z]{34}\b"),)),
    Format("JSON web token", ("eyJ",), (_WEB_TOKEN,)),
    Format("Mailchimp key", ("-us",), tuple(mailchimp.MailchimpDetector.denylist)),
    Format("npm token", ("_authToken",), tuple(npm.NpmDetector.denylist)),
    Format("npm token", ("npm_",), (re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),)),
    Format("OpenAI key", ("T3BlbkFJ",), tuple(openai.OpenAIDetector.denylist)),
    Format("Anthropic key", ("sk-ant-",), (re.compile(r"sk-ant-[A-Za-z0-9_-]{20,200}"),)),
    Format("PyPI token", ("pypi-Ag",), tuple(pypi_token.PypiTokenDetector.denylist)),
    Format("SendGrid key", ("SG.",), tuple(sendgrid.SendGridDetector.denylist)),
    Format("Slack token", ("xox", "hooks.slack.com"), tuple(slack.SlackDetector.denylist)),
    Format("Square key", ("sq0csp-",), tuple(square_oauth.SquareOAuthDetector.denylist)),
    Format("Stripe key", ("k_live_",), tuple(stripe.StripeDetector.denylist)),
)
# Formats without a word of their own: looked for where the service is named anywhere in the text, in any case.
_ANYWHERE = (
    Format("Discord token", ("discord",), tuple(discord.DiscordBotTokenDetector.denylist)),
    Format("Telegram token", ("telegram",), tuple(telegram_token.TelegramBotTokenDetector.denylist)),
    Format("Twilio key", ("twilio",), tuple(twilio.TwilioKeyDetector.denylist)),
)


def secrets(text: str) -> Iterator[Place]:
    """Where the text holds what looks like a secret; places can overlap."""
    lower = text.lower()
    possible = _possible(lower)
    for kind, words, patterns in FORMATS:
        for start, end in _windows(text, possible.intersection(words)):
            for pattern in patterns:
                yield from _matches(text, kind, pattern, start, end)
    for kind, words, patterns in _ANYWHERE:
        for pattern in patterns if words[0] in possible and words[0] in lower else ():
            yield from _matches(text, kind, pattern, 0, len(text))
    for start, end in _windows(lower if len(lower) == len(text) else text, possible.intersection(_NAMES)):
        for match in _ASSIGNED.finditer(text, start, end):
            if _is_secret_value(match[2]):
                yield Place(*match.span(2), "assigned secret")
    for start, end in _windows(text, ("://",)):
        for match in _IN_URL.finditer(text, start, end):
            if not _PLAIN.fullmatch(match[1]) and len(set(match[1])) > 2:
                yield Place(*match.span(1), "password in a URL")


def entropy(text: str) -> float:
    """Bits a character (Shannon 1948)."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _triples(text: str) -> npt.NDArray[np.uint16]:
    """A number for each three bytes in a row; several have the same."""
    signs = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint16)
    return signs[:-2] * np.uint16(2_917) + signs[1:-1] * np.uint16(227) + signs[2:]


def _possible(lower: str) -> set[str]:
    """Those of the words that can stand in a text of this lower case: each triple of theirs stands somewhere.

    Few can, and all are looked at together: to search for each takes five times as long.
    """
    there = np.zeros(1 << 16, np.bool_)
    there[_triples(lower)] = True
    return {_WORDS[number] for number in np.flatnonzero(np.logical_and.reduceat(there[_PARTS], _FIRSTS))}


_WORDS = sorted({word for one in (*FORMATS, *_ANYWHERE) for word in one.words}.union(_NAMES))
_PARTS = np.concatenate([_triples(word.lower()) for word in _WORDS])
_FIRSTS = np.cumsum([0, *(len(word) - 2 for word in _WORDS[:-1])])


def _windows(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The surroundings of each word within its line; what a window covers is not looked at again for the same word."""
    for word in words:
        at = text.find(word)
        while at >= 0:
            start = max(text.rfind("\n", max(0, at - BEFORE), at) + 1, at - BEFORE, 0)
            newline = text.find("\n", at, at + BEHIND)
            end = newline if newline >= 0 else min(len(text), at + BEHIND)
            yield start, end
            at = text.find(word, max(at + 1, end if newline >= 0 else end - BEFORE))


def _matches(text: str, kind: str, pattern: re.Pattern[str], start: int, end: int) -> Iterator[Place]:
    for match in pattern.finditer(text, start, end):
        groups = [group for group in range(1, pattern.groups + 1) if len(match[group] or "") >= _LEAST_GROUP]
        first, last = match.span(groups[0] if groups else 0)
        while first < last and text[first] in _EDGES:
            first += 1
        while last > first and text[last - 1] in _EDGES:
            last -= 1
        if last == end and (rest := _REST.match(text, end)):
            last = rest.end()  # longer than the window
        found = text[first:last]
        if entropy(found) >= LEAST_ENTROPY and "\n" not in found and "EXAMPLE" not in found:
            yield Place(first, last, kind)


def _is_mark(character: str) -> bool:
    """Whether it is none of those that names and paths are made of."""
    return not character.isalnum() and character not in "_-./:"


def _is_secret_value(value: str) -> bool:
    """Whether what is called a secret can be one: no word, no path, no template, no sequence, no id."""
    kinds = sum(any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit, _is_mark))
    return not (
        (kinds < 3 and (kinds < 2 or sum(map(str.isdigit, value)) < 4))
        or any(mark in value for mark in ("{", "%(", "%s", "${", "://", "..."))
        or is_templated_secret(value)
        or is_sequential_string(value)
        or is_potential_uuid(value)
        or entropy(value) < LEAST_ENTROPY
    )
