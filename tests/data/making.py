"""Makes the sources that these tests read: files, git commits, documented functions."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from data.files import CodeFile
from hone.files import sha256_bytes

Files = Mapping[str, str | bytes]

MIT_TEXT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software.
The above copyright notice and this permission notice shall be included in all copies."""


def documented(name: str, body: str = "return value") -> str:
    """The source of one documented function."""
    return f'def {name}(value):\n    """Do {name}."""\n    {body}\n'


def write(folder: Path, files: Files) -> None:
    """Writes text or bytes at relative paths."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())


def git(folder: Path, *arguments: str) -> str:
    """Runs git with an identity of its own and returns what it printed."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    """Commits everything in a checkout and returns the commit's id."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Change")
    return git(folder, "rev-parse", "HEAD")


def code_file(text: str, path: str = "pkg/a.py", language: str = "python") -> CodeFile:
    """A file of the source `shop`."""
    return CodeFile("shop", "shop", "c0ffee", path, language, "MIT", sha256_bytes(text.encode()), text)
