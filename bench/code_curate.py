"""The whole curation of a 100 MB tree of real code with two workers: megabytes a second, and memory of all processes.

The tree holds files of installed packages and of the standard library, each content once; nothing of it is cached.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from analysis import language_of
from bench.report import Row, measured
from hone.files import sha256_bytes
from hone.layout import Layout

TREE_BYTES = 100_000_000
LARGEST = 1_000_000  # bytes of a file, as the filters have it
WORKERS = 2
LOOK_S = 0.5  # between two looks at the memory
RUN = """
import json, resource, sys, time
from pathlib import Path
from data.config import DataConfig
from data.dataset import build_dataset
told = time.monotonic()
def progress(what, done, total):
    global told
    if time.monotonic() > told + 60:
        told = time.monotonic()
        print(f"  {what}: {done:,} of {total:,}", file=sys.stderr, flush=True)
if __name__ == "__main__":
    config = DataConfig.model_validate_json(sys.argv[1])
    manifest = build_dataset(config, Path(sys.argv[2]), progress=progress, root=Path(sys.argv[3]))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"files": manifest.sources[0].files, "examples": manifest.sources[0].examples,
                      "cpu_s": sum(one.ru_utime + one.ru_stime for one in used)}))
"""


def measure(layout: Layout, benchmarks: Path, *, tree_bytes: int = TREE_BYTES) -> Iterator[Row]:
    """Both figures. What is in HumanEval is left out, where `benchmarks` has it."""
    folder = layout.bench / "curate"
    size, files = make_tree(folder / "tree", tree_bytes)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        seconds, peak, found = build(layout, folder, Path(out), benchmarks / "HumanEval.jsonl.gz")
    name = f"curate {size / 1e6:,.0f} MB in {files:,} files, {WORKERS} workers, {found['examples']:,} examples"
    yield measured(name, size / 1e6 / seconds, "MB/s", "≥ 4")
    yield measured(f"{name}, for each core that was used", size / 1e6 / found["cpu_s"], "MB/s", "")
    yield measured(f"{name}: memory of all processes", peak / 1e9, "GB", "≤ 1")


def make_tree(folder: Path, most_bytes: int) -> tuple[int, int]:
    """Copies code until it is enough, unless that was done before. Returns bytes and files."""
    done = folder / ".whole"
    if not done.is_file() or json.loads(done.read_text())[0] < most_bytes * 0.9:
        shutil.rmtree(folder, ignore_errors=True)
        size, seen = 0, set()
        for place, path in _code():
            content = place.read_bytes()
            digest = sha256_bytes(content)
            if size + len(content) > most_bytes or digest in seen or len(content) > LARGEST:
                continue
            seen.add(digest)
            size += len(content)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        done.write_text(json.dumps([size, len(seen)]))
    size, files = json.loads(done.read_text())
    return size, files


def _code() -> Iterator[tuple[Path, str]]:
    """Files in known languages of the standard library and of installed packages, as if drawn by lot.

    Not by the bare hash of their paths: that one says which are held out, and a small tree would hold no others.
    """
    found = []
    for name, top in (("library", sysconfig.get_path("stdlib")), ("packages", sysconfig.get_path("purelib"))):
        for place in Path(top).rglob("*"):
            path = place.relative_to(top).as_posix()
            if language_of(path) and "site-packages" not in path and place.is_file() and not place.is_symlink():
                found.append((place, f"{name}/{path}"))
    yield from sorted(found, key=lambda one: sha256_bytes(f"lot {one[1]}".encode()))


def build(layout: Layout, folder: Path, out: Path, suite: Path) -> tuple[float, int, dict[str, float]]:
    """Builds in a process of its own. Seconds, bytes at most, and what it says of itself."""
    command = [sys.executable, "-c", RUN, settings(suite), str(out / "data"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(layout.root)}
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=layout.root, env=environment) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(LOOK_S)
        assert process.stdout
        said = process.stdout.read()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, peak, json.loads(said)


def settings(suite: Path) -> str:
    """The data section of a recipe for the tree."""
    source = {"kind": "folder", "path": "tree", "exclude": [], "licence": "LicenseRef-Bench"}
    tasks = {"docstring_to_body": {}, "fill": {}, "body_to_docstring": {}}
    suites = [{"format": "humaneval", "path": str(suite.resolve())}] if suite.exists() else []
    return json.dumps({"sources": [source], "decontaminate": suites, "tasks": tasks, "workers": WORKERS})


def memory_of(pid: int) -> int:
    """Bytes of a process and all below it; pages that they share count once."""
    total = 0
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.Error:
        pass
    return total
