"""The image that every other one stands on: present, pulled, or made on this machine with debootstrap.

debootstrap needs root and a Debian mirror (the one that apt uses here, where it has this suite). It runs in its own
mount and process namespace and dies with this process, so that a run killed anywhere leaves no mount and no image.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from deployment.engines import Progress
from hone.errors import DeploymentError, ImageBuildFailed
from hone.files import locked
from hone.layout import Layout

SUITE = "bookworm"  # its Python is 3.11
MADE_HERE = f"hone-base:{SUITE}"
PACKAGES = ("python3-minimal", "python3-venv", "ca-certificates")
LOCK_WAIT_S = 600.0  # somebody else makes the same image: wait for it and use it
LOG_TAIL_LINES = 30
# What a container needs neither to run nor to be looked into.
SLIMMED = (
    "var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*", "var/log/*", "tmp/*",
    "usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*",
)  # fmt: skip


def ensure_base_image(client: docker.DockerClient, name: str, layout: Layout, progress: Progress) -> str:
    """The id of the image of that name; made or pulled first where the engine does not have it.

    Raises `DeploymentError` naming what is missing, `ImageBuildFailed` with debootstrap's log.
    """
    found = _find(client, name)
    if found:
        return found
    if name != MADE_HERE:
        return _pull(client, name, progress)
    with locked(layout.cache / "base-image.lock", what="making the base image", wait_s=LOCK_WAIT_S):
        return _find(client, name) or make_base_image(client, layout.cache / "base-image", progress)


def _find(client: docker.DockerClient, name: str) -> str | None:
    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        return None


def _pull(client: docker.DockerClient, name: str, progress: Progress) -> str:
    progress(f"pulling `{name}`")
    try:
        client.images.pull(name)
        return str(client.images.get(name).id)
    except APIError as error:
        raise DeploymentError(
            f"the base image `{name}` is not here and cannot be pulled ({error.explanation}); "
            f"load it with `docker load`, or set `deployment.base_image: {MADE_HERE}`, which is made on this machine"
        ) from error


def make_base_image(client: docker.DockerClient, work: Path, progress: Progress) -> str:
    """debootstrap → slim → import. Nothing of it stays on disk."""
    _check_tools()
    shutil.rmtree(work, ignore_errors=True)  # what a killed run left
    rootfs = work / "rootfs"
    try:
        rootfs.mkdir(parents=True)
        _debootstrap(rootfs, progress)
        for pattern in SLIMMED:
            for path in rootfs.glob(pattern):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        progress("importing the base image")
        return _import(client, rootfs)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_tools() -> None:
    missing = [tool for tool in ("debootstrap", "unshare", "setpriv", "tar") if shutil.which(tool) is None]
    if missing:
        raise DeploymentError(
            f"the base image `{MADE_HERE}` is made with `{missing[0]}`, which is not installed; "
            "`apt-get install --yes debootstrap` installs it, or name another image in `deployment.base_image`"
        )
    if os.geteuid() != 0:
        raise DeploymentError(
            f"making the base image `{MADE_HERE}` needs root; run `sudo {shutil.which('hone') or 'hone'} deploy "
            "base-image` once, or name another image in `deployment.base_image`"
        )


def _debootstrap(rootfs: Path, progress: Progress) -> None:
    """Runs debootstrap, reporting each of its steps."""
    progress(f"making the base image `{MADE_HERE}` with debootstrap (about a minute, once)")
    # Killed with us (--pdeathsig); everything it started goes with its process namespace, its mounts with theirs.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    command += ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(rootfs)]
    mirror = apt_mirror()
    lines: list[str] = []
    with subprocess.Popen(
        [*command, *([mirror] if mirror else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("I: Configuring") or line.startswith("I: Installing"):
                progress(line.removeprefix("I: ").rstrip())
    if process.returncode:
        raise ImageBuildFailed(
            f"debootstrap could not make `{MADE_HERE}` from {mirror or 'its default mirror'}; its last lines are above",
            detail="\n".join(lines[-LOG_TAIL_LINES:]),
        )


def apt_mirror() -> str | None:
    """The mirror from which apt on this machine takes the suite, None where it takes it from nowhere."""
    wanted = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    try:
        answer = subprocess.run(wanted, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next((line.split()[0] for line in answer.splitlines() if line.split()[1:] == [SUITE, "main"]), None)


def _import(client: docker.DockerClient, rootfs: Path) -> str:
    """Streams the folder into the engine; it gets its name only when all of it has arrived."""
    labels = {"dev.hone.base": "debootstrap", "dev.hone.suite": SUITE, "dev.hone.packages": ",".join(PACKAGES)}
    changes = [f'LABEL {key}="{value}"' for key, value in labels.items()]
    changes += ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 'CMD ["python3"]']
    pack = ["tar", "--numeric-owner", "--sort=name", "--mtime=@0", "--exclude=./dev/*", "--create", "."]
    with subprocess.Popen(pack, cwd=rootfs, stdout=subprocess.PIPE) as packing:
        answer = client.api.import_image_from_stream(packing.stdout, changes=changes)
    image = client.images.get(json.loads(answer.splitlines()[-1])["status"])
    if packing.returncode:
        client.images.remove(str(image.id))
        raise ImageBuildFailed(f"`{MADE_HERE}` could not be packed (`tar` ended with {packing.returncode}); try again")
    image.tag(MADE_HERE)
    return str(image.id)
