"""The standard library as documents: what is left out, and that the order is always the same."""

import platform
from pathlib import Path

import pytest

from data.library import library_documents
from hone.errors import DataError
from tests.data.making import write


def test_the_library_of_this_python_gives_megabytes_of_source() -> None:
    library = library_documents()
    assert library.version == platform.python_version()
    assert len(library.documents) > 300
    assert sum(len(document) for document in library.documents) > 5_000_000
    assert any(document.startswith('r"""OS routines for NT or Posix') for document in library.documents)


def test_tests_tables_bundled_and_foreign_packages_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "b = 1\n", "a/c.py": "c = 1\n", "a/empty.py": "\n", "notes.txt": "no"})
    for folder in (
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "encodings",
        "site-packages",
        "ensurepip/_bundled",
        "config-3.11",
    ):
        write(tmp_path, {f"{folder}/x.py": "no = 1\n"})
    write(tmp_path, {"a/test_x.py": "no = 1\n", "_sysconfigdata__linux.py": "no = 1\n", "unittest/case.py": "d = 1\n"})
    assert library_documents(tmp_path).documents == ("c = 1\n", "b = 1\n", "d = 1\n")


def test_links_and_loops_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "a = 1\n"})
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "twice.py").symlink_to("a.py")
    assert library_documents(tmp_path).documents == ("a = 1\n",)


def test_encodings_are_followed_and_what_is_not_text_is_counted(tmp_path: Path) -> None:
    latin = "# coding: latin-1\nx = 'ö'\n"
    write(tmp_path, {"a.py": latin.encode("latin-1"), "b.py": b"x = '\xff'\n", "c.py": b"\0\0", "d.py": "d = 1\r\n"})
    library = library_documents(tmp_path)
    assert library.documents == (latin, "d = 1\n")
    assert library.skipped == {"files: not text in its encoding": 1, "files: null bytes": 1}


def test_a_folder_without_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no source of the standard library"):
        library_documents(tmp_path)
