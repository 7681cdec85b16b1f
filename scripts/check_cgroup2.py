"""Boots a real kernel whose only control groups are of version 2, and runs the sandbox there, in groups of every kind.

`sudo python scripts/check_cgroup2.py` (a Python 3.11 with pip), for machines that have version 1, where that code of
ours would never run. Nothing is installed: the system is Debian's, emulated, and lies in `artifacts/cgroup2/`, which
may be removed. Takes 2 GB of memory and some ten minutes. `--kernel FILE.deb` boots another of Debian's kernels.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
WORK = REPOSITORY / "artifacts" / "cgroup2"
SUITE = "bookworm"  # its Python is 3.11
INCLUDED = "python3,libseccomp2"
PACKAGES = ("msgspec", "pydantic", "pyyaml", "rich", "structlog", "typer")  # what `hone` itself needs
UNNEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "usr/share/zoneinfo", "var/cache",
            "var/lib/apt", "usr/lib/x86_64-linux-gnu/gconv")  # fmt: skip
TOOLS = {"debootstrap": "debootstrap", "cpio": "cpio", "dpkg-deb": "dpkg", "qemu-system-x86_64": "qemu-system-x86"}
CPU = "max,-cx16"  # QEMU 7.2 spoils the flags after that instruction, which newer kernels use from their start
LONGEST_S = 3600
SAYS = "CHECKED "

# Each place, and whether there is a control group to be had.
PLACES = {
    "root, in the root group": True,
    "root, in a group with others": True,
    "a user, beside others in a group that is delegated": True,
    "a user, alone in a delegated group": True,
    "a user, with others in a delegated group": False,
    "a user, in a group that is not delegated": False,
}
ATTACKED = ("root, in the root group", "a user, beside others in a group that is delegated")  # the others are like one

# The system is unpacked into memory as the kernel's first root, which cannot be changed: so it is bound over itself.
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /bound; mount --bind / /bound
for folder in proc sys dev; do mount --move /$folder /bound/$folder; done
cd /bound; mount --move . /
exec chroot . /check.sh
"""

CHECK = r"""#!/bin/sh
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
groups=/sys/fs/cgroup
ordinary="setpriv --reuid 1000 --regid 1000 --clear-groups --bounding-set -all"
others() { sleep 100000 & echo $! > $1/cgroup.procs; }
delegate() { mkdir -p $1; chown 1000:1000 $1 $1/cgroup.procs $1/cgroup.threads $1/cgroup.subtree_control; }
check() {
    name=$1 group=$2; shift 2
    (echo 0 > $group/cgroup.procs; exec "$@" python3 -B /hone/check.py "$name" $attacked)
}

attacked=yes
check "root, in the root group" $groups env
attacked=
echo "+memory +pids" > $groups/cgroup.subtree_control

mkdir -p $groups/system/service; others $groups/system/service
check "root, in a group with others" $groups/system/service env

delegate $groups/user; delegate $groups/user/application; others $groups/user/application
attacked=yes
check "a user, beside others in a group that is delegated" $groups/user/application $ordinary
attacked=

delegate $groups/scope
check "a user, alone in a delegated group" $groups/scope $ordinary

delegate $groups/shared; others $groups/shared
check "a user, with others in a delegated group" $groups/shared $ordinary

check "a user, in a group that is not delegated" $groups/system/service $ordinary
echo o > /proc/sysrq-trigger; sleep 60
"""

INSIDE = r'''
import json, os, sys
from evaluation.sandbox import Candidate, Limits
from evaluation.sandbox.cgroups import left_groups
from evaluation.sandbox.namespaces import PREFIX, Namespaces
from evaluation.sandbox.trial import try_all
from hone.records import TestCase

# Holds so many MiB in each of so many processes at one time, and answers 0.
HOLD = """
import os, time
def solve(processes, each):
    for _ in range(processes):
        if os.fork() == 0:
            held = b"x" * (each << 20)
            time.sleep(8)
            os._exit(0)
    for _ in range(processes):
        os.wait()
    return 0
"""

def open_slots(timeout_s):
    return Namespaces(Limits(timeout_s=timeout_s, memory_mb=128), os.cpu_count())

def held(sandbox, *arguments):
    case = TestCase(arguments=arguments, expected=0)
    candidate = Candidate(id="one", source=HOLD, entry_point="solve", tests=(case,))
    return sandbox.run([candidate], on_done=lambda _: None)[0]

sandbox = open_slots(60)
tried = [held(sandbox, *arguments) for arguments in ((2, 45), (2, 30), (3, 60))]
found = {"place": sys.argv[1], "kernel": os.uname().release, "isolation": sandbox.isolation}
found["held"] = [one.status for one in tried]
found["peaks_mb"] = [round(one.peak_mb) for one in tried]
sandbox.close()
if len(sys.argv) > 2:
    sandbox = open_slots(15)
    trials = try_all(sandbox, progress=lambda done, total: print(f"{done} of {total}", flush=True))
    sandbox.close()
    found["contained"] = sum(trial.contained for trial in trials)
    found["escaped"] = [f"{trial.name}: {trial.outcome} {trial.detail}" for trial in trials if not trial.contained]
found["left"] = [folder.name for folder in left_groups(PREFIX) if not folder.name.endswith("-self")]
print("CHECKED", json.dumps(found), flush=True)
'''


def main() -> None:
    """Exit code 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, help="a Debian package with a kernel, in place of the newest of apt's")
    asked = parser.parse_args()
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        sys.exit(f"`apt-get install --yes {' '.join(missing)}` installs what is missing")
    if os.geteuid() != 0 or platform.machine() != "x86_64" or sys.version_info[:2] != (3, 11):
        sys.exit("this needs root, for debootstrap, on x86_64, and Python 3.11")
    WORK.mkdir(parents=True, exist_ok=True)
    system = make_system()
    put_in(system)
    kernel = unpacked_kernel(asked.kernel)
    faults = [fault for found in boot(kernel, packed(system)) for fault in faults_of(found)]
    for fault in faults:
        print(f"WRONG  {fault}")
    sys.exit(1 if faults else 0)


def make_system() -> Path:
    """Debian's smallest, with what the sandbox imports. Made once."""
    system, made = WORK / "system", WORK / "system-made"
    if made.exists():
        return system
    shutil.rmtree(system, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", SUITE, str(system))
    for folder in UNNEEDED:
        shutil.rmtree(system / folder, ignore_errors=True)
    target = str(system / "usr/local/lib/python3.11/dist-packages")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "-c", "constraints.txt", *PACKAGES)
    made.touch()
    return system


def put_in(system: Path) -> None:
    """Hone as it is now, and what is run there."""
    shutil.rmtree(system / "hone", ignore_errors=True)
    for folder in ("hone", "evaluation"):
        shutil.copytree(REPOSITORY / folder, system / "hone" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in (("init", INIT), ("check.sh", CHECK), ("hone/check.py", INSIDE)):
        (system / name).write_text(text)
        (system / name).chmod(0o755)


def unpacked_kernel(package: Path | None) -> Path:
    """The kernel's image alone, out of its package."""
    if package is None:
        words = output("apt-cache", "depends", "linux-image-cloud-amd64").split()
        name = next(word for word in words[1:] if word.startswith("linux-image-"))
        run("apt-get", "download", name, folder=WORK)
        package = max(WORK.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    shutil.rmtree(WORK / "kernel", ignore_errors=True)
    run("dpkg-deb", "-x", str(package.resolve()), str(WORK / "kernel"))
    return next((WORK / "kernel" / "boot").glob("vmlinuz-*"))


def packed(system: Path) -> Path:
    """The system as the file that the kernel unpacks into memory."""
    archive, names = WORK / "system.cpio", output("find", ".", folder=system)
    with archive.open("wb") as file:
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc"], cwd=system, input=names.encode(), stdout=file, check=True
        )
    return archive


def boot(kernel: Path, system: Path) -> Iterator[dict[str, Any]]:
    """What was found at each place; a line is shown for each. All that the machine says goes to `console.log`."""
    words = "console=ttyS0 quiet panic=-1 cgroup_no_v1=all"
    machine = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", CPU]
    machine += ["-smp", "2", "-m", "2048", "-nographic", "-no-reboot", "-nic", "none"]
    machine += ["-kernel", str(kernel), "-initrd", str(system), "-append", words]
    seen = set()
    with (
        (WORK / "console.log").open("w") as log,
        subprocess.Popen(
            machine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as process,
    ):
        clock = threading.Timer(LONGEST_S, process.kill)
        clock.start()
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            if line.startswith(SAYS):
                found = json.loads(line.removeprefix(SAYS))
                seen.add(found["place"])
                contained = f"; {found['contained']} attacks contained" if "contained" in found else ""
                print(f"{found['place']:<52} {found['isolation']}, Linux {found['kernel']}{contained}", flush=True)
                yield found
        clock.cancel()
    for place in PLACES.keys() - seen:
        yield {"place": place}


def faults_of(found: dict[str, Any]) -> Iterator[str]:
    """What is not as it should be at one place."""
    place = str(found["place"])
    if len(found) == 1:
        yield f"{place}: nothing was heard from there; see {WORK / 'console.log'}"
        return
    if PLACES[place] != ("cgroup v2" in str(found["isolation"])):
        yield f"{place}: isolated by {found['isolation']}"
    if PLACES[place] and found["held"] != ["pass", "pass", "out-of-memory"]:
        yield f"{place}: processes that hold 90, 60 and 180 MiB of 128 together were {found['held']}"
    first, second, _ = found["peaks_mb"]
    tells = tuple(int(part) for part in str(found["kernel"]).split(".")[:2]) >= (
        6,
        12,
    )  # of a peak below an earlier one
    if PLACES[place] and not (90 < first < 128 and 60 * tells < second < 60 + 30 * tells):
        yield f"{place}: peaks of {found['peaks_mb']} MiB"
    if (found.get("contained", 0) > 80) != (place in ATTACKED):
        yield f"{place}: {found.get('contained', 0)} attacks were contained"
    for name in ("escaped", "left"):
        if found.get(name):
            yield f"{place}: {name}: {found[name]}"


def run(*argv: str, folder: Path = REPOSITORY) -> None:
    """Raises CalledProcessError where it fails."""
    subprocess.run(argv, cwd=folder, check=True)


def output(*argv: str, folder: Path = REPOSITORY) -> str:
    """What it prints."""
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
