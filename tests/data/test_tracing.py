"""`hone data why`: from an example, or a file, back to repository, commit and lines, and to what was decided."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from data.config import DataConfig
from data.index import Indexed
from data.tracing import lines_of, trace
from hone.cli import app
from hone.errors import DataError
from hone.files import sha256_bytes
from hone.records import read_examples
from tests.data.making import MIT_TEXT, commit, documented, git, write

RECIPE = """name: shop
base_model: /none
data:
  workers: 0
  filters: {characters_per_token: null}
  sources:
    - {kind: repository, path: shop, heldout_fraction: 0.3}
    - {kind: dataset, path: rows.jsonl, language: python, licence: MIT}
train: {steps: 1, batch_size: 1, max_tokens: 16, learning_rate: 0.1, lora: {rank: 1, alpha: 1}}
evaluation: {suite: loss, tasks: 0}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a dataset of a checkout and of rows."""
    top = tmp_path_factory.mktemp("project")
    files = {f"m{number}.py": "import os\n\n" + documented(f"do_{number}", f"return {number}") for number in range(9)}
    secret = documented("send", "return 'anna@firm.de'")
    rows = "".join(
        f'{{"text": "def row_{number}():\\n    \'Row.\'\\n    return {number}\\n"}}\n' for number in range(9)
    )
    more = {"copy.py": files["m1.py"], "bare.py": "x = 1\n" * 9, "secret.py": secret, "LICENSE": MIT_TEXT}
    write(top / "shop", {**files, **more})
    git(top / "shop", "init", "-q")
    commit(top / "shop")
    write(top, {"dvc.yaml": "", "configs/hone.yaml": "", "recipe.yaml": RECIPE, "rows.jsonl": rows})
    built = hone(top, "build", "--recipe", str(top / "recipe.yaml"))
    assert built.exit_code == 0, built.exception
    return top


def hone(project: Path, *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HONE_ROOT", str(project))
        return CliRunner().invoke(app, ["data", *arguments], prog_name="hone")


def why(project: Path, identity: str) -> dict[str, str]:
    done = hone(project, "why", identity, "--recipe", str(project / "recipe.yaml"))
    assert done.exit_code == 0, done.exception
    facts = {line[:12].strip(): line[12:] for line in done.output.splitlines() if not line.startswith("     ")}
    return {**facts, "lines": "\n".join(line[7:] for line in done.output.splitlines() if line.startswith("     "))}


def test_an_example_leads_back_to_its_commit_and_lines_and_a_file_to_its_filter(project: Path) -> None:
    head = git(project / "shop", "rev-parse", "HEAD")
    write(project / "shop", {"m2.py": "# changed since\n"})
    commit(project / "shop")
    told = why(project, "shop/m2.py:3")
    assert told["commit"] == head
    assert (told["file"], told["licence"], told["language"]) == ("m2.py:3-5", "MIT", "python")
    assert told["lines"] == documented("do_2", "return 2").rstrip("\n")
    assert told["decided"] in ("kept, train", "kept, heldout")
    assert why(project, "shop/bare.py")["decided"] == "left out by `comments`: 0.000 of it comments, less than 0.01"


def test_a_duplicate_names_what_was_kept_and_that_one_its_duplicates(project: Path) -> None:
    told = {name: why(project, f"shop/{name}") for name in ("copy.py", "m1.py")}
    removed, kept = sorted(told, key=lambda name: told[name]["decided"].startswith("kept"))
    assert told[removed]["decided"] == f"left out by `duplicate`: of shop/{kept}"
    assert told[kept]["duplicates"] == f"shop/{removed}"


def test_every_example_has_a_file_in_the_index(project: Path) -> None:
    data = project / "artifacts" / "data"
    examples = [one for side in ("train", "heldout") for one in read_examples(data / f"{side}.jsonl")]
    assert len(examples) == 19
    for example in examples:
        found = trace(data, example.id)
        assert found.example == example
        assert found.file is not None
        assert found.file.digest == example.origin.digest


def test_secrets_are_shown_no_more_than_they_are_trained_on(project: Path) -> None:
    assert "return 'EMAIL_" in why(project, "shop/secret.py")["lines"]
    assert not any(b"anna@firm" in place.read_bytes() for place in (project / "artifacts" / "data").glob("*.jsonl"))


def test_a_file_larger_than_files_are_by_default_is_shown(project: Path) -> None:
    (source,) = DataConfig.model_validate({"sources": [{"kind": "folder", "path": "large"}]}).sources
    text = "x = 1\n" * 200_000
    write(project / "large", {"a.py": text})
    for digest in ("", sha256_bytes(text.encode())):  # it has none where it was too large to be read
        file = Indexed("large", "large", "", "a.py", "python", "", digest, len(text), "train", "", "")
        assert len(lines_of(source, file, project, project)) == 200_001  # type: ignore[arg-type]


def test_a_file_that_is_no_text_says_why_its_lines_are_not_shown(project: Path) -> None:
    (source,) = DataConfig.model_validate({"sources": [{"kind": "folder", "path": "odd"}]}).sources
    write(project / "odd", {"a.py": "x\0"})
    file = Indexed("odd", "odd", "", "a.py", "python", "", sha256_bytes(b"x\0"), 2, "", "null bytes", "")
    with pytest.raises(DataError, match=r"`a\.py` has none: holds null bytes"):
        lines_of(source, file, project, project)  # type: ignore[arg-type]


def test_what_is_not_there_is_one_clear_line(project: Path) -> None:
    done = hone(project, "why", "shop/none.py")
    assert isinstance(done.exception, DataError)
    assert str(done.exception).startswith("neither an example nor a file is called `shop/none.py`; `hone data show 20`")


def test_a_row_of_a_dataset_leads_back_to_its_line(project: Path) -> None:
    told = why(project, "rows/rows.jsonl#4:1")
    assert (told["source"], told["file"]) == ("rows (dataset rows.jsonl)", "rows.jsonl#4:1-3")
    assert told["lines"] == "def row_3():\n    'Row.'\n    return 3"
    write(project, {"rows.jsonl": '{"text": "other"}\n'})
    done = hone(project, "why", "rows/rows.jsonl#4:1", "--recipe", str(project / "recipe.yaml"))
    assert "the lines are not shown: `rows.jsonl#4` is not in source `rows` any more as it was" in done.output
