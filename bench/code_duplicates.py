"""The figures of near-duplicate removal: speed beside datasketch and text-dedup's method, recall and precision.

    python -m bench.code_duplicates

20,000 functions of the standard library, a tenth of them planted copies: reformatted, renamed in part, edited.
"""

import ast
import hashlib
import random
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from operator import itemgetter

import numpy as np
from datasketch import MinHash, MinHashLSH

from bench.measuring import library, timed
from bench.report import Row, finish, measured
from data.duplicates import SIMILAR, Duplicates, Member
from data.shingles import PERMUTATIONS, TOKENS, shingle_sets, sign

FUNCTIONS, PLANTED_SHARE = 20_000, 0.1
SUBSET = 2_500  # functions of which every pair is compared, to know the true ones
RUNS = 3  # of ours; the fastest counts. The peers are long enough to be measured once
BATCH = 1_000
FASTER, RECALL, PRECISION = 8, 0.98, 0.95
TOKEN = re.compile(r"\w+|[^\w\s]")
MERSENNE = np.uint64((1 << 61) - 1)

Kept = list[int]  # of each function, the cluster's representative


def measure() -> Iterator[Row]:
    """Every row."""
    functions, planted = corpus()
    ours_s, kept = min((timed(partial(ours, functions)) for _ in range(RUNS)), key=itemgetter(0))
    for peer, method in (("datasketch", datasketch), ("text-dedup's method", text_dedup)):
        peer_s, _ = timed(partial(method, functions))
        yield measured(
            f"near-duplicates of {len(functions):,} functions, shingling to clusters",
            len(functions) / ours_s,
            "docs/s of CPU time",
            f"≥ {FASTER} ×",
            peer=peer,
            peer_value=len(functions) / peer_s,
        )
    shingles = [plain(text) for text in functions]
    known = {pair for pair in planted if similarity(*pair, shingles) >= SIMILAR}
    yield measured(
        f"recall of {len(known):,} planted copies of Jaccard {SIMILAR} or more", _joined(known, kept), "", f"≥ {RECALL}"
    )
    chosen = random.Random(0).sample(range(len(functions)), SUBSET)
    true = {pair for pair in combinations(sorted(chosen), 2) if similarity(*pair, shingles) >= SIMILAR}
    yield measured(
        f"recall of all {len(true):,} true pairs of {SUBSET:,} functions", _joined(true, kept), "", f"≥ {RECALL}"
    )
    pairs = list(_together(kept))
    right = sum(similarity(*pair, shingles) >= SIMILAR for pair in pairs) / len(pairs)
    yield measured(f"precision of all {len(pairs):,} pairs within a cluster", right, "", f"≥ {PRECISION}")


def ours(functions: Sequence[str]) -> Kept:
    """From texts to clusters, as `data` does it in one process."""
    texts = [text.encode() for text in functions]
    with Duplicates() as duplicates:
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            members = [Member(str(first + number), size=len(text)) for number, text in enumerate(batch)]
            duplicates.add(sign(batch), members)
        return duplicates.clusters(lambda numbers: shingle_sets([texts[number] for number in numbers])).kept.tolist()


def datasketch(functions: Sequence[str]) -> Kept:
    """Signatures and an index as its documentation has them; what the index gives is taken as it is."""
    index = MinHashLSH(threshold=SIMILAR, num_perm=PERMUTATIONS)
    forest = list(range(len(functions)))
    for number, text in enumerate(functions):
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([" ".join(shingle).encode() for shingle in plain(text)])
        for other in index.query(signature):
            _join(forest, number, other)
        index.insert(number, signature)
    return [_root(forest, number) for number in range(len(functions))]


def text_dedup(functions: Sequence[str]) -> Kept:
    """Its published method: SHA-1 of each shingle, permuted by (a·h + b) mod 2^61 - 1, a table a band, union-find."""
    bands, rows = 25, 10  # what it takes for 256 permutations and 0.7: least weight of false ones of either kind
    rng = np.random.RandomState(42)
    factors = rng.randint(1, 1 << 31, PERMUTATIONS, np.uint64)
    terms = rng.randint(0, 1 << 31, PERMUTATIONS, np.uint64)
    tables: list[dict[bytes, list[int]]] = [defaultdict(list) for _ in range(bands)]
    for number, text in enumerate(functions):
        hashes = np.array([_sha1(shingle) for shingle in plain(text)], np.uint64)
        permuted = (hashes[:, None] * factors + terms) % MERSENNE & np.uint64(0xFFFFFFFF)
        signature = permuted.min(axis=0).astype(np.uint32)
        for band, table in enumerate(tables):
            table[signature[band * rows : (band + 1) * rows].tobytes()].append(number)
    forest = list(range(len(functions)))
    for table in tables:
        for bucket in table.values():
            for other in bucket[1:]:
                _join(forest, bucket[0], other)
    return [_root(forest, number) for number in range(len(functions))]


def corpus() -> tuple[list[str], list[tuple[int, int]]]:
    """Functions, and which are a planted copy of which."""
    originals = list(_functions(int(FUNCTIONS * (1 - PLANTED_SHARE))))
    rng = random.Random(7)
    planted = []
    texts = list(originals)
    while len(texts) < FUNCTIONS:
        number = rng.randrange(len(originals))
        if len(plain(originals[number])) >= 20:
            planted.append((number, len(texts)))
            texts.append(rng.choice((reformatted, renamed, edited))(originals[number], rng))
    return texts, planted


def reformatted(text: str, _rng: random.Random) -> str:
    """As the standard library writes it: other quotes, other line breaks, no comments."""
    try:
        return ast.unparse(ast.parse(text))
    except SyntaxError:  # of a method, which stands indented
        return "\n".join(f"\t{line}" for line in text.splitlines())


def renamed(text: str, rng: random.Random) -> str:
    """One of its words is another."""
    words = sorted({word for word in re.findall(r"[a-z_]{3,}", text) if word not in ("def", "return", "self")})
    return re.sub(rf"\b{rng.choice(words)}\b", "another", text) if words else text


def edited(text: str, rng: random.Random) -> str:
    """A few lines less, and one more."""
    lines = [line for line in text.splitlines() if rng.random() > 0.05]
    return "\n".join([*lines, "    # changed"])


def plain(text: str) -> set[tuple[str, ...]]:
    """The shingles as tuples: the truth that ours is compared with."""
    tokens = TOKEN.findall(text)
    return {tuple(tokens[at : at + TOKENS]) for at in range(max(1, len(tokens) - TOKENS + 1))}


def similarity(left: int, right: int, shingles: Sequence[set[tuple[str, ...]]]) -> float:
    """Exact Jaccard similarity; 0 where the sizes alone rule `SIMILAR` out."""
    ours, theirs = shingles[left], shingles[right]
    if min(len(ours), len(theirs)) < SIMILAR * max(len(ours), len(theirs)):
        return 0.0
    shared = len(ours & theirs)
    return shared / (len(ours) + len(theirs) - shared)


def _functions(most: int) -> Iterator[str]:
    for path in library():
        try:
            with warnings.catch_warnings(action="ignore"):
                text = path.read_text(encoding="utf-8")
                tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue  # the test suite has broken files on purpose
        lines = text.splitlines(keepends=True)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield "".join(lines[node.lineno - 1 : node.end_lineno])
                most -= 1
                if not most:
                    return


def _sha1(shingle: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.sha1(" ".join(shingle).encode()).digest()[:4], "little")


def _together(kept: Kept) -> Iterator[tuple[int, int]]:
    clusters: dict[int, list[int]] = defaultdict(list)
    for number, best in enumerate(kept):
        clusters[best].append(number)
    for members in clusters.values():
        yield from combinations(members, 2)


def _joined(pairs: set[tuple[int, int]], kept: Kept) -> float:
    return sum(kept[left] == kept[right] for left, right in pairs) / len(pairs)


def _join(forest: Kept, left: int, right: int) -> None:
    low, high = sorted((_root(forest, left), _root(forest, right)))
    forest[high] = low


def _root(forest: Kept, number: int) -> int:
    while forest[number] != number:
        forest[number] = number = forest[forest[number]]
    return number


if __name__ == "__main__":
    finish("Near-duplicates", measure())
