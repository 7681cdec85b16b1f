"""The engine: the same bytes wherever files are worked on, nothing done twice, and every trouble one line."""

import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

import data.build
import data.shards
from data.config import DataConfig
from data.dataset import build_dataset
from data.decontamination import Sieve
from data.reading import list_source, open_source
from data.shards import name_of, read_rows, shards, write_rows
from data.trees import Entry
from data.work import Rules, Work, do
from hone.errors import DataError
from hone.records import Manifest, read_examples
from tests.data.conftest import MakeCheckout
from tests.data.making import commit, documented, git, write
from tests.ray_cluster import started_cluster, with_two_nodes

OUTPUTS = ("train.jsonl", "heldout.jsonl", "corpus.jsonl", "files.parquet", "rejected.jsonl", "manifest.json")
ROOT = Path(__file__).parents[2]
KILLED = """
import sys, time
from pathlib import Path
import data.shards
from data.config import DataConfig
from data.dataset import build_dataset
data.shards.MOST_FILES = 2
def progress(what, done, total):
    if what.startswith("curating") and done == 6:
        print("half", flush=True)
        time.sleep(600)
config = DataConfig.model_validate_json(sys.argv[1])
build_dataset(config, Path(sys.argv[2]), progress=progress, root=Path(sys.argv[3]))
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder of files: documented functions, copies of some, and one that is broken."""
    files = {f"m{number}.py": documented(f"do_{number}", f"return value + {number}") for number in range(12)}
    files |= {"n1.py": files["m1.py"], "broken.py": "def f(:\n", "other.go": "// F does.\nfunc F() int { return 1 }\n"}
    write(tmp_path / "src", files)
    return tmp_path


def config(**settings: object) -> DataConfig:
    lenient = {"filters": {"characters_per_token": None}, "licences": {"unknown": True}, "workers": 0}
    folder = {"kind": "folder", "path": "src", "heldout_fraction": 0.4}
    return DataConfig.model_validate({"sources": [folder], **lenient, **settings})


def build(wanted: DataConfig, root: Path, out: str = "data") -> Manifest:
    place = root / out / "data"
    return build_dataset(wanted, place, progress=lambda what, done, total: None, root=root)


def contents(root: Path, out: str = "data") -> dict[str, bytes]:
    return {name: (root / out / "data" / name).read_bytes() for name in OUTPUTS}


def cached(root: Path, out: str = "data") -> dict[str, int]:
    """The shards, with the time at which each was written."""
    return {str(place): place.stat().st_mtime_ns for place in (root / out / "cache").rglob("*.parquet")}


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.shards, "MOST_FILES", 2)


def test_workers_make_the_same_bytes_as_one_process(sources: Path, small_shards: None) -> None:
    build(config(), sources, "here")
    for workers in (1, 3):
        build(config(workers=workers), sources, f"in {workers}")
        assert contents(sources, f"in {workers}") == contents(sources, "here")
    assert len(cached(sources, "here")) == 8


def test_a_cluster_of_two_nodes_makes_the_same_bytes(sources: Path, small_shards: None) -> None:
    build(config(), sources, "here")
    with started_cluster() as ray, pytest.MonkeyPatch.context() as patch:
        with_two_nodes(ray, 1)
        patch.setenv("RAY_ADDRESS", ray.address)
        build(config(engine="ray"), sources, "ray")
    assert contents(sources, "ray") == contents(sources, "here")


def test_a_node_that_is_lost_costs_no_file(sources: Path, small_shards: None) -> None:
    build(config(), sources, "here")
    with started_cluster() as ray, pytest.MonkeyPatch.context() as patch:
        with_two_nodes(ray, 1)
        patch.setenv("RAY_ADDRESS", ray.address)

        def lose_one(what: str, _done: int, _total: int) -> None:
            if what.startswith("curating") and len(ray.worker_nodes) == 2:
                ray.remove_node(next(iter(ray.worker_nodes)), allow_graceful=False)

        build_dataset(config(engine="ray"), sources / "ray" / "data", progress=lose_one, root=sources)
        assert len(ray.worker_nodes) == 1
    assert contents(sources, "ray") == contents(sources, "here")


def test_a_killed_build_goes_on_where_it_was(sources: Path, small_shards: None) -> None:
    build(config(), sources, "whole")
    command = [sys.executable, "-c", KILLED, config().model_dump_json(), str(sources / "data" / "data"), str(sources)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == b"half\n"
        killed.send_signal(signal.SIGKILL)
    assert not (sources / "data" / "data").exists()
    before = cached(sources)
    assert 0 < len(before) < len(cached(sources, "whole"))
    build(config(), sources)
    assert contents(sources) == contents(sources, "whole")
    assert before.items() <= cached(sources).items()


def test_a_second_build_works_on_nothing(sources: Path, small_shards: None) -> None:
    build(config(), sources)
    before = cached(sources), contents(sources)
    build(config(), sources)
    assert (cached(sources), contents(sources)) == before


def test_another_configuration_shares_no_shard(sources: Path) -> None:
    build(config(), sources)
    before = cached(sources)
    build(config(filters={"characters_per_token": None, "comments": None}), sources)
    assert len(cached(sources)) == 2 * len(before)


def test_a_new_commit_changes_only_the_shards_of_its_files(make_checkout: MakeCheckout, small_shards: None) -> None:
    files = {f"m{number}.py": documented(f"do_{number}") for number in range(12)}
    top = make_checkout(files)
    wanted = config(sources=[{"kind": "repository", "path": str(top), "heldout_fraction": 0.4}])
    build(wanted, top.parent)
    before = cached(top.parent)
    write(top, {"m3.py": documented("changed")})
    second = commit(top)
    build(wanted, top.parent)
    assert len(before.items() & cached(top.parent).items()) == len(before) - 1
    examples = [
        one for name in ("train", "heldout") for one in read_examples(top.parent / "data" / "data" / f"{name}.jsonl")
    ]
    assert {example.origin.commit for example in examples} == {second}
    assert len(examples) == 12


def test_in_a_shard_only_changed_files_are_worked_on(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({"a.py": documented("a"), "b.py": documented("b")})
    rules = Rules(config(sources=[{"kind": "repository", "path": str(top)}]), (), Sieve(()))

    def work() -> Work:
        (source,) = rules.config.sources
        tree = open_source(source, Path(), tmp_path)  # type: ignore[arg-type]
        ((entries),) = shards(list_source(source, tree, Counter()))  # type: ignore[arg-type]
        found = Work(source, tree, entries, tmp_path)  # type: ignore[arg-type]
        name = name_of("shop", [found.key(entry) for entry in entries], entries[0])
        return Work(source, tree, entries, tmp_path / "shards" / name)  # type: ignore[arg-type]

    first = work()
    assert do(first, rules) == ""
    write_rows(first.place, [msgspec.structs.replace(row, why="of before") for row in read_rows(first.place)])
    write(top, {"b.py": documented("c")})
    commit(top)
    second = work()
    assert do(second, rules) == ""
    assert second.place != first.place
    assert [(row.path, row.why) for row in read_rows(second.place)] == [("a.py", "of before"), ("b.py", "")]


def test_a_file_that_is_too_much_is_refused_alone(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function = '# What follows\ndef repeated(elements):\n    """Repeats them."""\n    return elements * elements\n'
    write(sources / "src", {"heavy.py": 8_000 * function})
    for limit in ("SHARD_S", "FILE_S"):
        monkeypatch.setattr(data.build, limit, 0.4)
    manifest = build(config(workers=1), sources)
    assert manifest.sources[0].skipped["files: unprocessable"] == 1
    assert manifest.sources[0].files == 13
    refused = (sources / "data" / "data" / "rejected.jsonl").read_text()
    assert '"path":"heavy.py"' in refused
    assert "took longer than 0.4 s of CPU time" in refused


def test_a_disk_that_fills_up_is_one_line_and_leaves_no_part_of_a_shard(sources: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(DataError, match="shards of `src` cannot be written: File too large; free the place"):
            build(config(), sources)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [
        place for place in (sources / "data").rglob("*") if place.is_file() and not place.name.endswith(".lock")
    ]


def test_shards_that_nothing_needs_any_more_go(sources: Path, small_shards: None) -> None:
    build(config(), sources)
    for number in range(6):
        (sources / "src" / f"m{number}.py").unlink()
    build(config(), sources)
    assert len(cached(sources)) == 5


def test_a_file_that_comes_moves_the_bounds_of_few_shards() -> None:
    def cut(names: list[str]) -> set[tuple[str, ...]]:
        return {tuple(entry.path for entry in run) for run in shards(Entry(name, name, 10_000) for name in names)}

    names = [f"{number:05}.py" for number in range(20_000)]
    before, after = cut(names), cut([*names[:3_000], "03000a.py", *names[3_000:]])
    assert len(before) > 40
    assert len(after - before) <= 3


def test_a_source_whose_files_are_all_refused_is_named_with_the_way_out(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": documented("f")})
    wanted = config(sources=[{"kind": "repository", "path": str(top)}], licences={})
    with pytest.raises(
        DataError,
        match=r"source `shop` gave no file: all were left out, most by `licence`; .* \(`licence` of the source\)",
    ) as caught:
        build(wanted, top.parent)
    assert "1 files: licence" in caught.value.detail


def test_an_empty_repository_is_named(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"readme.md": "hello"})
    with pytest.raises(
        DataError, match=r"source `shop` gave no file: it has none in a known language; see its `include`"
    ):
        build(config(sources=[{"kind": "repository", "path": str(top)}]), top.parent)
    bare = top.parent / "none.git"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    with pytest.raises(DataError, match="has no commit yet"):
        build(config(sources=[{"kind": "repository", "path": str(bare)}]), top.parent)


def test_what_is_said_of_a_refused_file_holds_no_secret(sources: Path) -> None:
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    write(sources / "src", {"a.py": f"def f(: '{secret}'\n", "b.py": "# Generated by anna@firm.de\nx = 1\n"})
    build(config(), sources)
    refused = (sources / "data" / "data" / "rejected.jsonl").read_text()
    assert "`Generated by EMAIL_" in refused
    assert secret not in refused
    assert secret[:8] not in refused
    assert "anna@" not in refused


def test_a_damaged_shard_of_before_costs_no_file(sources: Path) -> None:
    build(config(), sources)
    (shard,) = (sources / "data" / "cache").rglob("*.parquet")
    shard.write_bytes(b"")
    write(sources / "src", {"m1.py": documented("changed")})
    assert build(config(workers=1), sources).sources[0].skipped.keys() == {"files: syntax"}


def test_rows_are_read_again_where_other_columns_are_meant(tmp_path: Path) -> None:
    rows = [{side: documented(f"{side}_{number}") for side in ("old", "new")} for number in range(9)]
    write(tmp_path, {"rows.jsonl": b"".join(msgspec.json.encode(row) + b"\n" for row in rows)})
    for column in ("old", "new"):
        dataset = {"kind": "dataset", "path": "rows.jsonl", "language": "python", "columns": {"text": column}}
        build(config(sources=[{**dataset, "heldout_fraction": 0.4}]), tmp_path)
        examples = read_examples(tmp_path / "data" / "data" / "train.jsonl")
        assert {example.entry_point.partition("_")[0] for example in examples} == {column}


def test_a_damaged_shard_is_named(sources: Path) -> None:
    build(config(), sources)
    (shard,) = (sources / "data" / "cache").rglob("*.parquet")
    shard.write_bytes(b"")
    with pytest.raises(DataError, match=rf"`{shard}` is damaged; remove it, and run again"):
        build(config(), sources)
