"""Making the base image where something is missing or goes wrong; a stand-in `debootstrap` on the PATH is the fault."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from deployment.base_image import MADE_HERE, apt_mirror, make_base_image
from deployment.engines import SOURCES
from hone.errors import DeploymentError, ImageBuildFailed

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root")


@pytest.fixture
def unused(tmp_path: Path) -> DockerClient:
    """A client of nobody: none of these gets as far as the engine."""
    return DockerClient(base_url=f"unix://{tmp_path / 'nobody.sock'}", version="1.41")


@pytest.fixture
def debootstrap_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in debootstrap's place."""

    def place(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "debootstrap").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "debootstrap").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return place


def test_without_debootstrap_the_error_names_the_command_that_installs_it(
    unused: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeploymentError, match=r"made with `debootstrap`.*`apt-get install --yes debootstrap`"):
        make_base_image(unused, tmp_path / "work", lambda _line: None)


@needs_root
def test_a_debootstrap_that_fails_shows_its_log_and_leaves_nothing(
    unused: DockerClient, tmp_path: Path, debootstrap_that: Callable[[str], None]
) -> None:
    debootstrap_that('echo "I: Retrieving InRelease"; echo "E: the mirror is gone"; exit 1')
    with pytest.raises(ImageBuildFailed, match=f"debootstrap could not make `{MADE_HERE}`") as raised:
        make_base_image(unused, tmp_path / "work", lambda _line: None)
    assert "E: the mirror is gone" in raised.value.detail
    assert not (tmp_path / "work").exists()


@needs_root
def test_debootstrap_dies_with_us_and_leaves_no_mount(tmp_path: Path, debootstrap_that: Callable[[str], None]) -> None:
    work = tmp_path / "work"
    debootstrap_that(
        'for target; do :; done; mkdir -p "$4/proc"; mount -t proc proc "$4/proc"; echo $4 > "$4/up"; sleep 99'
    )
    command = "import sys; from pathlib import Path; from deployment.base_image import make_base_image;"
    command += "make_base_image(None, Path(sys.argv[1]), print)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    maker = subprocess.Popen([sys.executable, "-c", command, str(work)], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (work / "rootfs" / "up").exists():
        assert time.monotonic() < deadline
        assert maker.poll() is None
        time.sleep(0.05)
    assert str(work) not in Path("/proc/mounts").read_text()
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    while _processes_naming(work):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shutil.rmtree(work)


def test_the_mirror_is_the_one_that_apt_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt_get = tmp_path / "apt-get"
    lines = ("http://m/debian-security/ bookworm-security main", "http://m/debian/ bookworm main")
    apt_get.write_text("#!/bin/sh\n" + "".join(f"echo {line}\n" for line in lines))
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert apt_mirror() == "http://m/debian/"


def test_without_apt_the_mirror_is_debootstraps_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert apt_mirror() is None


def _processes_naming(path: Path) -> list[str]:
    """The commands of living processes that name this path."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(path).encode() in command:
                found.append(command.decode(errors="replace"))
    return found
