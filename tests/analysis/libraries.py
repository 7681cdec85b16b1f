"""The source of the standard libraries of Go and Java; a test that needs one is skipped where it is not there."""

import shutil
import subprocess
from pathlib import Path

import pytest


def go_library():
    """The folder of Go's packages."""
    go = shutil.which("go") or pytest.skip("`go` is not there; `apt-get install golang-go`")
    env = subprocess.run([go, "env", "GOROOT"], check=True, capture_output=True, text=True)
    return Path(env.stdout.strip()) / "src"


def java_library():
    """The archive of Java's, in `lib/` of its home."""
    java = Path(shutil.which("java") or pytest.skip("`java` is not there; `apt-get install default-jdk-headless`"))
    archive = java.resolve().parents[1] / "lib" / "src.zip"
    if not archive.exists():
        pytest.skip("Java's library has no source here; `apt-get install openjdk-17-source`")
    return archive
