"""Past commits are read from the object store and become messages, fixes and reviews; noise becomes nothing."""

from pathlib import Path

import pytest

from data.git import resolve
from data.history import Commit, read_history
from data.tasks.history import HistoryConfig, history_examples, is_fix, message_of
from hone.records import Example
from tests.data.making import Files, git, write

BEFORE = "import os\n\n\ndef pay(sum):\n    return sum - 1\n\n\ndef other():\n    return 1\n"
AFTER = BEFORE.replace("sum - 1", "sum")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def change(top: Path, files: Files, message: str) -> str:
    write(top, files)
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", message)
    return git(top, "rev-parse", "HEAD")


def commits(top: Path, **limits: int) -> list[Commit]:
    most = {"most_commits": 100, "max_files": 5} | limits
    return list(read_history(top, resolve(top, None), lambda path: not path.startswith("tests/"), **most))


def made(top: Path, **settings: object) -> list[Example]:
    config = HistoryConfig.model_validate(settings)
    return list(history_examples(commits(top), config, source="shop", licence="MIT"))


def test_a_fix_shows_the_fault_and_is_answered_with_the_function_after(top: Path) -> None:
    change(top, {"a.py": BEFORE}, "Start the shop today")
    fixed = change(top, {"a.py": AFTER}, "Fix the sum that is paid (#12)\n\nSigned-off-by: Ada <ada@example.org>")
    (example,) = [one for one in made(top) if one.task == "bug-fix"]
    question, answer = example.turns
    before = "```python\ndef pay(sum):\n    return sum - 1\n```"
    assert question.content == f"`pay` has a fault. The report: Fix the sum that is paid\n\n{before}\n\nCorrect it."
    assert answer.content == "```python\ndef pay(sum):\n    return sum\n```"
    assert (example.origin.commit, example.origin.path, example.origin.first_line) == (fixed, "a.py", 4)


def test_a_message_is_asked_for_with_the_change_as_git_shows_it(top: Path) -> None:
    change(top, {"a.py": BEFORE}, "Start the shop today")
    change(top, {"a.py": AFTER}, "Pay the whole sum\n\nOne euro was kept.")
    example = made(top)[0]
    shown = git(top, "diff", "HEAD~1", "HEAD").split("\n", 2)[2]
    told = example.turns[0].content.removeprefix("Write a commit message for this change.\n\n```diff\n")
    ours, theirs = (text.replace(" import os", "") for text in (told.removesuffix("```").strip(), shown.strip()))
    assert ours == theirs
    assert example.turns[1].content == "Pay the whole sum\n\nOne euro was kept."


def test_a_change_with_a_reason_becomes_a_review(top: Path) -> None:
    change(top, {"a.py": BEFORE}, "Start the shop today")
    change(top, {"a.py": AFTER}, "Pay the whole sum\n\nOne euro was kept.")
    (example,) = [one for one in made(top) if one.task == "review"]
    assert example.turns[0].content.startswith("Review `pay` of `a.py`. What would you change, and why?")
    assert example.turns[1].content.startswith("Pay the whole sum\n\nOne euro was kept.\n\n```python\ndef pay(sum):")


def test_merges_and_large_commits_and_other_files_are_left_out(top: Path) -> None:
    change(top, {"a.py": BEFORE}, "Start the shop today")
    git(top, "checkout", "-q", "-b", "side")
    change(top, {"b.py": AFTER}, "Add a second till")
    git(top, "checkout", "-q", "main")
    change(top, {f"c{n}.py": AFTER for n in range(9)}, "Add nine tills at once")
    change(top, {"tests/test_a.py": AFTER, "notes.bin": b"\0\1"}, "Test what is paid")
    git(top, "merge", "-q", "--no-edit", "side")
    messages = {one.message: [change.path for change in one.changes] for one in commits(top)}
    assert messages == {
        "Start the shop today": ["a.py"],
        "Add a second till": ["b.py"],
        "Test what is paid": [],
    }
    assert not any("nine" in one.turns[1].content for one in made(top))


def test_a_commit_that_changes_too_many_lines_is_left_out(top: Path) -> None:
    change(top, {"a.py": "".join(f"x{n} = {n}\n" for n in range(300))}, "Add three hundred values")
    assert not made(top)
    assert made(top, max_changed_lines=400, max_chars=10_000)


def test_a_form_feed_ends_no_line_of_a_change(top: Path) -> None:
    change(top, {"a.py": "x = 1\n\f\ny = 1\n"}, "Start the shop today")
    change(top, {"a.py": "x = 1\n\f\ny = 2\n"}, "Pay the whole sum")
    assert "\n \f\n-y = 1\n+y = 2\n" in made(top)[0].turns[0].content


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("Fix the sum (#3)", "Fix the sum"),
        ("Call f(2) before the sum is paid", "Call f(2) before the sum is paid"),
        ("gh-1234: Fix the sum of 3 (GH-99)", "Fix the sum of 3"),
        ('Revert "Fix the sum"', ""),
        ("wip on the till", ""),
        ("Bump version to 3", ""),
        ("fix", ""),
        ("Ask ada@example.org about the sum", ""),
    ],
)
def test_a_message_that_says_nothing_is_no_answer(message: str, subject: str) -> None:
    assert message_of(message)[0] == subject


@pytest.mark.parametrize(
    ("subject", "fixes"),
    [
        ("Fix the sum that is paid", True),
        ("Handle a crash at noon", True),
        ("Fix a typo in the docs", False),
        ("Add a prefix to names", False),
    ],
)
def test_a_fix_is_told_by_its_words(subject: str, fixes: bool) -> None:
    assert is_fix(subject) is fixes


def test_trailers_and_numbers_of_issues_are_taken_off() -> None:
    message = (
        "Pay the whole sum\n\nOne euro was kept.\n\nFixes #12.\nCo-authored-by: Ada <ada@example.org>\nChange-Id: I123"
    )
    assert message_of(message) == ("Pay the whole sum", "One euro was kept.")
