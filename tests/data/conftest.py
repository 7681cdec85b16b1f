"""Git checkouts and installed packages, made for one test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.making import Files, commit, git, write

MakeCheckout = Callable[[Files], Path]
MakePackage = Callable[[Files], str]


@pytest.fixture
def make_checkout(tmp_path: Path) -> MakeCheckout:
    """Makes a git checkout `shop` with these files in one commit."""

    def make(files: Files) -> Path:
        top = tmp_path / "shop"
        top.mkdir()
        git(top, "init", "-q")
        write(top, files)
        commit(top)
        return top

    return make


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    """Installs these files as the distribution `shop-kit` 1.2 for the length of a test, and returns its name."""

    def make(files: Files) -> str:
        facts = ("Metadata-Version: 2.4", "Name: shop-kit", "Version: 1.2", "License-Expression: MIT")
        info = {
            "shop_kit-1.2.dist-info/METADATA": "\n".join(facts) + "\n",
            "shop_kit-1.2.dist-info/RECORD": "".join(f"{path},,\n" for path in files),
        }
        write(tmp_path / "site", {**files, **info})
        monkeypatch.syspath_prepend(tmp_path / "site")
        return "shop-kit"

    return make
