"""Sources give files with all that is known of them, or the reason why one cannot be read."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.config import DataConfig
from data.files import CodeFile
from data.filters import FilterConfig
from data.reading import ReadFile, Unread, list_source, open_source, read_source
from data.sources import DatasetSource, FileSource
from hone.config import load_config
from hone.errors import ConfigError, DataError
from hone.files import sha256_bytes
from tests.data.conftest import MakeCheckout, MakePackage
from tests.data.making import MIT_TEXT, commit, documented, git, write

NOBODY = 65534


def source(**settings: object) -> FileSource:
    (found,) = DataConfig.model_validate({"sources": [settings]}).sources
    return found  # type: ignore[return-value]


def read(wanted: FileSource, root: Path = Path()) -> tuple[list[CodeFile], dict[str, str], Counter[str]]:
    """The files with text, of the others why not, and what was not even listed."""
    skipped: Counter[str] = Counter()
    tree = open_source(wanted, root, root / "fetched")
    found = [one for _, one in read_source(wanted, tree, list(list_source(wanted, tree, skipped)), FilterConfig())]
    refused = {
        one.file.path: f"{one.rejection.filter}: {one.rejection.why}" for one in found if isinstance(one, Unread)
    }
    return [one.file for one in found if isinstance(one, ReadFile)], refused, skipped


def paths(wanted: FileSource, root: Path = Path()) -> list[str]:
    return [file.path for file in read(wanted, root)[0]]


def test_a_file_of_a_commit_knows_all_that_is_known_of_it(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"pkg/a.go": "package a\r\n", "LICENSE": MIT_TEXT})
    (file,), _, _ = read(source(kind="repository", path=str(top)))
    head = git(top, "rev-parse", "HEAD")
    digest = sha256_bytes(b"package a\r\n")
    assert file == CodeFile("shop", "shop", head, "pkg/a.go", "go", "MIT", digest, "package a\n")


def test_every_known_language_is_read_and_nothing_else(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x", "b.rs": "x", "c.md": "x", "d": "x", "e.TS": "x"})
    assert paths(source(kind="repository", path=str(top))) == ["a.py", "b.rs", "e.TS"]


def test_globs_choose_the_files(make_checkout: MakeCheckout) -> None:
    names = ["a.py", "pkg/b.py", "pkg/deep/c.py", "pkg/tests/d.py", "pkg/test_e.py", "tests/f.py", "pkg/latests/g.py"]
    top = make_checkout({name: documented(Path(name).stem) for name in names})

    def found(**settings: object) -> list[str]:
        return paths(source(kind="repository", path=str(top), **settings))

    assert found() == ["a.py", "pkg/b.py", "pkg/deep/c.py", "pkg/latests/g.py"]
    assert found(include=("pkg/*.py",), exclude=()) == ["pkg/b.py", "pkg/test_e.py"]
    assert found(include=("pkg/**",), exclude=("**/?.py",)) == ["pkg/test_e.py"]


def test_a_repository_elsewhere_is_fetched_at_its_commit(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({"a.py": "x = 1\n", "LICENSE": MIT_TEXT})
    first = git(top, "rev-parse", "HEAD")
    write(top, {"a.py": "x = 2\n"})
    commit(top)
    for wanted, text in ((first, "x = 1\n"), (None, "x = 2\n"), (first[:10], "x = 1\n"), ("main", "x = 2\n")):
        (file,), _, _ = read(source(kind="repository", url=f"file://{top}", commit=wanted), tmp_path)
        assert (file.text, file.source, file.licence) == (text, "shop", "MIT")


@pytest.mark.parametrize("history", [False, True])
def test_what_was_fetched_is_not_asked_for_again(make_checkout: MakeCheckout, tmp_path: Path, history: bool) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    wanted = source(kind="repository", url=f"file://{top}", commit=git(top, "rev-parse", "HEAD"), history=history)
    assert paths(wanted, tmp_path) == ["a.py"]
    top.rename(tmp_path / "gone")
    assert paths(wanted, tmp_path) == ["a.py"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "file:///no/such/repository"}, "git cannot fetch `file:///no/such/repository`: .*repository"),
        ({"url": "file://token:secret@host/x.git"}, r"git cannot fetch `file://host/x\.git`"),
        ({"url": "https://127.0.0.1:1/x.git"}, r"git cannot fetch `https://127\.0\.0\.1:1/x\.git`: "),
    ],
)
def test_what_cannot_be_fetched_is_named_without_a_login(
    tmp_path: Path, settings: dict[str, str], problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        read(source(kind="repository", **settings), tmp_path)
    assert "secret" not in f"{caught.value}{caught.value.detail}"


def test_a_commit_that_is_not_there_is_named(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    with pytest.raises(DataError, match=r"git cannot fetch|commit `v9` is not in source `file:"):
        read(source(kind="repository", url=f"file://{top}", commit="v9"), tmp_path)


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "src", {"b.py": "x = 1\n", "a/c.py": "y = 2\n", "a.py": "z = 3\n", "COPYING": MIT_TEXT})
    files, _, _ = read(source(kind="folder", path="src"), tmp_path)
    assert [(file.path, file.source, file.licence) for file in files] == [
        ("a.py", "src", "MIT"),
        ("a/c.py", "src", "MIT"),
        ("b.py", "src", "MIT"),
    ]


def test_links_loops_pipes_and_what_is_unreadable_are_counted_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path / "src", {"a.py": "x = 1\n"})
    (tmp_path / "src" / "loop").symlink_to(".")
    (tmp_path / "src" / "link.py").symlink_to("a.py")
    os.mkfifo(tmp_path / "src" / "pipe.py")
    (tmp_path / "src" / os.fsdecode(b"caf\xe9.py")).write_text("x")
    files, _, skipped = read(source(kind="folder", path="src"), tmp_path)
    assert [file.path for file in files] == ["a.py"]
    assert skipped == {"symbolic links": 1, "not regular files": 1, "names that are not UTF-8": 1}


def test_folders_may_lie_deeper_than_python_calls(tmp_path: Path) -> None:
    write(tmp_path / "src", {"a.py": "x = 1\n"})
    here = os.open(tmp_path / "src", os.O_RDONLY)
    for _ in range(3_000):  # deeper than a path can be long, too
        os.mkdir("d", dir_fd=here)
        above, here = here, os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(above)
    os.close(here)
    try:
        files, _, skipped = read(source(kind="folder", path="src"), tmp_path)
    finally:
        subprocess.run(["rm", "-r", str(tmp_path / "src" / "d")], check=True)  # pytest's own way is not deep enough
    assert [file.path for file in files] == ["a.py"]
    assert skipped == {"folders: unreadable": 1}


@pytest.mark.parametrize("closed", ["src", "src/LICENSE"])
def test_a_source_that_this_user_may_not_read_is_named(closed: str, tmp_path: Path) -> None:
    write(tmp_path / "src", {"a.py": "x = 1\n", "LICENSE": MIT_TEXT})
    (tmp_path / closed).chmod(0)
    with an_ordinary_user(tmp_path), pytest.raises(DataError, match=rf"source `src`: `.*{closed}` may not be read"):
        open_source(source(kind="folder", path="src"), tmp_path, tmp_path)


@contextmanager
def an_ordinary_user(folder: Path) -> Iterator[None]:
    """Whoever runs the tests without the rights of root, to whom nothing is closed. `folder` can be reached."""
    mine = os.geteuid()
    for place in () if mine else (folder, *list(folder.parents)[:2]):
        place.chmod(0o755)
    if not mine:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_file_that_changes_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "src", {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    wanted = source(kind="folder", path="src")
    tree = open_source(wanted, tmp_path, tmp_path)
    entries = list(list_source(wanted, tree, Counter()))
    write(tmp_path / "src", {"a.py": "x = 2\n"})
    changed, same = (one for _, one in read_source(wanted, tree, entries, FilterConfig()))
    assert isinstance(changed, Unread)
    assert (changed.rejection.filter, changed.rejection.why) == ("unreadable", "changed while it was read")
    assert same.file.text == "y = 1\n"


def test_what_is_no_text_says_why(tmp_path: Path) -> None:
    write(
        tmp_path / "src",
        {
            "latin.py": "x = 'Größe'\n".encode("latin-1"),
            "latin.go": "// Größe\n".encode("latin-1"),
            "null.js": b"a\n\0",
            "long.py": "#" * 1_000_001,
            "wide.java": "class A {}\n".encode("utf-16"),
            "mark.c": b"\xef\xbb\xbfint a;\n",
        },
    )
    files, refused, _ = read(source(kind="folder", path="src"), tmp_path)
    assert [(file.path, file.text) for file in files] == [("mark.c", "int a;\n"), ("wide.java", "class A {}\n")]
    assert {path: why.partition(":")[0] for path, why in refused.items()} == {
        "latin.go": "not text in its encoding",
        "latin.py": "not text in its encoding",
        "long.py": "max_bytes",
        "null.js": "null bytes",
    }
    assert refused["long.py"] == "max_bytes: 1,000,001 bytes, more than 1,000,000"


def test_submodules_are_counted_and_not_read(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n"})
    git(top, "update-index", "--add", "--cacheinfo", f"160000,{git(top, 'rev-parse', 'HEAD')},inner")
    git(top, "commit", "-q", "-m", "Add")
    files, _, skipped = read(source(kind="repository", path=str(top)))
    assert [file.path for file in files] == ["a.py"]
    assert skipped == {"submodules": 1}


def test_a_package_gives_files_with_its_version(make_package: MakePackage) -> None:
    (file,), _, _ = read(source(kind="package", package=make_package({"shop/a.py": documented("pay")})))
    assert (file.source, file.commit, file.licence, file.path) == ("shop-kit", "1.2", "MIT", "shop/a.py")


def test_a_name_and_a_licence_can_be_stated(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": "x = 1\n", "LICENSE": MIT_TEXT})
    (file,), _, _ = read(source(kind="repository", path=str(top), name="till", licence="LicenseRef-Ours"))
    assert (file.source, file.licence) == ("till", "LicenseRef-Ours")


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("kind: repository", "exactly one of `path` and `url`"),
        ("{kind: repository, path: a, url: 'https://host/b'}", "exactly one of `path` and `url`"),
        ("{kind: repository, package: b}", r"`\{kind: package, package: NAME\}`"),
        ("{kind: repository, path: a, comit: abc}", "did you mean `commit`"),
        ("{kind: repository, path: a, commit: --help}", r"`sources\.0\.commit`"),
        ("{kind: repository, url: --upload-pack=x}", r"`sources\.0\.url`"),
        ("{kind: repository, path: a, heldout_fraction: 1.5}", r"`sources\.0\.heldout_fraction`"),
        ("{kind: folder, path: a, name: 'a b'}", r"`sources\.0\.name`"),
        ("{kind: dataset, path: a.jsonl}", "say the rows' language"),
        ("{kind: dataset, path: a.jsonl, language: go, columns: {txt: a}}", "unknown key"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, yaml: str, problem: str) -> None:
    write(tmp_path, {"data.yaml": f"sources:\n  - {yaml}\n"})
    with pytest.raises(ConfigError, match=problem) as caught:
        load_config(tmp_path / "data.yaml", DataConfig)
    assert len(str(caught.value).splitlines()) == 1


def test_a_dataset_source_is_told_from_the_others() -> None:
    assert isinstance(source(kind="dataset", path="a.jsonl", language="go"), DatasetSource)
