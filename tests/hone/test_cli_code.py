"""`hone code outline`, as a person and as a program reads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "analysis" / "samples"
NAMELESS = Path(__file__).parents[2] / "constraints.txt"
HONE = [sys.executable, "-c", "from hone.cli import main; main()"]


def outline(*arguments, given=None):
    return subprocess.run(
        [*HONE, "code", "outline", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_a_file_is_listed_with_its_lines_and_what_documents_it():
    done = outline(SAMPLES / "sample.go")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [
        "      10–12  struct Stack  Stack is a stack.",
        "      14–16  interface Shape",
        "      19–21    function Push  Push puts one on.",
        "      23–25  function main",
    ]


def test_programs_get_every_part_with_its_place():
    told = json.loads(outline("--json", SAMPLES / "sample.py").stdout)
    assert told["language"] == "python"
    assert [part["qualified_name"] for part in told["functions"]] == [
        "Shape.area",
        "Shape.area.<locals>.inner",
        "fetch",
    ]
    assert told["classes"][0]["place"] == {"start": 114, "end": 306, "first_line": 13, "last_line": 24}
    assert (len(told["imports"]), len(told["comments"]), told["errors"]) == (2, 3, [])


def test_broken_code_from_stdin_says_where_it_is_broken():
    done = outline("-", "--language", "python", given="def f(:\n    pass\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "broken at line 1: `)` is missing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (NAMELESS,),
            f"hone: nothing says the language of `{NAMELESS}`, neither its name nor a `#!` line; use --language\n",
        ),
        (("-",), "hone: nothing says the language of `-`, neither its name nor a `#!` line; use --language\n"),
        (("missing.py",), "hone: `missing.py` does not exist\n"),
        (("-", "--language", "pyton"), "hone: there is no language `pyton`; did you mean `python`?\n"),
        (("-", "--language", "py"), "hone: there is no language `py`; did you mean `python`?\n"),
    ],
)
def test_what_cannot_be_outlined_is_one_line(arguments, said):
    done = outline(*arguments, given="")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
