"""Gaps: the three parts are the file again, character for character, whatever stands in it and wherever it is cut."""

import sysconfig
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import language_of, parse
from data.tasks.fill import FillConfig, gaps
from hone.records import Example
from tests.data.making import code_file

SAMPLES = sorted((Path(__file__).parents[1] / "analysis" / "samples").iterdir())
LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::6]
WHOLE = {"max_prefix_chars": 10**7, "max_suffix_chars": 10**7}
LEVELS = ("character", "line", "node")


def config(level: str = "", **changes: object) -> FillConfig:
    levels = {"levels": {one: float(one == level) for one in LEVELS}} if level else {}
    return FillConfig.model_validate({"most_per_file": 12, "characters_per_gap": 100, **levels, **changes})


def check(text: str, made: list[Example], *, whole: bool) -> None:
    """The parts are the text, or a stretch of it, and no line end of two characters is split."""
    for example in made:
        joined = example.prompt + example.completion + example.suffix
        assert joined == text if whole else joined in text
        parts = (example.prompt, example.completion, example.suffix)
        assert b"".join(part.encode() for part in parts) == joined.encode()
        assert not any(one.endswith("\r") and other.startswith("\n") for one, other in pairwise(parts))


@pytest.mark.parametrize("level", LEVELS)
def test_the_parts_of_the_standard_library_reassemble(level: str) -> None:
    made = 0
    for path in LIBRARY:
        text = path.read_text(encoding="utf-8", errors="replace")
        examples = list(gaps(code_file(text, path.name), config(level, **WHOLE)))
        check(text, examples, whole=True)
        made += len(examples)
    assert made > 6 * len(LIBRARY)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_parts_of_other_languages_reassemble_with_any_line_ends(path: Path, line_end: str) -> None:
    text = path.read_text().replace("a", "ä🎉").replace("\n", line_end)
    file = code_file(text, path.name, language_of(path.name) or "")
    examples = list(gaps(file, config(max_prefix_chars=60, max_suffix_chars=40)))
    assert examples
    check(text, examples, whole=False)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("a =\"'(\r\n\t#é日🎉\u0301:"), max_size=300))
def test_any_text_reassembles(text: str) -> None:
    for level in LEVELS:
        check(
            text,
            list(gaps(code_file(text), config(level, min_middle_chars=1, max_middle_chars=20, **WHOLE))),
            whole=True,
        )


def test_a_gap_of_the_tree_is_a_node_of_it() -> None:
    text = Path(LIBRARY[3]).read_text()
    module = parse(text, "python")
    for example in gaps(code_file(text), config("node", **WHOLE)):
        start = len(example.prompt.encode())
        assert (start, start + len(example.completion.encode())) in module.nodes_at(start)


def test_a_gap_of_lines_is_whole_lines() -> None:
    text = Path(LIBRARY[3]).read_text()
    for example in gaps(code_file(text), config("line", **WHOLE)):
        assert example.prompt.endswith("\n") or not example.prompt
        assert example.completion.endswith("\n")


def test_the_limits_hold_and_context_is_whole_lines() -> None:
    text = Path(LIBRARY[3]).read_text()
    made = list(gaps(code_file(text), config(max_middle_chars=50, max_prefix_chars=200, max_suffix_chars=100)))
    assert made
    for example in made:
        assert len(example.completion) <= 50
        assert len(example.prompt) <= 200
        assert len(example.suffix) <= 100
        assert f"\n{example.prompt}" in text or text.startswith(example.prompt)


def test_the_origin_is_the_gap_and_not_its_context() -> None:
    text = "".join(f"value_{number} = {number}\n" for number in range(50))
    for example in gaps(code_file(text), config("line")):
        first, last = example.origin.first_line, example.origin.last_line
        assert "".join(text.splitlines(keepends=True)[first - 1 : last]) == example.completion


def test_the_same_file_gives_the_same_gaps_and_another_gives_others() -> None:
    text = Path(LIBRARY[3]).read_text()
    assert list(gaps(code_file(text), config())) == list(gaps(code_file(text), config()))
    changed = [one.completion for one in gaps(code_file(f"{text}\n"), config())]
    assert changed != [one.completion for one in gaps(code_file(text), config())]


def test_the_share_of_suffix_first_is_what_is_asked_for() -> None:
    text = Path(LIBRARY[3]).read_text()
    counts = [Counter(one.suffix_first for one in gaps(code_file(text, f"{n}.py"), config())) for n in range(40)]
    share = sum(one[True] for one in counts) / sum(map(Counter.total, counts))
    assert 0.4 < share < 0.6
    assert not any(one.suffix_first for one in gaps(code_file(text), config(suffix_first_share=0)))


@pytest.mark.parametrize("text", ["", "\n\n  \n", "x = 1\n"])
def test_a_file_with_too_little_in_it_gives_no_gap(text: str) -> None:
    assert not list(gaps(code_file(text), config()))
