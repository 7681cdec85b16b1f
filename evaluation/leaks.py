"""What generations give away: training data repeated word for word, and secrets. Reports no secret itself."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings, get_settings, transient_settings

from analysis.overlap import Document, TokenIndex
from evaluation.findings import Leaks, Repetition, Secret, TrainingFile
from evaluation.suites.records import Score

VERBATIM_TOKENS = 50  # shorter runs are idiom (Carlini et al. 2021 and 2023 count 50-token suffixes as memorised)
EXCERPT_CHARACTERS = 2_000
SCANNED_CHARACTERS = 200_000  # of one generation, for secrets
PIECE, OVERLAP = 500, 150  # characters of a line that are scanned at once, and twice: few secrets are longer
# Entropy finds digests and random test data in any code, and a public address is no secret.
_NOT_SECRETS = frozenset({"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"})
_ALLOWLIST = "detect_secrets.filters.allowlist.is_line_allowlisted"  # a comment must not hide a secret


def training_index(training: Iterable[Document]) -> TokenIndex:
    """Training data as `find_leaks` looks it up: some 30 bytes for each token."""
    return TokenIndex(training, VERBATIM_TOKENS)


def find_leaks(scores: Sequence[Score], index: TokenIndex | None, *, data: tuple[TrainingFile, ...] = ()) -> Leaks:
    """Looks through all generations; for each repeated run the longest source is named.

    Without an index of training data only secrets are looked for. `data` says where the training data comes from.
    """
    repetitions = None
    if index is not None:
        repetitions = tuple(found for score in scores for found in _repetitions(score, index))
    return Leaks(len(scores), repetitions, tuple(_secrets(scores)), data)


def _repetitions(score: Score, index: TokenIndex) -> Iterator[Repetition]:
    """The longest run first; what lies within one that was named is not named again."""
    named: list[tuple[int, int]] = []
    for hit in sorted(index.hits(score.generation), key=lambda hit: (-hit.tokens, hit.start)):
        if any(start <= hit.start and hit.end <= end for start, end in named):
            continue
        named.append((hit.start, hit.end))
        text = score.generation[hit.start : hit.end][:EXCERPT_CHARACTERS]
        yield Repetition(score.id, score.sample, hit.document, hit.tokens, text)


def _secrets(scores: Sequence[Score]) -> Iterator[Secret]:
    known: dict[str, frozenset[str]] = {}  # samples of a task repeat each other's lines
    with _patterns():
        for score in scores:
            for number, line in enumerate(score.generation[:SCANNED_CHARACTERS].splitlines(), start=1):
                for kind in sorted({kind for piece in _pieces(line) for kind in _kinds(piece, known)}):
                    yield Secret(score.id, score.sample, kind, number)


def _kinds(piece: str, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if piece not in known:
        known[piece] = frozenset(secret.type for secret in scan_line(piece))
    return known[piece]


def _pieces(line: str) -> list[str]:
    """A long line in overlapping pieces: on `secretsecretsecret…` the patterns' time grows with the square of it."""
    if len(line) <= PIECE:
        return [line]
    return [line[start : start + PIECE] for start in range(0, len(line) - OVERLAP, PIECE - OVERLAP)]


@contextmanager
def _patterns() -> Iterator[None]:
    """Sets detect-secrets, which keeps its settings for the whole process, and puts them back."""
    with default_settings():
        settings = get_settings()
        wanted = {
            "plugins_used": [{"name": name} for name in settings.plugins if name not in _NOT_SECRETS],
            "filters_used": [{"path": path} for path in settings.filters if path != _ALLOWLIST],
        }
    with transient_settings(wanted):
        get_settings().disable_filters(_ALLOWLIST)
        yield
