"""Documented functions become examples with bounded context; what does not fit is counted."""

from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest

from analysis.python import parse
from data.files import CodeFile, text_of
from data.tasks.bodies import BodyConfig, bodies
from hone.records import Example
from tests.data.making import documented


def file_of(content: str | bytes, path: str = "a.py") -> CodeFile:
    text = text_of(content if isinstance(content, bytes) else content.encode(), "python")
    assert isinstance(text, str)
    return CodeFile("shop", "shop", "1.2", path, "python", "MIT", "sha256:0", text)


def made(file: CodeFile, **settings: object) -> list[Example]:
    return list(bodies(file, BodyConfig.model_validate(settings), Counter()))


def only(content: str | bytes, **settings: object) -> tuple[str, str]:
    (example,) = made(file_of(content), **settings)
    return example.prompt, example.completion


def test_an_example_knows_where_it_comes_from() -> None:
    (example,) = made(file_of(f"x = 1\n\n{documented('pay')}", "pkg/a.py"))
    assert example.id == "shop/pkg/a.py:3"
    assert (example.prompt, example.completion) == ('def pay(value):\n    """Do pay."""\n', "    return value\n")
    assert (example.entry_point, example.tests) == ("pay", ())
    origin = example.origin
    assert (origin.source, origin.commit, origin.path) == ("shop", "1.2", "pkg/a.py")
    assert (origin.first_line, origin.last_line, origin.licence) == (3, 5, "MIT")
    assert (origin.language, origin.digest) == ("python", "sha256:0")


def test_the_context_is_the_imports_above_and_the_lines_around() -> None:
    till = 'class Till(Base):\n    """Doc."""\n\n    def pay(self):\n        """Pay."""\n        return 1\n'
    prompt, _ = only(f"import os\nfrom x import (\n    y,\n)\n\n{till}\nimport late\n")
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
def test_the_context_is_bounded_and_keeps_what_is_nearest(limit: dict[str, int], context: str) -> None:
    docstring = "Pay in full, and say so to whoever asks about it."
    pay = f'    def pay(self):\n        """{docstring}"""\n'
    prompt, _ = only(f"import os\nfrom x import (\n    y,\n)\nclass Till:\n{pay}        return 1\n", **limit)
    assert prompt == context + pay


def test_line_ends_of_other_systems_become_newlines() -> None:
    source = f"import os\n{documented('pay')}".replace("\n", "\r\n").removesuffix("\r\n")
    prompt, completion = only(source.encode())
    assert prompt == 'import os\n\n\ndef pay(value):\n    """Do pay."""\n'
    assert completion == "    return value\n"


def test_what_an_encoding_declares_is_obeyed_once() -> None:
    source = "# coding: latin-1\n" + documented("pay", "return 'Größe'")
    assert only(source.encode("latin-1"))[1] == "    return 'Größe'\n"


def test_functions_that_make_no_example_are_counted_with_the_reason() -> None:
    content = (
        documented("good")
        + documented("empty", "...")
        + documented("long", f"return '{'x' * 2000}'")
        + f'def talk():\n    """{"word " * 400}"""\n    return 1\n'
        + 'def torn(): "doc"; return 1\n'
        + "def silent():\n    return 1\n"
    )
    left_out: Counter[str] = Counter()
    list(bodies(file_of(content), BodyConfig(), left_out))
    assert left_out == {
        "functions: nothing in the body": 1,
        "functions: body longer than `max_completion_chars`": 1,
        "functions: signature and docstring longer than `max_prompt_chars`": 1,
        "functions: docstring and body on one line": 1,
    }


def test_a_real_package_gives_hundreds_of_examples() -> None:
    files = [
        file_of(Path(str(path.locate())).read_bytes(), str(path))
        for path in metadata.distribution("rich").files or ()
        if path.suffix == ".py"
    ]
    examples = [example for file in files for example in made(file)]
    assert len(examples) > 200
    assert len({example.id for example in examples}) == len(examples)
    # As a whole an example is Python again, with methods under their class; a function inside an `if` stays indented.
    broken = [example.id for example in examples if parse(example.prompt + example.completion).fault]
    assert len(broken) < len(examples) / 50, broken
