"""A compositional family of docstring → function tasks, made here and executable anywhere.

A task chains two or three list operations and a final one; its docstring says them in words. The split is by
composition: a held-out sequence of operations is never seen in training, its single operations are.
`corpus_documents` gives pretraining text of the same form, but of none of these operations.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from data.tasks.chance import is_taken
from hone.config import Config
from hone.errors import DataError
from hone.records import Example, Json, Origin, Record, TestCase

ENTRY_POINT = "solve"
Numbers = list[int]


class GeneratedSource(Config):
    """Tasks made by this module."""

    kind: Literal["generated"]
    train: int = Field(gt=0)
    """Training examples."""
    heldout: int = Field(gt=0)
    """Held-out examples; each is a sequence of operations that no training example has."""
    heldout_fraction: float = Field(0.2, gt=0, lt=1)
    """The share of sequences, chosen by hash, that only held-out examples may use."""
    tests_per_task: int = Field(5, ge=1)
    """Calls that a completion must get right to pass."""


class Generated(Record, frozen=True):
    """What `generate` makes."""

    train: tuple[Example, ...]
    heldout: tuple[Example, ...]


class Operation(Record, frozen=True):
    """One step: how it is said (two ways), how it is written, and what it does. `{k}` is a digit where it has one."""

    name: str
    phrasings: tuple[str, str]
    code: str
    apply: Callable[[Numbers, int], Json]
    digits: tuple[int, int] = (0, 0)  # smallest and largest digit; equal: the operation takes none

    def digit(self, rng: random.Random) -> int:
        """A digit for this step, 0 where it takes none."""
        return rng.randint(*self.digits)


STEPS = (
    Operation(
        "add",
        ("add {k} to every number", "increase each item by {k}"),
        "xs = [x + {k} for x in xs]",
        lambda xs, k: [x + k for x in xs],
        (1, 9),
    ),
    Operation(
        "subtract",
        ("subtract {k} from every number", "decrease each item by {k}"),
        "xs = [x - {k} for x in xs]",
        lambda xs, k: [x - k for x in xs],
        (1, 9),
    ),
    Operation(
        "multiply",
        ("multiply every number by {k}", "scale each item {k} times"),
        "xs = [x * {k} for x in xs]",
        lambda xs, k: [x * k for x in xs],
        (2, 9),
    ),
    Operation(
        "remainder",
        ("take every number modulo {k}", "replace each item by its remainder by {k}"),
        "xs = [x % {k} for x in xs]",
        lambda xs, k: [x % k for x in xs],
        (2, 9),
    ),
    Operation(
        "square",
        ("square every number", "raise each item to the second power"),
        "xs = [x * x for x in xs]",
        lambda xs, _: [x * x for x in xs],
    ),
    Operation(
        "negate",
        ("negate every number", "flip the sign of each item"),
        "xs = [-x for x in xs]",
        lambda xs, _: [-x for x in xs],
    ),
    Operation(
        "absolute",
        ("make every number positive", "take the absolute value of each item"),
        "xs = [abs(x) for x in xs]",
        lambda xs, _: [abs(x) for x in xs],
    ),
    Operation(
        "above",
        ("keep numbers above {k}", "drop items up to {k}"),
        "xs = [x for x in xs if x > {k}]",
        lambda xs, k: [x for x in xs if x > k],
        (1, 9),
    ),
    Operation(
        "below",
        ("keep numbers below {k}", "drop items from {k} up"),
        "xs = [x for x in xs if x < {k}]",
        lambda xs, k: [x for x in xs if x < k],
        (1, 9),
    ),
    Operation(
        "even",
        ("keep the even numbers", "drop the odd items"),
        "xs = [x for x in xs if x % 2 == 0]",
        lambda xs, _: [x for x in xs if x % 2 == 0],
    ),
    Operation(
        "without",
        ("remove every {k}", "leave out items equal to {k}"),
        "xs = [x for x in xs if x != {k}]",
        lambda xs, k: [x for x in xs if x != k],
        (1, 9),
    ),
    Operation(
        "first",
        ("take the first {k} numbers", "keep only {k} items from the start"),
        "xs = xs[:{k}]",
        lambda xs, k: xs[:k],
        (2, 6),
    ),
    Operation(
        "skip",
        ("skip the first {k} numbers", "leave out {k} items at the start"),
        "xs = xs[{k}:]",
        lambda xs, k: xs[k:],
        (1, 4),
    ),
    Operation(
        "reverse",
        ("reverse the list", "turn the order around"),
        "xs = xs[::-1]",
        lambda xs, _: xs[::-1],
    ),
    Operation(
        "sort",
        ("sort the list", "put the items in ascending order"),
        "xs = sorted(xs)",
        lambda xs, _: sorted(xs),
    ),
    Operation(
        "unique",
        ("remove duplicates", "keep one of each item"),
        "xs = list(dict.fromkeys(xs))",
        lambda xs, _: list(dict.fromkeys(xs)),
    ),
)
FINALS = (
    Operation(
        "list",
        ("return the list", "give back the items"),
        "return xs",
        lambda xs, _: xs,
    ),
    Operation(
        "sum",
        ("return the sum", "give back the total"),
        "return sum(xs)",
        lambda xs, _: sum(xs),
    ),
    Operation(
        "count",
        ("return how many are left", "give back the length"),
        "return len(xs)",
        lambda xs, _: len(xs),
    ),
    Operation(
        "largest",
        ("return the largest", "give back the maximum"),
        "return max(xs, default=0)",
        lambda xs, _: max(xs, default=0),
    ),
    Operation(
        "smallest",
        ("return the smallest", "give back the minimum"),
        "return min(xs, default=0)",
        lambda xs, _: min(xs, default=0),
    ),
)

Sequence = tuple[Operation, ...]


def sequences() -> Iterator[Sequence]:
    """Every sequence: two or three different steps, then a final one (18,000 in all)."""
    for length in (2, 3):
        for steps in itertools.permutations(STEPS, length):
            for final in FINALS:
                yield (*steps, final)


def is_heldout(sequence: Sequence, fraction: float) -> bool:
    """Whether a sequence belongs to the held-out side: decided by its hash alone, never by a seed."""
    return is_taken(fraction, "/".join(operation.name for operation in sequence))


def generate(source: GeneratedSource, seed: int) -> Generated:
    """Makes the examples, the same for the same arguments.

    Training uses each of its sequences as often as `train` asks (with new digits and phrasings); a held-out
    sequence is used once. Raises `DataError` where more held-out examples are asked for than sequences exist.
    """
    held = [sequence for sequence in sequences() if is_heldout(sequence, source.heldout_fraction)]
    seen = [sequence for sequence in sequences() if not is_heldout(sequence, source.heldout_fraction)]
    if source.heldout > len(held):
        raise DataError(
            f"`heldout: {source.heldout}` is more than the {len(held)} held-out sequences; raise `heldout_fraction`"
        )
    rng = random.Random(seed)  # noqa: S311 - data, not secrets
    rng.shuffle(held)
    rng.shuffle(seen)
    train = [make_example(f"generated/train/{index}", seen[index % len(seen)], rng, 0) for index in range(source.train)]
    heldout = [
        make_example(f"generated/heldout/{index}", sequence, rng, source.tests_per_task)
        for index, sequence in enumerate(held[: source.heldout])
    ]
    return Generated(train=tuple(train), heldout=tuple(heldout))


def make_example(name: str, sequence: Sequence, rng: random.Random, tests: int) -> Example:
    """One task with fresh digits, phrasings and inputs."""
    digits = [operation.digit(rng) for operation in sequence]
    said = [rng.choice(operation.phrasings).format(k=digit) for operation, digit in zip(sequence, digits, strict=True)]
    code = [f"    {operation.code.format(k=digit)}\n" for operation, digit in zip(sequence, digits, strict=True)]
    cases = []
    for _ in range(tests):
        numbers = [rng.randint(-9, 20) for _ in range(rng.randint(7, 10))]
        numbers += rng.sample(numbers, 2)  # so that duplicates matter
        value: Json = numbers
        for operation, digit in zip(sequence, digits, strict=True):
            value = operation.apply(value, digit)
        cases.append(TestCase(arguments=(numbers,), expected=value))
    return Example(
        id=name,
        prompt=f'def {ENTRY_POINT}(xs):\n    """{", then ".join(said).capitalize()}."""\n',
        completion="".join(code),
        entry_point=ENTRY_POINT,
        origin=Origin(source="generated", licence="CC0-1.0"),
        tests=tuple(cases),
    )


# Pretraining text: functions whose docstrings spell out every statement. It teaches the base to follow a docstring
# phrase by phrase and to copy names and numbers; none of the operations above is in it.
_STATEMENTS = (
    ("set {a} to {k}", "{a} = {k}"),
    ("let {a} be {b}", "{a} = {b}"),
    ("call {a} with {k}", "{a}({k})"),
    ("run {a} on {b}", "{a}({b})"),
    ("store {b} under {k} in {a}", "{a}[{k}] = {b}"),
    ("read field {b} of {a}", "{a} = {a}.{b}"),
    ("print {a}", "print({a})"),
    ("assert that {a} is {k}", "assert {a} == {k}"),
    ("delete {a}", "del {a}"),
    ("wait {k} seconds", "time.sleep({k})"),
    ("open {a} as {b}", "{b} = open({a})"),
    ("raise {a} with {k}", "raise {a}({k})"),
    ("shift {a} left by {k}", "{a} = {a} << {k}"),
    ("repeat {b} {k} times", "for _ in range({k}): {b}()"),
    ("when {a} is {k} call {b}", "if {a} == {k}: {b}()"),
    ("cut {a} at {k}", "{a} = {a}.split({k})"),
)
_STATEMENT_ENDINGS = (
    ("return {a}", "return {a}"),
    ("give back {k}", "return {k}"),
    ("yield {a}", "yield {a}"),
    ("return {b} of {a}", "return {b}({a})"),
)
_CHAINS = (
    ("halve each one", "{a} = [{x} / 2 for {x} in {a}]"),
    ("divide all by {k}", "{a} = [{x} // {k} for {x} in {a}]"),
    ("cap all at {k}", "{a} = [min({x}, {k}) for {x} in {a}]"),
    ("lift all to at least {k}", "{a} = [max({x}, {k}) for {x} in {a}]"),
    ("turn all into text", "{a} = [str({x}) for {x} in {a}]"),
    ("round each one to {k} digits", "{a} = [round({x}, {k}) for {x} in {a}]"),
    ("select those from {k} on", "{a} = [{x} for {x} in {a} if {x} >= {k}]"),
    ("select those that are true", "{a} = [{x} for {x} in {a} if {x}]"),
    ("select those longer than {k}", "{a} = [{x} for {x} in {a} if len({x}) > {k}]"),
    ("rotate by {k}", "{a} = {a}[{k}:] + {a}[:{k}]"),
    ("repeat it {k} times", "{a} = {a} * {k}"),
    ("put {k} in front", "{a} = [{k}] + {a}"),
    ("put {k} at the end", "{a} = {a} + [{k}]"),
    ("cut off the last {k}", "{a} = {a}[:-{k}]"),
    ("pick every {k}th", "{a} = {a}[::{k}]"),
    ("number them from {k}", "{a} = list(enumerate({a}, {k}))"),
    ("make a tuple", "{a} = tuple({a})"),
    ("pair neighbours", "{a} = list(zip({a}, {a}[1:]))"),
)
_CHAIN_ENDINGS = (
    ("return the first one", "return {a}[0]"),
    ("return item {k}", "return {a}[{k}]"),
    ("say whether any is true", "return any({a})"),
    ("say whether all are true", "return all({a})"),
    ("return an iterator", "return iter({a})"),
    ("return it twice", "return {a}, {a}"),
)
_SYLLABLES = (
    "ba",
    "co",
    "di",
    "fu",
    "ga",
    "hel",
    "jo",
    "ka",
    "lum",
    "mi",
    "nor",
    "pa",
    "qui",
    "ra",
    "sol",
    "tem",
    "ul",
    "vi",
    "wex",
    "zo",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def corpus_documents(seed: int, size_bytes: int) -> list[str]:
    """At least `size_bytes` of functions whose docstrings spell their statements out, the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - data, not secrets
    documents: list[str] = []
    size = 0
    while size < size_bytes:
        documents.append(_spelled_out(rng))
        size += len(documents[-1])
    return documents


def _spelled_out(rng: random.Random) -> str:
    """Half of them statements over several names, half a chain over the one argument, which is never named."""
    names = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(4)]
    chained = rng.random() < 0.5
    steps, endings = (_CHAINS, _CHAIN_ENDINGS) if chained else (_STATEMENTS, _STATEMENT_ENDINGS)
    argument = rng.choice((names[1], rng.choice(_LETTERS) + "s"))
    item = rng.choice(_LETTERS)
    said, code = [], []
    for phrase, statement in (*rng.sample(steps, rng.randint(1, 4)), rng.choice(endings)):
        a, b = (argument, item) if chained else rng.sample(names[1:], 2)
        k = rng.randint(0, 9)
        said.append(phrase.format(a=a, b=b, k=k))
        code.append(f"    {statement.format(a=a, b=b, x=item, k=k)}\n")
    text = ", then ".join(said)
    return f'def {names[0]}({argument}):\n    """{text[0].upper()}{text[1:]}."""\n{"".join(code)}'
