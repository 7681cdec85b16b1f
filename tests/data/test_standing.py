"""Where sources stand: what a build would read moves it, and nothing else does."""

import os
from pathlib import Path

import pytest

from data import rows
from data.config import DataConfig
from data.standing import standings
from hone.errors import DataError
from tests.data.conftest import MakeCheckout, MakePackage
from tests.data.making import MIT_TEXT, commit, documented, git, write

TASK = '{"task_id": "T/0", "prompt": "def f():\\n", "canonical_solution": "    return 1\\n"}\n'


def stands(root: Path, **source: object) -> str:
    """The state of one source."""
    config = DataConfig.model_validate({"sources": [source]})
    (only,) = standings(config, root, root / "fetched").sources
    return only.state


def test_a_repository_stands_at_its_commit_and_moves_with_the_next(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({"a.py": documented("one")})
    first = git(top, "rev-parse", "HEAD")
    assert stands(tmp_path, kind="repository", path="shop") == first
    write(top, {"a.py": documented("two")})
    assert stands(tmp_path, kind="repository", path="shop") == first, "the work tree is not read"
    second = commit(top)
    assert stands(tmp_path, kind="repository", path="shop") == second
    assert stands(tmp_path, kind="repository", path="shop", commit=first) == first


def test_a_branch_elsewhere_is_asked_again_and_a_pinned_commit_is_not(
    make_checkout: MakeCheckout, tmp_path: Path
) -> None:
    top = make_checkout({"a.py": documented("one")})
    url, first = f"file://{top}", git(top, "rev-parse", "HEAD")
    assert stands(tmp_path, kind="repository", url=url, commit="main") == first
    assert stands(tmp_path, kind="repository", url=url, commit=first) == first
    second = commit(top)
    assert stands(tmp_path, kind="repository", url=url, commit="main") == second
    top.rename(tmp_path / "away")
    assert stands(tmp_path, kind="repository", url=url, commit=first) == first
    with pytest.raises(DataError, match=r"git cannot fetch .*; a full commit id is fetched once"):
        stands(tmp_path, kind="repository", url=url)


@pytest.mark.parametrize(
    "change",
    [
        {"new.py": "x = 1\n"},
        {"deep/b.py": "y = 3\n"},
        {"LICENSE": MIT_TEXT},
    ],
    ids=["a new file", "other content of the same length", "a licence"],
)
def test_a_folder_moves_with_what_is_read_of_it(tmp_path: Path, change: dict[str, str]) -> None:
    write(tmp_path / "code", {"a.py": "x = 1\n", "deep/b.py": "y = 2\n"})
    before = stands(tmp_path, kind="folder", path="code")
    write(tmp_path / "code", change)
    assert stands(tmp_path, kind="folder", path="code") != before


def test_a_folder_stays_where_nothing_that_is_read_changes(tmp_path: Path) -> None:
    write(tmp_path / "code", {"a.py": "x = 1\n"})
    before = stands(tmp_path, kind="folder", path="code")
    write(tmp_path / "code", {"notes.bin": "other", "tests/test_a.py": "y = 1\n"})
    assert stands(tmp_path, kind="folder", path="code") == before


def test_a_package_stands_at_its_version_and_files(make_package: MakePackage, tmp_path: Path) -> None:
    name = make_package({"shop/a.py": documented("one")})
    before = stands(tmp_path, kind="package", package=name)
    assert before.startswith("1.2 sha256:")
    write(tmp_path / "site", {"shop/a.py": documented("another")})
    assert stands(tmp_path, kind="package", package=name) != before


def test_a_dataset_moves_with_its_files_which_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"rows/a.jsonl": b"\x00 no JSON", "rows/notes.txt": "one"})
    before = stands(tmp_path, kind="dataset", path="rows", language="python")
    write(tmp_path, {"rows/notes.txt": "two"})
    assert stands(tmp_path, kind="dataset", path="rows", language="python") == before
    os.utime(tmp_path / "rows" / "a.jsonl", (0, 0))
    assert stands(tmp_path, kind="dataset", path="rows", language="python") != before


def test_a_benchmark_moves_with_its_content_alone(tmp_path: Path) -> None:
    write(tmp_path, {"suite.jsonl": TASK})
    config = DataConfig.model_validate(
        {
            "sources": [{"kind": "generated", "train": 64, "heldout": 8}],
            "decontaminate": [{"format": "humaneval", "path": "suite.jsonl"}],
        }
    )
    before = standings(config, tmp_path, tmp_path)
    assert [(one.name, one.kind) for one in before.sources] == [("suite.jsonl", "benchmark")]
    os.utime(tmp_path / "suite.jsonl", (0, 0))
    assert standings(config, tmp_path, tmp_path) == before
    write(tmp_path, {"suite.jsonl": TASK + TASK.replace("T/0", "T/1")})
    assert standings(config, tmp_path, tmp_path) != before
    (tmp_path / "suite.jsonl").unlink()
    with pytest.raises(DataError, match=r"`.*suite\.jsonl` cannot be read: no such file or directory; see `decont"):
        standings(config, tmp_path, tmp_path)


def test_what_is_generated_stands_nowhere_and_the_library_at_pythons_version(tmp_path: Path) -> None:
    source = {"kind": "generated", "train": 64, "heldout": 8}
    assert standings(DataConfig.model_validate({"sources": [source]}), tmp_path, tmp_path).sources == ()
    with_corpus = DataConfig.model_validate({"sources": [source], "corpus": {"library": True}})
    (library,) = standings(with_corpus, tmp_path, tmp_path).sources
    assert library.state.count(".") == 2


def test_a_dataset_that_goes_while_it_is_looked_at_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, {"rows/a.jsonl": "{}\n", "rows/b.jsonl": "{}\n"})
    found = rows.files(rows.open_dataset(tmp_path / "rows"))
    next(found)
    (tmp_path / "rows" / "b.jsonl").unlink()
    with pytest.raises(DataError, match=r"b\.jsonl` cannot be read: no such file or directory; try again"):
        next(found)
