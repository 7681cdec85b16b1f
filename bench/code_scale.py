"""Memory of the curation of 20 GB, most of which is what needs all files at once: duplicates, sides, writing.

    python -m bench.code_scale --gigabytes 20
    python -m bench.code_scale --gigabytes 20 --whole-build

What is done with each file alone holds one shard at a time, whatever the corpus (`bench.code_curate` measures it). So a
tree of 100 MB is curated for real, and its shards are copied under other paths, with other signatures and keys, until
they are those of so many gigabytes. Deciding on them and writing the dataset is real again. Takes a quarter of an hour,
and twice the corpus of disk below `artifacts/bench`.

With `--whole-build` the files themselves are copied, with other names in them, and all of it is built from nothing:
more than an hour, and three times the corpus of disk.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from bench.code_curate import LOOK_S, TREE_BYTES, WORKERS, build, make_tree, memory_of, settings
from bench.report import Row, finish, measured
from data.build import Curated
from data.config import DataConfig
from data.decide import decide
from data.decontamination import Sieve
from data.shards import read_rows, write_rows
from data.sources import FolderSource
from data.suites import read_suite
from data.trees import open_folder
from data.work import Rules
from data.writing import write_files
from hone.files import write_atomic
from hone.layout import Layout, find_layout

FACTOR = 0x9E3779B97F4A7C15 >> 16  # odd and large, so that copies differ in both halves of a number

NAMES = re.compile(rb"\b(?:[a-z]+_\w+|[a-z]+[A-Z]\w*)\b")  # of several words: no language's keywords, or next to none
NUMBERS = ("text_digest", "bands", "example_keys", "example_trees")  # columns of 64 bits each, that are compared


def measure(layout: Layout, benchmarks: Path, gigabytes: float) -> Iterator[Row]:
    """Memory and time of what needs all files."""
    folder, suite = layout.bench / "curate", benchmarks / "HumanEval.jsonl.gz"
    size, files = make_tree(folder / "tree", TREE_BYTES)
    copies = round(gigabytes * 1e9 / size)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        top = Path(made)
        print(f"· curating {size / 1e6:,.0f} MB", flush=True)
        build(layout, folder, top, suite)
        print(f"· copying its shards {copies} times", flush=True)
        for number, shard in enumerate(sorted((top / "cache").rglob("*.parquet"))):
            copy_shard(shard, top / "shards", number, copies)
        print("· deciding and writing", flush=True)
        write_atomic(top / "config.json", settings(suite).encode())
        start, peak = time.perf_counter(), 0
        with subprocess.Popen([sys.executable, "-m", __spec__.name, "--whole", made], cwd=layout.root) as process:
            while process.poll() is None:
                peak = max(peak, memory_of(process.pid))
                time.sleep(LOOK_S)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    name = f"{copies} × {size / 1e6:,.0f} MB, {copies * files:,} files: duplicates, sides, writing"
    yield measured(f"{name}: memory", peak / 1e9, "GB", "≤ 2")
    yield measured(f"{name}: time", seconds, "s", "")


def measure_build(layout: Layout, benchmarks: Path, gigabytes: float) -> Iterator[Row]:
    """Memory, time and speed of a build from files to dataset."""
    folder, suite = layout.bench / "curate", benchmarks / "HumanEval.jsonl.gz"
    size, files = make_tree(folder / "tree", TREE_BYTES)
    copies = round(gigabytes * 1e9 / size)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        top = Path(made)
        print(f"· copying {size / 1e6:,.0f} MB {copies} times", flush=True)
        places = sorted(place for place in (folder / "tree").rglob("*") if place.is_file())
        copy = partial(copy_file, folder / "tree", top / "tree", copies)
        with ProcessPoolExecutor(WORKERS) as workers:
            written = sum(workers.map(copy, places, chunksize=50))
        print(f"· building {written / 1e9:.2f} GB in {copies * files:,} files", flush=True)
        seconds, peak, found = build(layout, top, top, suite)
    name = f"build of {written / 1e9:.1f} GB in {copies * files:,} files, {WORKERS} workers"
    print(f"· {found['files']:,} files and {found['examples']:,} examples kept", flush=True)
    yield measured(f"{name}: memory of all processes", peak / 1e9, "GB", "≤ 2")
    yield measured(f"{name}: time", seconds, "s", "")
    yield measured(name, written / 1e6 / seconds, "MB/s", "")


def copy_file(tree: Path, folder: Path, copies: int, place: Path) -> int:
    """Copies of a file, each with names that no other copy has. Returns the bytes that were written."""
    marked, written = NAMES.sub(rb"\g<0>\0", place.read_bytes().replace(b"\0", b"")), 0
    for copy in range(copies):
        target = folder / f"{copy:04}" / place.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        written += target.write_bytes(marked.replace(b"\0", b"_%d" % copy))
    return written


def copy_shard(shard: Path, folder: Path, number: int, copies: int) -> None:
    """Copies of a shard whose files are like no other copy's."""
    rows = read_rows(shard)
    for copy in range(copies):
        other = [
            replace(row, path=f"{copy}/{row.path}", **{name: _other(getattr(row, name), copy) for name in NUMBERS})
            for row in rows
        ]
        write_rows(folder / f"{copy:04}-{number:04}.parquet", other)


def _other(numbers: bytes, copy: int) -> bytes:
    """Other numbers, equal where these are; those that stand for nothing stay."""
    known = np.frombuffer(numbers, np.uint64)
    return np.where(known, known ^ np.uint64(copy * FACTOR), known).tobytes()


def whole(top: Path) -> None:
    """What needs all files, in a process of its own."""
    config = DataConfig.model_validate_json((top / "config.json").read_bytes())
    suites = tuple(read_suite(one, top) for one in config.decontaminate)
    rules = Rules(config, suites, Sieve(suites))
    (source,) = config.sources
    assert isinstance(source, FolderSource)
    tree = open_folder(top / "shards")
    shards = tuple(sorted((top / "shards").iterdir()))
    curated = [Curated(source, tree, source.path, shards)]
    (top / "whole").mkdir()
    decided = decide(curated, config.split_by, top, _quiet)
    manifest = write_files(rules, curated, decided, top / "whole", _quiet)
    print(f"· {manifest.sources[0].files:,} files and {manifest.sources[0].examples:,} examples kept", flush=True)


def _quiet(what: str, done: int, total: int) -> None:
    """No progress."""


def main() -> None:
    """Measures and shows; exit code 1 where the memory is more than 2 GB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmarks", type=Path, default=Path("../shared/benchmarks"))
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--whole-build", action="store_true", help="build from files, and not from shards")
    parser.add_argument("--whole", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.whole:
        whole(given.whole)
        return
    rows = (measure_build if given.whole_build else measure)(find_layout(), given.benchmarks.resolve(), given.gigabytes)
    finish("Scale", list(rows))


if __name__ == "__main__":
    main()
