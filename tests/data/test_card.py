"""The data card: every count stands on it, nothing of a dataset can act on it, and the plots have its numbers."""

import csv
from html.parser import HTMLParser
from pathlib import Path

import msgspec

from data.card import BARS_SHOWN, LENGTHS, PAGE, REJECTED, card_of, render, visible, write_card
from data.statistics import (
    SIZES,
    Count,
    Group,
    Rejected,
    Sample,
    Statistics,
    SuiteOverlap,
    TaskCount,
    Twins,
    histogram,
)

HOSTILE = "<script>alert(1)</script><img src=//evil onerror=alert(1)>"
FULL = Statistics(
    digest="sha256:abc",
    read=Group("", 1234, 5_000_000),
    kept=Group("", 1000, 4_321_000, 900),
    sources=(Group("shop", 600, 3_000_000, 500), Group("kit", 400, 1_321_000, 400)),
    languages=(Group("python", 1000, 4_321_000, 900),),
    licences=(Group("MIT", 900, 4_000_000, 880), Group("", 100, 321_000, 20)),
    rejected=(Rejected("max_line", "a line of more than 1,000 characters", 7), Rejected("generated", "", 13)),
    twins=Twins(21, 34, histogram("clusters", "files", [2, 2, 5], SIZES), 3),
    overlaps=(SuiteOverlap("HumanEval", 164, ("HumanEval/3", "HumanEval/53"), 2),),
    redacted=(Count("e-mail address", 17),),
    lengths=(
        histogram("prompt", "characters", [10, 150, 150, 30_000]),
        histogram("completion", "characters", [10, 10, 10, 400]),
    ),
    tasks=(TaskCount("gap", 700, 100, (Count("too long", 5),)), TaskCount("docstring-to-body", 80, 20)),
    samples=(Sample("id1", "gap", "shop/a.py:3", "MIT", "def f():\n", "    return 1\n", "# end"),),
)
EMPTY = Statistics("sha256:0", Group("", 0, 0), Group("", 0, 0))


class Reader(HTMLParser):
    """The page's texts, tags and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href") and value != "data:,"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(statistics: Statistics) -> Reader:
    return Reader(render(card_of(statistics)))


def test_every_part_of_the_statistics_stands_on_the_page():
    said = " ".join(" ".join(page(FULL).texts).split())
    for words in (
        "shop + kit",
        "sha256:abc",
        "of 1,234 read",
        "780",  # to train on
        "120 held out",
        "4.32 MB",
        "900 files, 880 examples",
        "unknown",
        "max_line",
        "a line of more than 1,000 characters",
        "e-mail address",
        "HumanEval: 2 of 164 tasks stood in the sources; 2 removed.",
        "HumanEval/3, HumanEval/53",
        "left out: 5 too long",
        "shop/a.py:3",
        "return 1",
    ):
        assert words in said, words
    card = card_of(FULL)
    assert [bar.value for bar in card.twin_figures] == ["21", "34", "3"]
    assert [bar.name for bar in card.rejected.bars] == ["generated", "max_line"]
    assert card.rejected.bars[1].share == 7 / 13


def test_the_page_fetches_and_runs_nothing_whatever_the_dataset_holds():
    sample = Sample(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    hostile = msgspec.structs.replace(
        FULL,
        sources=(Group(HOSTILE, 1, 1),),
        rejected=(Rejected(HOSTILE, HOSTILE, 1),),
        overlaps=(SuiteOverlap(HOSTILE, 1, (HOSTILE,), 1),),
        samples=(sample,),
    )
    read = page(hostile)
    assert read.fetched == []
    assert not {"script", "img", "iframe"} & read.tags
    assert HOSTILE in "".join(read.texts)


def test_of_an_empty_dataset_the_card_says_that_nothing_is_there():
    said = " ".join(page(EMPTY).texts)
    assert "Nothing" in said
    assert "Not looked for: the recipe names no suite" in said


def test_what_would_hide_or_reorder_text_is_spelled_out():
    assert visible("a\u202eb\x00\n\té") == "a⟨U+202E⟩b⟨U+0000⟩\n\té"


def test_too_many_bars_are_summed_up():
    many = tuple(Group(f"s{number}", 1, 100 - number) for number in range(BARS_SHOWN + 5))
    card = card_of(msgspec.structs.replace(FULL, sources=many))
    assert (len(card.kept[2].bars), card.kept[2].left) == (BARS_SHOWN, 5)
    assert card.title == "s0 + s1 + s2 + s3 and 25 more"


def test_a_histogram_ends_with_its_last_value():
    (prompt, completion) = card_of(FULL).lengths
    assert [(bar.name, bar.value) for bar in completion.bars] == [("0", "3"), ("100", "0"), ("200", "1")]
    assert prompt.bars[-1].name == "20k"


def test_the_files_have_the_numbers_of_the_page_and_are_the_same_again(tmp_path: Path):
    write_card(tmp_path, FULL)
    lengths = list(csv.DictReader((tmp_path / LENGTHS).open()))
    assert lengths[:2] == [
        {"from": "0", "prompt": "1", "completion": "3"},
        {"from": "100", "prompt": "2", "completion": "0"},
    ]
    assert list(csv.reader((tmp_path / REJECTED).open()))[1:] == [["max_line", "7"], ["generated", "13"]]
    before = (tmp_path / PAGE).read_bytes()
    write_card(tmp_path, FULL)
    assert (tmp_path / PAGE).read_bytes() == before


def test_an_empty_dataset_has_plots_without_rows(tmp_path: Path):
    write_card(tmp_path, EMPTY)
    assert (tmp_path / LENGTHS).read_text() == "from\n"
    assert (tmp_path / REJECTED).read_text() == "filter,files\n"
