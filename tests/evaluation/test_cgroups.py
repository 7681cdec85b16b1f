"""Control groups of whichever version this machine has. `scripts/check_cgroup2.py` boots one that has version 2."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.sandbox.cgroups import ControlGroup, left_groups, make_group

NAME = f"hone-tests-{os.getpid()}"


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    group = make_group(NAME, 64 << 20)
    if group is None:
        pytest.skip("no control group can be made here")
    yield group
    group.kill()
    group.remove()


def put_in(group: ControlGroup, code: str) -> "subprocess.Popen[bytes]":
    """A process that joins the group before it does anything else."""
    entries = group.entries()
    joining = f"import os, time\nfor entry in {entries}: os.write(entry, b'0')\n"
    process = subprocess.Popen([sys.executable, "-S", "-c", joining + code], pass_fds=entries)
    for descriptor in entries:
        os.close(descriptor)
    return process


def test_it_knows_and_kills_what_is_in_it(group: ControlGroup) -> None:
    group.allow(8)
    with put_in(group, "time.sleep(60)") as process:
        deadline = time.monotonic() + 30
        while process.pid not in group.processes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        group.kill()
        assert process.wait() == -9
    assert group.processes() == []


def test_what_needs_more_memory_than_it_has_is_killed_and_counted(group: ControlGroup) -> None:
    with put_in(group, "len(b'x' * (200 << 20))") as process:
        assert process.wait() == -9
    assert group.kills() == 1


def test_its_peak_is_that_since_it_was_last_asked(group: ControlGroup) -> None:
    with put_in(group, "len(b'x' * (40 << 20))"):
        pass
    assert 40 << 20 < group.take_peak() <= 64 << 20
    with put_in(group, ""):
        pass
    assert group.take_peak() < 40 << 20


def test_it_is_found_by_its_name_until_it_is_removed(group: ControlGroup) -> None:
    assert {folder.name for folder in left_groups(NAME)} == {NAME}
    group.remove()
    assert left_groups(NAME) == []
    assert not Path(group.memory).exists()
