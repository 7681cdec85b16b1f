"""A request → the capability that it asks for, from its words and its shape. Pure Python, no model, under 0.2 ms.

Where the shape decides, it decides alone: tools, a suffix, the completions door. Else each word and short phrase of the
prose (code blocks are left out) votes with its weight from `router.choose.signals`, louder near the start, where the
wish stands; and how the prose begins and ends adds to it. docs/router/routing.md says why, and how well it does.
"""

import re

from router.choose.signals import WORDS
from router.kinds import Asked, Capability

FALLBACK: Capability = "code-generation"
WORD = re.compile(r"[a-z0-9][a-z0-9'+_-]*[a-z0-9+]|[a-z0-9]|%")
HEAD, TAIL = 500, 200  # characters of prose that are read: a long paste's wish stands before or after it
EARLY_WORDS, EARLY = 8, 1.5
SHORTEST_STEMMED, ENDINGS_OF_FORMS = 4, ("s", "ed", "ing", "d", "ly")
NEGATIONS = frozenset(("don't", "dont", "not", "without", "never"))
# What may stand before the first word that says something.
POLITE = frozenset(
    (
        "please", "kindly", "hi", "hello", "hey", "quick", "question", "just", "now", "so", "ok", "okay", "well",
        "also", "then", "can", "could", "would", "you",
    )
)  # fmt: skip
ASKING = frozenset(
    (
        "what", "what's", "whats", "which", "where", "where's", "who", "who's", "whose", "when", "how", "how's", "is",
        "are", "does", "do", "did", "can", "could", "will", "would", "should", "has", "have", "was", "were", "in",
        "on", "at", "after", "given", "looking", "from",
    )
)  # fmt: skip
COMPLAINING = frozenset(
    (
        "my", "our", "the", "this", "these", "it", "it's", "since", "getting", "got", "every", "everything",
        "sometimes", "whenever", "i", "i'm", "im", "we", "we're", "after", "when", "suddenly", "still", "even",
        "there", "there's", "something", "numbers", "http", "error", "users",
    )
)  # fmt: skip
FIM_MARKS = ("<fim_prefix>", "<|fim_prefix|>", "<｜fim▁begin｜>", "<PRE>", "<FILL_ME>", "[SUFFIX]")
TRACES = (
    "Traceback (most recent", "Exception in thread", "\n    at ", "\n\tat ", "panic: ", "panicked at", "error[E",
    "npm ERR!", "error TS", "Segmentation fault", "undefined reference", "Error: ", "Exception: ", "FATAL: ",
)  # fmt: skip
FAILURES = ("error", "exception", "backoff")  # KeyError, ImagePullBackOff; the plain words have votes of their own
LONGEST_PLAIN = len("exception")
SEARCHED = 4_000  # characters that are searched for marks and traces
NUMBER = re.compile(r"\d+")

_VOTES: dict[str, tuple[tuple[Capability, float], ...]] = {}
for _capability, _words in WORDS.items():
    for _phrase, _weight in _words.items():
        _VOTES[_phrase] = (*_VOTES.get(_phrase, ()), (_capability, _weight))
_ENDINGS = frozenset(phrase.rpartition(" ")[2] for phrase in _VOTES if " " in phrase)
_EMPTY: dict[Capability, float] = dict.fromkeys(WORDS, 0.0)


def classify(asked: Asked) -> Capability:
    """The capability; `code-generation` where nothing speaks for another."""
    if asked.suffix or asked.door == "completions":
        return "completion"
    if asked.tools:
        return "tool-use"
    scores = score(asked.text)
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > 0 else FALLBACK


def score(text: str) -> dict[Capability, float]:
    """The votes for each capability, of the text alone."""
    scores = _EMPTY.copy()
    prose, code = _split(text)
    if len(prose) > HEAD + TAIL:
        prose = f"{prose[:HEAD]} {prose[-TAIL:]}"
    words = WORD.findall(prose.lower())
    _count_words(words, scores)
    _weigh_shape(words, prose, code, scores)
    start = text[:SEARCHED]
    if any(mark in start for mark in FIM_MARKS):
        scores["completion"] += 10
    if any(trace in start for trace in TRACES):
        scores["debugging"] += 3
    elif _names_failure(words):
        scores["debugging"] += 1.5
    if "```diff" in start:
        scores["code-review"] += 2.5
    return scores


def _names_failure(words: list[str]) -> bool:
    """An error by its class, or an HTTP status of one."""
    for word in words:
        if word.endswith(FAILURES) and len(word) > LONGEST_PLAIN:
            return True
        if len(word) == 3 and word[0] in "45" and word.isdigit():
            return True
    return False


def _split(text: str) -> tuple[str, bool]:
    """The prose around fenced code, and whether there was any."""
    if "```" not in text:
        return text, False
    return " ".join(text.split("```")[::2]), True


def _weigh_shape(words: list[str], prose: str, code: bool, scores: dict[Capability, float]) -> None:
    """How the prose begins and ends.

    A question about given code asks what it does, one with numbers and no code is to be worked out, and a sentence that
    begins with `my` or `the` and asks for nothing tells of a fault.
    """
    first = next((word for word in words if word not in POLITE), "")
    question = "?" in prose
    if code:
        scores["planning"] -= 1.5
        scores["reasoning"] -= 2
        if question:
            scores["code-understanding"] += 2 if first in ASKING else 0.7
        elif first in COMPLAINING:
            scores["debugging"] += 1.5
        return
    for capability in ("code-understanding", "code-review", "completion"):
        scores[capability] -= 1
    numbers = len(NUMBER.findall(prose))
    if question and numbers > 1:
        scores["reasoning"] += 2
    elif question and first in ASKING:
        scores["reasoning"] += 0.5
    elif first in COMPLAINING:
        scores["debugging"] += 1


def _count_words(words: list[str], scores: dict[Capability, float]) -> None:
    """Adds the votes of words, pairs and triples. Of a request's microseconds, most are spent here."""
    before_last = last = ""
    loud = EARLY
    found: list[tuple[tuple[Capability, float], ...]] = []
    votes_of = _VOTES.get
    for index, word in enumerate(words):
        if index == EARLY_WORDS:
            _add(found, loud, scores)
            loud, found = 1.0, []
        if last not in NEGATIONS:
            votes = votes_of(word)
            if votes is None and len(word) > SHORTEST_STEMMED:
                votes = _stemmed(word)
            if votes is not None:
                found.append(votes)
        if word in _ENDINGS:
            pair = f"{last} {word}"
            votes = votes_of(pair)
            if votes is not None:
                found.append(votes)
            votes = votes_of(f"{before_last} {pair}")
            if votes is not None:
                found.append(votes)
        before_last, last = last, word
    _add(found, loud, scores)


def _add(found: list[tuple[tuple[Capability, float], ...]], loud: float, scores: dict[Capability, float]) -> None:
    for votes in found:
        for capability, weight in votes:
            scores[capability] += weight * loud


def _stemmed(word: str) -> tuple[tuple[Capability, float], ...] | None:
    """The votes of the word without its ending, where this form is not in the table."""
    for ending in ENDINGS_OF_FORMS:
        if word.endswith(ending) and (votes := _VOTES.get(word[: -len(ending)])) is not None:
            return votes
    return None
