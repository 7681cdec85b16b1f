"""Documented functions become examples; what does not fit is counted; the split follows the path alone."""

from pathlib import Path

import pytest

from analysis.python import parse
from data.repository import Gathered, RepositorySource, gather, is_heldout
from hone.config import load_config
from hone.errors import ConfigError, DataError
from tests.data.conftest import MakeCheckout, MakePackage
from tests.data.making import MIT_TEXT, Files, documented, git, write


def silent(done: int, total: int) -> None:
    pass


def read(top: Path, **settings: object) -> Gathered:
    source = RepositorySource.model_validate({"kind": "repository", "path": str(top), **settings})
    return gather(source, Path(), silent)


def only(gathered: Gathered) -> tuple[str, str]:
    (example,) = (*gathered.train, *gathered.heldout)
    return example.prompt, example.completion


def test_an_example_knows_where_it_comes_from(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"pkg/a.py": f"x = 1\n\n{documented('pay')}", "LICENSE": MIT_TEXT})
    gathered = read(top)
    (example,) = (*gathered.train, *gathered.heldout)
    assert example.id == "shop/pkg/a.py:3"
    assert (example.prompt, example.completion) == ('def pay(value):\n    """Do pay."""\n', "    return value\n")
    assert (example.entry_point, example.tests) == ("pay", ())
    origin = example.origin
    assert (origin.source, origin.commit, origin.path) == ("shop", git(top, "rev-parse", "HEAD"), "pkg/a.py")
    assert (origin.first_line, origin.last_line, origin.licence) == (3, 5, "MIT")


def test_the_context_is_the_imports_above_and_the_lines_around(make_checkout: MakeCheckout) -> None:
    till = 'class Till(Base):\n    """Doc."""\n\n    def pay(self):\n        """Pay."""\n        return 1\n'
    source = f"import os\nfrom x import (\n    y,\n)\n\n{till}\nimport late\n"
    prompt, _ = only(read(make_checkout({"a.py": source})))
    assert (
        prompt
        == 'import os\nfrom x import (\n    y,\n)\n\n\nclass Till(Base):\n    def pay(self):\n        """Pay."""\n'
    )


@pytest.mark.parametrize(
    ("limit", "context"),
    [
        ({"context_lines": 0}, ""),
        ({"context_lines": 1}, "class Till:\n"),
        ({"context_lines": 3}, "class Till:\n"),  # half an import would be no context
        ({"context_lines": 4}, "from x import (\n    y,\n)\n\n\nclass Till:\n"),
        ({"max_prompt_chars": 100}, "class Till:\n"),
    ],
)
def test_the_context_is_bounded_and_keeps_what_is_nearest(
    make_checkout: MakeCheckout, limit: dict[str, int], context: str
) -> None:
    docstring = "Pay in full, and say so to whoever asks about it."
    pay = f'    def pay(self):\n        """{docstring}"""\n'
    source = f"import os\nfrom x import (\n    y,\n)\nclass Till:\n{pay}        return 1\n"
    prompt, _ = only(read(make_checkout({"a.py": source}), **limit))
    assert prompt == context + pay


def test_line_ends_of_other_systems_become_newlines(make_checkout: MakeCheckout) -> None:
    source = f"import os\n{documented('pay')}".replace("\n", "\r\n").removesuffix("\r\n")
    prompt, completion = only(read(make_checkout({"a.py": source.encode(), ".gitattributes": "* -text"})))
    assert prompt == 'import os\n\n\ndef pay(value):\n    """Do pay."""\n'
    assert completion == "    return value\n"


def test_functions_that_make_no_example_are_counted_with_the_reason(make_checkout: MakeCheckout) -> None:
    files = {
        "a.py": documented("good")
        + documented("empty", "...")
        + documented("long", f"return '{'x' * 2000}'")
        + f'def talk():\n    """{"word " * 400}"""\n    return 1\n'
        + 'def torn(): "doc"; return 1\n'
        + "def silent():\n    return 1\n"
    }
    assert read(make_checkout(files)).skipped == {
        "functions: nothing in the body": 1,
        "functions: body longer than `max_completion_chars`": 1,
        "functions: signature and docstring longer than `max_prompt_chars`": 1,
        "functions: docstring and body on one line": 1,
    }


def test_files_that_cannot_be_parsed_are_counted_and_the_others_read(make_checkout: MakeCheckout) -> None:
    files: Files = {
        "good.py": documented("good"),
        "broken.py": "def f(:\n",
        "latin.py": "x = 'Größe'\n".encode("latin-1"),
        "binary.py": b"\x7fELF\x00\x00",
        "deep.py": "-" * 10_000 + "1",
    }
    gathered = read(make_checkout(files))
    assert gathered.files == 1
    assert len(gathered.train) + len(gathered.heldout) == 1
    assert gathered.skipped == {
        "files: nested too deeply": 1,
        "files: not text in its encoding": 1,
        "files: null bytes": 1,
        "files: syntax error": 1,
    }


def test_globs_choose_the_files(make_checkout: MakeCheckout) -> None:
    names = ["a.py", "pkg/b.py", "pkg/deep/c.py", "pkg/tests/d.py", "pkg/test_e.py", "tests/f.py", "pkg/latests/g.py"]
    top = make_checkout({name: documented(Path(name).stem) for name in names})

    def found(**settings: object) -> list[str]:
        gathered = read(top, **settings)
        return sorted(example.origin.path for example in (*gathered.train, *gathered.heldout))

    assert found() == ["a.py", "pkg/b.py", "pkg/deep/c.py", "pkg/latests/g.py"]
    assert found(include=("pkg/*.py",), exclude=()) == ["pkg/b.py", "pkg/test_e.py"]
    assert found(include=("pkg/**",), exclude=("**/?.py",)) == ["pkg/test_e.py"]


def test_a_whole_file_is_on_one_side(make_checkout: MakeCheckout) -> None:
    top = make_checkout({f"m{number}.py": documented("f") + documented("g") for number in range(40)})
    gathered = read(top, heldout_fraction=0.5)
    train, heldout = ({example.origin.path for example in side} for side in (gathered.train, gathered.heldout))
    assert train
    assert heldout
    assert not train & heldout
    assert len(gathered.heldout) == 2 * len(heldout)


def test_growing_a_source_moves_no_example(make_checkout: MakeCheckout) -> None:
    top = make_checkout({f"m{number}.py": documented("f") for number in range(20)})
    before = {example.id for example in read(top).heldout}
    write(top, {f"n{number}.py": documented("f") for number in range(20)})
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "Grow")
    after = read(top)
    assert before <= {example.id for example in after.heldout}
    assert not before & {example.id for example in after.train}


def test_the_fraction_is_about_the_share_of_files() -> None:
    assert 130 < sum(is_heldout(f"pkg/module{number}.py", 0.15) for number in range(1000)) < 170


def test_a_relative_path_starts_at_the_project(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": documented("pay")})
    source = RepositorySource(kind="repository", path=top.name)
    assert gather(source, top.parent, silent).name == "shop"


def test_every_file_is_reported_as_it_is_done(make_checkout: MakeCheckout) -> None:
    top = make_checkout({"a.py": documented("f"), "b.py": "def f(:", "c.py": documented("g")})
    heard: list[tuple[int, int]] = []
    gather(RepositorySource(kind="repository", path=str(top)), Path(), lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_a_source_without_python_files_is_named(make_checkout: MakeCheckout) -> None:
    with pytest.raises(DataError, match="source `shop` has no Python files that can be read; see its `include`"):
        read(make_checkout({"readme.md": "hello"}))


def test_a_source_without_documented_functions_is_named_with_what_was_found(make_checkout: MakeCheckout) -> None:
    with pytest.raises(DataError, match="source `shop` has no documented function that fits in its 2 files") as caught:
        read(make_checkout({"a.py": "def f():\n    return 1\n", "b.py": "def f(:\n"}))
    assert "1 files: syntax error" in caught.value.detail


def test_a_package_gives_examples_with_its_version(make_package: MakePackage) -> None:
    name = make_package({"shop/a.py": documented("pay")})
    gathered = gather(RepositorySource(kind="repository", package=name), Path(), silent)
    (example,) = (*gathered.train, *gathered.heldout)
    assert (example.id, example.origin.commit, example.origin.licence) == ("shop-kit/shop/a.py:1", "1.2", "MIT")


def test_a_real_package_gives_hundreds_of_examples() -> None:
    gathered = gather(RepositorySource(kind="repository", package="rich"), Path(), silent)
    assert len(gathered.train) > 200
    assert len(gathered.heldout) > 10
    examples = (*gathered.train, *gathered.heldout)
    assert len({example.id for example in examples}) == len(examples)
    # As a whole an example is Python again, with methods under their class; a function inside an `if` stays indented.
    broken = [example.id for example in examples if parse((example.prompt + example.completion).encode()).fault]
    assert len(broken) < len(examples) / 50, broken


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("{}", r"`kind`: this key is required"),
        ("kind: repository", "exactly one of `path` and `package`"),
        ("{kind: repository, path: a, package: b}", "exactly one of `path` and `package`"),
        ("{kind: repository, package: b, commit: abc}", "`commit` belongs to a `path`"),
        ("{kind: repository, path: a, comit: abc}", "did you mean `commit`"),
        ("{kind: repository, path: a, commit: --help}", "`commit`"),
        ("{kind: repository, path: a, heldout_fraction: 1.5}", "`heldout_fraction`"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, yaml: str, problem: str) -> None:
    write(tmp_path, {"source.yaml": yaml})
    with pytest.raises(ConfigError, match=problem):
        load_config(tmp_path / "source.yaml", RepositorySource)
