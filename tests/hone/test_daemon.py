"""Daemons start once, come back when they die, give up when hopeless, and leave nothing behind when stopped."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hone import daemon
from hone.errors import DaemonError
from hone.layout import Layout

WAIT_S = 20.0


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(root=tmp_path, artifacts=tmp_path / "artifacts")
    yield layout
    for name in daemon.names(layout):
        daemon.stop(layout, name)


def python(code: str, tmp_path: Path) -> daemon.DaemonSpec:
    return daemon.DaemonSpec(argv=(sys.executable, "-c", code), env={}, cwd=str(tmp_path), grace_s=2.0)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(true: "daemon.Callable[[], bool]") -> bool:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def start_sleeper(layout: Layout, tmp_path: Path) -> int:
    spec = python("import time; open('ready', 'w').close(); time.sleep(600)", tmp_path)
    daemon.start(layout, "sleeper", spec, ready=(tmp_path / "ready").exists, timeout_s=WAIT_S)
    pid = daemon.process_id(layout, "sleeper")
    assert pid is not None
    return pid


def test_a_started_daemon_runs_and_a_second_start_leaves_it_alone(layout: Layout, tmp_path: Path) -> None:
    first = start_sleeper(layout, tmp_path)
    assert start_sleeper(layout, tmp_path) == first
    assert daemon.names(layout) == ["sleeper"]


def test_another_spec_replaces_the_running_daemon(layout: Layout, tmp_path: Path) -> None:
    first = start_sleeper(layout, tmp_path)
    spec = python("import time; open('second', 'w').close(); time.sleep(600)", tmp_path)
    daemon.start(layout, "sleeper", spec, ready=(tmp_path / "second").exists, timeout_s=WAIT_S)
    assert not running(first)


def test_a_killed_daemon_is_started_again(layout: Layout, tmp_path: Path) -> None:
    first = start_sleeper(layout, tmp_path)
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: daemon.process_id(layout, "sleeper") not in (None, first))


def test_stopping_ends_the_process_and_its_children(layout: Layout, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid)); time.sleep(600)"
    )
    file = tmp_path / "child"
    ready = lambda: file.exists() and bool(file.read_text())  # noqa: E731
    daemon.start(layout, "parent", python(code, tmp_path), ready=ready, timeout_s=WAIT_S)
    child = int(file.read_text())
    assert daemon.stop(layout, "parent")
    assert eventually(lambda: not running(child))
    assert not daemon.stop(layout, "parent")


def test_the_daemon_dies_with_its_supervisor(layout: Layout, tmp_path: Path) -> None:
    pid = start_sleeper(layout, tmp_path)
    supervisor = int((daemon.folder_of(layout, "sleeper") / "supervisor").read_text().split()[0])
    os.kill(supervisor, signal.SIGKILL)
    assert eventually(lambda: not running(pid))
    assert not daemon.alive(layout, "sleeper")


def test_a_daemon_that_keeps_dying_is_given_up_with_its_log(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="`broken` died") as caught:
        daemon.start(
            layout, "broken", python("raise SystemExit('no model here')", tmp_path), ready=lambda: False, timeout_s=2.0
        )
    assert "no model here" in caught.value.detail
    assert daemon.names(layout) == []


def test_a_process_id_that_now_belongs_to_another_process_is_never_signalled(layout: Layout, tmp_path: Path) -> None:
    start_sleeper(layout, tmp_path)
    daemon.stop(layout, "sleeper")
    stale = daemon.folder_of(layout, "sleeper") / "supervisor"
    stale.write_text(f"{os.getpid()} another-boot:1")
    assert not daemon.stop(layout, "sleeper")


def test_a_secret_of_the_environment_reaches_the_process_and_no_file(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-very-secret")
    code = "import os, time; open('seen', 'w').write(os.environ['A_KEY'][:6] + str(len(os.environ))); time.sleep(600)"
    spec = daemon.DaemonSpec(
        argv=(sys.executable, "-c", code), env={}, cwd=str(tmp_path), grace_s=2.0, inherits=("A_KEY", "ABSENT")
    )
    seen = tmp_path / "seen"
    daemon.start(layout, "keeper", spec, ready=lambda: seen.exists() and bool(seen.read_text()), timeout_s=WAIT_S)
    assert seen.read_text().startswith("sk-ver")
    for path in daemon.folder_of(layout, "keeper").iterdir():
        assert "sk-very-secret" not in path.read_text()
