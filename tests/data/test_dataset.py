"""The dataset folder: whole, the same for the same sources, without duplicates, and never half-written."""

import resource
from pathlib import Path

import msgspec
import pytest

from data.config import DataConfig
from data.dataset import build_dataset
from data.split import is_heldout
from data.statistics import Count, Statistics
from data.work import example_key
from hone.config import load_config
from hone.errors import Busy, ConfigError, DataError
from hone.files import locked, sha256_file
from hone.records import Example, Manifest, Origin, read_examples, read_record
from tests.data.conftest import MakeCheckout, MakePackage
from tests.data.making import documented, write

GENERATED = {"kind": "generated", "train": 20, "heldout": 5}
HELD, TRAINED = (
    [f"m{number}.py" for number in range(40) if is_heldout(f"m{number}.py", 0.15) is side] for side in (True, False)
)


def config(*sources: object, **settings: object) -> DataConfig:
    lenient = {"filters": {"characters_per_token": None}, "licences": {"unknown": True}}
    return DataConfig.model_validate({"sources": sources, "workers": 0, **lenient, **settings})


def build(wanted: DataConfig, out: Path) -> Manifest:
    return build_dataset(wanted, out, progress=lambda what, done, total: None, root=Path())


def example(prompt: str, completion: str, entry_point: str = "f") -> Example:
    return Example(id="x", prompt=prompt, completion=completion, entry_point=entry_point, origin=Origin(source="s"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "cache")


def test_a_dataset_is_a_folder_of_files_that_agree_with_the_manifest(tmp_path: Path) -> None:
    out = tmp_path / "artifacts" / "data"
    manifest = build(config(GENERATED, corpus={"max_bytes": 100_000}), out)
    names = [
        "card.html",
        "corpus.jsonl",
        "files.parquet",
        "heldout.jsonl",
        "lengths.csv",
        "manifest.json",
        "rejected.csv",
        "rejected.jsonl",
        "statistics.json",
        "train.jsonl",
    ]
    assert sorted(contents(out)) == names
    assert read_record(out / "manifest.json", Manifest) == manifest
    assert [split.name for split in manifest.splits] == ["train", "heldout", "corpus"]
    for split in manifest.splits:
        assert split.digest == sha256_file(out / f"{split.name}.jsonl")
        assert split.examples == len((out / f"{split.name}.jsonl").read_bytes().splitlines())
    assert len(read_examples(out / "heldout.jsonl")) == 5
    first = msgspec.json.decode((out / "corpus.jsonl").read_bytes().splitlines()[0])
    assert list(first) == ["text"]


def test_the_same_configuration_gives_the_same_bytes(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({name: documented(Path(name).stem) for name in (*HELD, *TRAINED)})
    wanted = config(GENERATED, {"kind": "repository", "path": str(top)}, corpus={"max_bytes": 50_000})
    assert build(wanted, tmp_path / "one") == build(wanted, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_without_a_corpus_its_file_is_empty(tmp_path: Path) -> None:
    build(config(GENERATED), tmp_path / "data")
    assert (tmp_path / "data" / "corpus.jsonl").read_bytes() == b""


def test_each_source_stands_in_the_manifest_with_what_it_gave(
    make_checkout: MakeCheckout, make_package: MakePackage, tmp_path: Path
) -> None:
    top = make_checkout({HELD[0]: documented("f"), TRAINED[0]: documented("g"), TRAINED[1]: "def f(:"})
    package = make_package({"shop/a.py": documented("h")})
    sources = ({"kind": "repository", "path": str(top)}, {"kind": "package", "package": package}, GENERATED)
    uses = build(config(*sources), tmp_path / "data").sources
    assert [(use.name, use.kind, use.licence) for use in uses] == [
        ("shop", "repository", ""),
        ("shop-kit", "package", "MIT"),
        ("generated", "generated", "CC0-1.0"),
    ]
    assert [(use.files, use.examples) for use in uses] == [(2, 2), (1, 1), (0, 25)]
    assert uses[0].skipped == {"files: syntax": 1}


def test_a_held_out_example_that_also_stands_in_train_is_taken_from_train(
    make_checkout: MakeCheckout, tmp_path: Path
) -> None:
    copied = documented("pay")
    top = make_checkout({HELD[0]: copied, TRAINED[0]: f"import os\n\n{copied}" + documented("other")})
    manifest = build(config({"kind": "repository", "path": str(top)}), tmp_path / "data")
    assert [one.entry_point for one in read_examples(tmp_path / "data" / "heldout.jsonl")] == ["pay"]
    assert [one.entry_point for one in read_examples(tmp_path / "data" / "train.jsonl")] == ["other"]
    assert manifest.sources[0].duplicates == 1


def test_a_held_out_example_of_one_source_is_taken_from_the_training_of_another(
    make_checkout: MakeCheckout, make_package: MakePackage, tmp_path: Path
) -> None:
    package = make_package({TRAINED[0]: documented("pay") + documented("own")})
    top = make_checkout({HELD[0]: documented("pay"), TRAINED[1]: documented("other")})
    sources = ({"kind": "package", "package": package}, {"kind": "repository", "path": str(top)})
    manifest = build(config(*sources), tmp_path / "data")
    assert [one.id for one in read_examples(tmp_path / "data" / "heldout.jsonl")] == [f"shop/{HELD[0]}:1"]
    assert [(use.name, use.duplicates) for use in manifest.sources] == [("shop-kit", 1), ("shop", 0)]


def test_white_space_and_context_make_no_difference_between_duplicates() -> None:
    one = example("import os\n\n\ndef f(a):\n    'Doc.'\n", "    return a+1\n")
    same = example("class A:\n\tdef f(a):\n\t\t'Doc.'\n", "\t\treturn a + 1\n", "A.f")
    other = example("def f(a):\n    'Doc.'\n", "    return a + 2\n")
    assert example_key(one) == example_key(same)
    assert example_key(one) != example_key(other)


def test_an_earlier_dataset_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "data"
    build(config(GENERATED), out)
    write(out, {"stray.txt": "of another time"})
    build(config({**GENERATED, "train": 3}), out)
    assert len(read_examples(out / "train.jsonl")) == 3
    assert not (out / "stray.txt").exists()
    assert folders(tmp_path) == ["data"]


def test_a_failure_leaves_the_earlier_dataset_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "data"
    build(config(GENERATED), out)
    before = contents(out)
    with pytest.raises(DataError):
        build(config({"kind": "repository", "path": str(tmp_path / "nowhere")}), out)
    assert contents(out) == before


def test_what_a_killed_build_left_behind_is_not_read_and_goes(tmp_path: Path) -> None:
    write(tmp_path, {".data.new/stray.jsonl": "half a li", ".data.old/train.jsonl": "old", "data/train.jsonl": ""})
    build(config(GENERATED), tmp_path / "data")
    assert len(read_examples(tmp_path / "data" / "train.jsonl")) == 20
    assert not (tmp_path / "data" / "stray.jsonl").exists()
    assert folders(tmp_path) == ["data"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"data": "a file where the folder belongs"})
    with pytest.raises(DataError, match=r"data` cannot be written: Not a directory"):
        build(config(GENERATED), tmp_path / "data")
    assert (tmp_path / "data").read_text() == "a file where the folder belongs"
    assert not (tmp_path / ".data.new").exists()


def test_a_disk_that_fills_up_is_named_and_leaves_the_earlier_dataset(tmp_path: Path) -> None:
    out = tmp_path / "data"
    build(config({**GENERATED, "train": 1}), out)
    before = contents(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (2_000, hard)
    )  # a longer file fails as on a full disk, with another number
    try:
        with pytest.raises(DataError, match=r"data` cannot be written: File too large"):
            build(config(GENERATED), out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(out) == before
    assert not (tmp_path / ".data.new").exists()


def test_two_builds_of_one_dataset_do_not_mix(tmp_path: Path) -> None:
    with (
        locked(tmp_path / ".data.lock", what="test"),
        pytest.raises(Busy, match=r"building `.*data` is already running"),
    ):
        build(config(GENERATED), tmp_path / "data")


def test_nothing_to_train_on_is_refused(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({HELD[0]: documented("f"), TRAINED[0]: documented("f")})
    with pytest.raises(
        DataError,
        match=r"no training example is left \(1 duplicates removed\); add a source, or lower `heldout_fraction`",
    ):
        build(config({"kind": "repository", "path": str(top)}), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_nothing_to_measure_with_is_refused(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({TRAINED[0]: documented("f")})
    with pytest.raises(DataError, match=r"no held-out example is left .*; add a source, or raise `heldout_fraction`"):
        build(config({"kind": "repository", "path": str(top)}), tmp_path / "data")


def test_a_source_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two sources are called `generated`; list each once"):
        build(config(GENERATED, GENERATED), tmp_path / "data")


def test_progress_tells_each_source_to_its_end(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    top = make_checkout({HELD[0]: documented("f"), TRAINED[0]: documented("g")})
    heard: dict[str, tuple[int, int]] = {}
    wanted = config(GENERATED, {"kind": "repository", "path": str(top)}, corpus={"max_bytes": 20_000})
    build_dataset(
        wanted, tmp_path / "data", progress=lambda what, done, total: heard.update({what: (done, total)}), root=Path()
    )
    assert heard == {
        "generating tasks": (1, 1),
        "curating shop": (2, 2),
        "looking for near-duplicates": (126, 126),
        "writing examples": (1, 1),
        "reading the corpus": (1, 1),
    }


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("sources: []", "`sources` needs one at least"),
        ("sources:\n  - kind: repositry\n    path: x\n", r":2: .*repositry.* is not allowed"),
        ("sources:\n  - kind: generated\n    train: 5\n    heldout: 5\n    paht: x\n", r":5: .*unknown key"),
        (
            "sources:\n  - {kind: generated, train: 5, heldout: 5}\ncorpus:\n  generated_shar: 1\n",
            r":4: .*did you mean `generated_share`",
        ),
    ],
)
def test_a_wrong_configuration_names_the_line(tmp_path: Path, yaml: str, problem: str) -> None:
    write(tmp_path, {"data.yaml": yaml})
    with pytest.raises(ConfigError, match=problem):
        load_config(tmp_path / "data.yaml", DataConfig)


def test_a_generated_example_that_stands_in_a_suite_is_left_out_and_counted(tmp_path: Path) -> None:
    build(config(GENERATED), tmp_path / "before")
    task = read_examples(tmp_path / "before" / "train.jsonl")[3]
    row = {"id": "task", "question": "", "solution": task.prompt + task.completion}
    (tmp_path / "suite.jsonl").write_bytes(msgspec.json.encode(row) + b"\n")
    suites = [{"format": "jsonl", "path": str(tmp_path / "suite.jsonl")}]
    manifest = build(config(GENERATED, decontaminate=suites), tmp_path / "after")
    assert task.id not in {one.id for one in read_examples(tmp_path / "after" / "train.jsonl")}
    assert manifest.sources[0].skipped["examples: contaminated"] >= 1
    told = read_record(tmp_path / "after" / "statistics.json", Statistics)
    assert [(one.suite, one.overlapping) for one in told.overlaps] == [("suite", ("task",))]


def test_a_held_out_function_is_not_trained_on_under_other_names(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    lines = "    total = 0\n    for {x} in {xs}:\n        total += {x} * 3 + 1\n    return total - {n}\n"
    code = 'def {name}({xs}, {n}):\n    """{says}."""\n' + lines
    held = code.format(name="weigh", xs="items", x="item", n="tare", says="Weigh the items on the scale")
    renamed = code.format(name="score", xs="answers", x="answer", n="penalty", says="Score all of the answers given")
    other = renamed.replace("* 3", "* 4").replace("score", "grade")
    top = make_checkout({HELD[0]: held, TRAINED[0]: renamed, TRAINED[1]: other})
    build(config({"kind": "repository", "path": str(top)}), tmp_path / "data")
    examples = read_examples(tmp_path / "data" / "train.jsonl")
    assert [one.entry_point for one in examples] == ["grade"]


def test_the_card_counts_what_made_no_example_by_task_and_reason(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    files = {TRAINED[0]: documented("f") + documented("empty", "..."), HELD[0]: documented("g")}
    top = make_checkout(files)
    build(config({"kind": "repository", "path": str(top)}), tmp_path / "data")
    statistics = read_record(tmp_path / "data" / "statistics.json", Statistics)
    (task,) = statistics.tasks
    assert (task.task, task.train, task.heldout) == ("docstring-to-body", 1, 1)
    assert task.dropped == (Count("functions: nothing in the body", 1),)
    assert "functions: nothing in the body" in (tmp_path / "data" / "card.html").read_text()
