"""Inferred types against those that mypy reveals, on the standard library's own code."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from analysis.types.kinds import INT, NONE, STR, UNKNOWN, Instance, instance, join
from bench.reveal_types import compare, inference_of, library
from bench.type_agreement import agree, read_type

FILES, EACH = 40, 60


def test_inferred_types_never_contradict_mypy_and_say_most_of_what_it_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare(library(FILES), EACH, tmp_path)
    counts = Counter(one.verdict for one in found)
    known = counts["agree"] + counts["contradict"] + counts["only mypy"]
    with capsys.disabled():
        share = 1 - counts["only mypy"] / known
        sys.stdout.write(f"\n{len(found)} expressions, {dict(counts)}; mypy knows {known}, ours {share:.1%} of these\n")
    contradictions = [(one.sample.path.name, one.sample.line, one.sample.text, one.theirs) for one in found
                      if one.verdict == "contradict"]  # fmt: skip
    assert contradictions == []
    assert counts["agree"] >= 500
    assert counts["only mypy"] <= 0.4 * known


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (INT, "str", False),
        (INT, "int | None", True),
        (join([INT, STR]), "str", True),
        (join([INT, STR]), "bytes | None", False),
        (instance("list", INT), "list[str]", False),
        (instance("list", UNKNOWN), "list[str]", True),
        (instance("list", INT), "typing.Sequence[int]", True),
        (Instance("builtins.bool"), "int", True),
        (NONE, "int", False),
        (instance("tuple", INT), "tuple[int, str]", True),
        (instance("tuple", INT), "tuple[str, str]", False),
        (INT, "Any", True),
    ],
)
def test_what_counts_as_a_contradiction(ours: Instance, theirs: str, expected: bool) -> None:
    assert agree(ours, read_type(theirs), inference_of(b"").expressions.solver) is expected
