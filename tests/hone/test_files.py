"""Files are whole or absent, digests follow content, and locks end with their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from hone.errors import Busy
from hone.files import locked, sha256_tree, write_atomic


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")
    target_folder = tmp_path / "folder"
    target_folder.mkdir()
    (target_folder / "inner").touch()
    with pytest.raises(OSError, match="directory"):
        write_atomic(target_folder, b"new")  # a folder that is not empty cannot be replaced by a file
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_digest_of_a_folder_changes_with_a_name_and_with_a_byte(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    first = sha256_tree(tmp_path)
    (tmp_path / "a").write_text("two")
    second = sha256_tree(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, sha256_tree(tmp_path)}) == 3


def test_the_digest_of_a_folder_leaves_out_byte_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    before = sha256_tree(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert sha256_tree(tmp_path) == before


def test_a_held_lock_refuses_others_and_names_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, hone.files\n"
            "with hone.files.locked(pathlib.Path(sys.argv[1]), what='it'):\n"
            "    print('held', flush=True); sys.stdin.read()",
            str(tmp_path / "lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(Busy, match=f"the job is already running \\(process {holder.pid}\\)"),
            locked(tmp_path / "lock", what="the job"),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with locked(tmp_path / "lock", what="the job"):
        pass  # the killed process holds it no longer
