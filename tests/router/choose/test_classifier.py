"""The classifier against requests labelled by hand; docs/router/routing.md shows the same table."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from router.choose import classify
from router.kinds import Asked, Capability, Door

ROOT = Path(__file__).parents[3]
LABELLED = ROOT / "tests" / "router" / "labelled_requests.jsonl"
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
SHORT = {name: "".join(part[0] for part in name.split("-")) + name.split("-")[-1][1:3] for name in CAPABILITIES}


@dataclass(frozen=True)
class Labelled:
    asked: Asked
    capability: Capability
    part: str


def labelled() -> list[Labelled]:
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    return [Labelled(asked(row), row["capability"], row["part"]) for row in rows]


def asked(row: dict[str, object]) -> Asked:
    door: Door = "completions" if row.get("door") == "completions" else "chat"
    return Asked(
        door, b"", text=str(row["text"]), tools=bool(row.get("tools")), suffix=bool(row.get("suffix"))
    )  # fmt: skip


def text(words: str, **given: bool) -> Capability:
    return classify(Asked("chat", b"", text=words, **given))  # type: ignore[arg-type]


def table() -> str:
    """Markdown: rows are labels, columns what the classifier says, of the held-out part."""
    held_out = [one for one in labelled() if one.part == "held-out"]
    found = Counter((one.capability, classify(one.asked)) for one in held_out)
    of_label = Counter(one.capability for one in held_out)
    lines = [f"| asked for | {' | '.join(SHORT[name] for name in CAPABILITIES)} | right |", "|---" * 12 + "|"]
    for label in CAPABILITIES:
        cells = " | ".join(str(found[label, name] or "") for name in CAPABILITIES)
        lines.append(f"| {label} ({SHORT[label]}) | {cells} | {found[label, label]} of {of_label[label]} |")
    right = sum(count for (label, name), count in found.items() if label == name)
    lines.append(f"| all |{' |' * len(CAPABILITIES)} {right} of {len(held_out)} |")
    return "\n".join(lines)


def test_the_set_is_large_and_even() -> None:
    parts = Counter((one.part, one.capability) for one in labelled())
    assert sum(parts.values()) >= 300
    assert all(parts["held-out", name] >= 10 and parts["tuned", name] >= 20 for name in CAPABILITIES)


def test_nine_of_ten_held_out_requests_are_classified_right() -> None:
    held_out = [one for one in labelled() if one.part == "held-out"]
    right = sum(classify(one.asked) == one.capability for one in held_out)
    assert right / len(held_out) >= 0.9


def test_the_documented_table_is_the_measured_one() -> None:
    assert table() in (ROOT / "docs" / "router" / "routing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "capability"),
    [
        ({"tools": True}, "tool-use"),
        ({"suffix": True}, "completion"),
        ({"suffix": True, "tools": True}, "completion"),
    ],
)
def test_the_shape_decides_alone_where_it_can(given: dict[str, bool], capability: Capability) -> None:
    assert text("Explain this code.", **given) == capability


def test_text_completions_are_completions() -> None:
    assert classify(Asked("completions", b"", text="Explain this code.")) == "completion"


def test_marks_of_the_middle_are_a_completion() -> None:
    assert text("<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>") == "completion"


def test_words_within_code_have_no_vote() -> None:
    assert text("Explain this.\n```\n# fix the bug, review, plan, write tests\n```") == "code-explanation"


def test_a_word_that_is_denied_has_no_vote() -> None:
    assert text("Make a plan, don't implement anything.") == "planning"


def test_the_wish_is_found_after_a_long_paste() -> None:
    assert text("lorem ipsum dolor " * 300 + "\nPlease write a docstring and a README.") == "documentation"


@pytest.mark.parametrize("words", ["", "   ", "🦀", "qwertz"])
def test_what_says_nothing_asks_for_code(words: str) -> None:
    assert text(words) == "code-generation"
