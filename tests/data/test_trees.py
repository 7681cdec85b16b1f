"""What is read of a git commit and of an installed package, and what is refused."""

import os
from collections import Counter
from pathlib import Path

import pytest

from data.trees import Tree, contents, listing, open_checkout, open_package
from hone.errors import DataError
from tests.data.conftest import MakeCheckout, MakePackage
from tests.data.making import MIT_TEXT, commit, git, write


def python(path: str) -> bool:
    return path.endswith(".py")


def files_of(tree: Tree) -> tuple[list[tuple[str, bytes]], Counter[str]]:
    """Paths and contents, and what was not listed."""
    skipped: Counter[str] = Counter()
    entries = list(listing(tree, python, skipped))
    return [(raw.path, raw.content) for raw in contents(tree, entries, 1_000_000)], skipped


def paths(tree: Tree) -> list[str]:
    return [path for path, _ in files_of(tree)[0]]


def test_a_commit_is_read_and_never_the_work_tree(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n", "b/c.py": "y = 2\n", "readme.md": "no"})
    write(top, {"a.py": "x = 99  # not committed\n", "new.py": "z = 3\n"})
    tree = open_checkout(top, None)
    assert files_of(tree) == ([("a.py", b"x = 1\n"), ("b/c.py", b"y = 2\n")], {})
    assert (tree.name, tree.commit) == ("shop", git(top, "rev-parse", "HEAD"))


def test_an_earlier_commit_is_read_by_a_part_of_its_id(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    first = git(top, "rev-parse", "HEAD")
    write(top, {"a.py": "x = 2\n"})
    commit(top)
    tree = open_checkout(top, first[:9])
    assert (tree.commit, files_of(tree)[0]) == (first, [("a.py", b"x = 1\n")])


def test_a_bare_repository_is_read_too(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    git(make_checkout({"a.py": "x = 1\n"}), "clone", "-q", "--bare", ".", str(tmp_path / "mirror.git"))
    tree = open_checkout(tmp_path / "mirror.git", None)
    assert (tree.name, paths(tree)) == ("mirror", ["a.py"])


def test_attributes_of_the_repository_change_no_byte_and_run_no_filter(make_checkout: MakeCheckout) -> None:
    files = {"a.py": "x = '$Format:%H$'\n", "b.py": "y = 1\n", "c.py": "z = 1\r\n"}
    attributes = "a.py export-subst\nb.py export-ignore\nc.py text eol=lf filter=spy\n"
    top = make_checkout({**files, ".gitattributes": attributes})
    git(top, "config", "filter.spy.smudge", f"touch {top}/ran")
    assert [content for _, content in files_of(open_checkout(top, None))[0]] == [
        b"x = '$Format:%H$'\n",
        b"y = 1\n",
        b"z = 1\n",
    ]
    assert not (top / "ran").exists()


def test_symbolic_links_in_a_commit_are_counted_and_not_followed(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    (top / "loop.py").symlink_to("loop.py")
    (top / "folder").symlink_to(".")
    commit(top)
    tree = open_checkout(top, None)
    assert paths(tree) == ["a.py"]
    assert files_of(tree)[1] == {"symbolic links": 1}


def test_names_that_are_not_utf8_are_counted_in_a_commit_as_in_a_folder(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n", os.fsdecode(b"caf\xe9.py"): "x = 2\n"})
    tree = open_checkout(top, None)
    assert paths(tree) == ["a.py"]
    assert files_of(tree)[1] == {"names that are not UTF-8": 1}


def test_an_object_that_git_has_lost_is_counted(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n", "b.py": "y = 2\n"})
    identity = git(top, "rev-parse", "HEAD:b.py")
    (top / ".git" / "objects" / identity[:2] / identity[2:]).unlink()
    tree = open_checkout(top, None)
    assert paths(tree) == ["a.py"]
    assert files_of(tree)[1] == {"missing from git's object store": 1}


def test_the_licence_of_a_checkout_is_recognised_by_its_text(make_checkout: MakeCheckout) -> None:
    assert open_checkout(make_checkout({"a.py": "x = 1\n", "LICENSE": MIT_TEXT}), None).licence == "MIT"


def test_the_environment_of_a_git_hook_leads_nowhere_else(
    make_checkout: MakeCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert paths(open_checkout(top, None)) == ["a.py"]


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere` does not exist; `path` must name a local git checkout"):
        open_checkout(tmp_path / "nowhere", None)


def test_a_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"file": ""})
    with pytest.raises(DataError, match=r"file` is not a folder"):
        open_checkout(tmp_path / "file", None)


def test_a_folder_without_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a git checkout; run `git init`"):
        open_checkout(tmp_path, None)


def test_a_folder_inside_a_checkout_is_refused(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"part/a.py": "x = 1\n"})
    with pytest.raises(DataError, match=r"is the folder `part/` of a checkout; give the checkout"):
        open_checkout(top / "part", None)


def test_a_checkout_without_a_commit_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(DataError, match="has no commit yet; commit its files first"):
        open_checkout(tmp_path, None)


@pytest.mark.parametrize("unknown", ["0" * 40, "v9.9", "HEAD:a.py", "HEAD~5"])
def test_an_unknown_commit_is_named(make_checkout: MakeCheckout, unknown: str) -> None:
    with pytest.raises(DataError, match=rf"commit `{unknown}` is not in source `.*shop`; fetch it"):
        open_checkout(make_checkout({"a.py": "x = 1\n"}), unknown)


def test_without_git_the_way_out_is_named(make_checkout: MakeCheckout, monkeypatch: pytest.MonkeyPatch) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    monkeypatch.setenv("PATH", str(top))
    with pytest.raises(DataError, match=r"`git` is not installed; install it"):
        open_checkout(top, None)


def test_an_installed_package_is_read_with_version_and_licence(make_package: MakePackage) -> None:
    tree = open_package(make_package({"shop/b.py": "y = 2\n", "shop/a.py": "x = 1\n", "shop/data.txt": ""}))
    assert paths(tree) == ["shop/a.py", "shop/b.py"]
    assert (tree.name, tree.commit, tree.licence) == ("shop-kit", "1.2", "MIT")


def test_a_package_is_found_by_the_name_that_is_imported() -> None:
    assert open_package("yaml").name == "PyYAML"


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(DataError, match="package `no-such-thing` is not installed here; install it"):
        open_package("no-such-thing")


def test_a_package_that_is_a_link_to_its_checkout_is_refused(make_package: MakePackage) -> None:
    with pytest.raises(DataError, match="package `shop-kit` is installed as a link to its checkout"):
        open_package(make_package({"__editable__.shop_kit-1.2.pth": ""}))


def test_links_pipes_and_lost_files_of_a_package_are_counted_and_never_opened(
    make_package: MakePackage, tmp_path: Path
) -> None:
    name = make_package({"shop/a.py": "x = 1\n", "shop/loop.py": "", "shop/pipe.py": "", "shop/lost.py": ""})
    for file in ("loop", "pipe", "lost"):
        (tmp_path / "site" / "shop" / f"{file}.py").unlink()
    (tmp_path / "site" / "shop" / "loop.py").symlink_to("loop.py")
    os.mkfifo(tmp_path / "site" / "shop" / "pipe.py")
    tree = open_package(name)
    assert paths(tree) == ["shop/a.py"]
    assert files_of(tree)[1]["not regular files"] >= 1  # a library that is loaded may hide what is lost from the list
