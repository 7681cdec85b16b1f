"""What ruff and ty say of generated code: real checkers on real files."""

import tempfile
from pathlib import Path

import pytest

from evaluation import checkers
from evaluation.checkers import Checker, check, linter, type_checker
from evaluation.static_checks import LONGEST_CHECKED, Program, check_programs, parses, quiet
from evaluation.suites.records import Score

WRONG_TYPE = "def f() -> int:\n    return 'a'\n"


def ignore(what: str, done: int, total: int) -> None:
    pass


def scored(*programs: Program, types: Checker | None = None):
    scores = [Score(one.id, one.sample, "pass", "", one.source) for one in programs]
    return check_programs(programs, scores, lint=linter(), types=types or type_checker(), progress=ignore)


def program(source: str, own: str = "", *, id: str = "t", sample: int = 0) -> Program:
    return Program(id, sample, source, own)


def measures(source: str, own: str = "") -> dict[str, float]:
    return scored(program(source, own))[1][0].measures


def test_code_without_a_fault_has_none():
    assert measures("def f(a: int) -> int:\n    return a + 1\n") == {
        "parses": 1.0,
        "lint_findings": 0.0,
        "type_errors": 0.0,
    }


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def f():\n    return undefined\n", "F821"),
        ("def f(a=[]):\n    a.append(1)\n    return a\n", "B006"),
        ("x = '%s %s' % ('a',)\n", "F507"),
    ],
)
def test_the_linter_finds_errors(source, rule):
    checks, (score,) = scored(program(source))
    assert (score.measures["lint_findings"], checks.lint.commonest) == (1.0, ((rule, 1),))


@pytest.mark.parametrize("source", ["import os\n", "def f():\n    x = 1\n", "for i in (1, 2):\n    print()\n"])
def test_what_is_only_untidy_is_no_lint_error(source):
    assert measures(source)["lint_findings"] == 0.0


def test_the_type_checker_finds_errors():
    checks, (score,) = scored(program("def f(a):\n    return len(5) + 'a'.nope()\n"))
    assert score.measures["type_errors"] == 2.0
    assert checks.types.findings == 2


def test_only_what_the_generation_adds_counts():
    own = f"import typing\n{WRONG_TYPE}"
    assert measures(own, own)["type_errors"] == 0.0
    assert measures(f"{own}{WRONG_TYPE.replace('f()', 'g()')}", own)["type_errors"] == 1.0
    assert measures("print(x)\n", "print(y)\n")["lint_findings"] == 0.0


def test_a_generation_that_does_not_parse_is_clean_in_no_way():
    checks, (score,) = scored(program("def f(:\n"))
    assert score.measures == {"parses": 0.0}
    assert [one.held for one in (checks.parses, checks.lint.clean, checks.types.clean)] == [0, 0, 0]


def test_shares_are_wilsons_for_one_sample_a_task_and_over_tasks_for_several():
    good, bad = program("x = 1\n", id="a"), program("x = (\n", id="b")
    checks, _ = scored(good, bad)
    assert (checks.parses.rate, round(checks.parses.low, 3), round(checks.parses.high, 3)) == (0.5, 0.095, 0.905)
    both = scored(*(program(text, id="a", sample=at) for at, text in enumerate(("x = 1\n", "x = (\n"))))[0]
    assert (both.parses.held, both.parses.samples, both.parses.rate) == (1, 2, 0.5)


def test_a_sample_without_code_is_in_no_share():
    checks, scores = check_programs(
        [program("x = 1\n")],
        [Score("t", 0, "pass", "", ""), Score("u", 0, "error", "no answer", "")],
        lint=linter(),
        types=type_checker(),
        progress=ignore,
    )
    assert checks.parses.samples == 1
    assert scores[1].measures == {}


def test_without_any_code_nothing_is_said():
    assert scored()[0] is None


@pytest.mark.parametrize("comment", ["type: ignore", "ty: ignore", "noqa", "noqa: F821", "NOQA"])
def test_no_comment_silences_a_checker(comment):
    found = measures(f"def f() -> int:\n    return 'a' + undefined  # {comment}\n")
    assert (found["lint_findings"], found["type_errors"]) == (1.0, 1.0)


@pytest.mark.parametrize("comment", ["# ruff: noqa\n", "# type: ignore\n", "# ty: ignore\n", "# flake8: noqa\n"])
def test_nor_does_one_for_the_whole_file(comment):
    found = measures(f"{comment}def f() -> int:\n    return 'a' + undefined\n")
    assert (found["lint_findings"], found["type_errors"]) == (1.0, 1.0)


def test_text_that_only_looks_like_a_comment_stays():
    assert quiet("x = '# noqa'  # noqa\r\ny = 2") == "x = '# noqa'  #\r\ny = 2"


def test_no_configuration_around_or_of_the_user_is_read(tmp_path, monkeypatch):
    (tmp_path / "ty").mkdir()
    for name in ("ty.toml", "ty/ty.toml"):
        (tmp_path / name).write_text('[rules]\ninvalid-return-type = "ignore"\ninvalid-explicit-return = "ignore"\n')
    (tmp_path / "ruff.toml").write_text('lint.ignore = ["F821"]\n')
    (tmp_path / ".gitignore").write_text("*\n")
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = measures(f"{WRONG_TYPE}print(undefined)\n")
    assert (found["lint_findings"], found["type_errors"]) == (1.0, 2.0)


def test_nothing_is_imported_or_run(tmp_path):
    trace = tmp_path / "trace"
    measures(f"open({str(trace)!r}, 'w').write('ran')\nimport this\n")
    assert not trace.exists()


# ty 0.0.107 overflows its stack on the first, and does not end on the second. Python takes both.
CRASHES = "x = " + "lambda: " * 2500 + "1\n"
HANGS = "x = [1]\ny = x" + "[0]" * 2500 + "\n"


def test_a_generation_that_crashes_a_checker_is_reported_and_the_others_are_checked():
    assert parses(CRASHES)
    others = [program(f"{WRONG_TYPE}x = {number}\n", id=f"t{number}") for number in range(30)]
    checks, scores = scored(*others[:15], program(CRASHES, id="crash"), *others[15:])
    assert checks.types.unchecked == ("crash 0",)
    assert (checks.types.clean.held, checks.types.clean.samples) == (0, 30)
    assert "type_errors" not in scores[15].measures
    assert scores[15].measures["lint_findings"] == 0.0


def test_a_module_longer_than_anyone_reads_is_told_as_unchecked():
    checks, (score,) = scored(program(f"x = '{'a' * LONGEST_CHECKED}'\n"))
    assert (checks.parses.held, checks.lint.unchecked, checks.lint.clean) == (1, ("t 0",), None)
    assert score.measures == {"parses": 1.0}


def test_where_no_file_can_be_written_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert "ruff cannot be given files in `/nowhere`" in check(linter(), ["x = 1\n"]).problem


def test_a_text_that_a_checker_hangs_at_costs_the_others_nothing(monkeypatch):
    monkeypatch.setattr(checkers, "BATCH_S", 1.0)
    said = check(type_checker(), [WRONG_TYPE, HANGS, "x = 1\n"])
    assert [said.rules[at] for at in (1, 2)] == [None, {}]
    assert sum(said.rules[0].values()) == 1


def test_where_time_is_up_the_rest_stays_unchecked():
    ticks = iter([0.0, 0.0, 1e9])
    said = check(linter(), ["x = 1\n"], clock=lambda: next(ticks, 1e9))
    assert said.rules == (None,)


def test_a_checker_that_is_not_installed_says_so_and_measures_nothing():
    checks, (score,) = scored(program("x = 1\n"), types=Checker("no-such-checker", (), linter().read))
    assert score.measures == {"parses": 1.0, "lint_findings": 0.0}
    assert (checks.types.clean, checks.types.checker) == (None, "no-such-checker")
    assert checks.types.problem == "no-such-checker is not installed; `pip install no-such-checker` adds it"


def test_a_checker_that_does_not_run_here_says_why():
    said = check(type_checker(Path("/nowhere")), ["x = 1\n"])
    assert said.rules == ()
    assert "ty does not run here" in said.problem
    assert "/nowhere" in said.problem


def test_a_checker_that_says_something_else_than_findings_is_not_believed(tmp_path, monkeypatch):
    (tmp_path / "odd").write_text("#!/bin/sh\necho all good\n")
    (tmp_path / "odd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    said = check(Checker("odd", (), linter().read), ["x = 1\n"])
    assert "it said something else than findings" in said.problem


def test_imports_are_looked_up_in_the_environment_that_is_given(tmp_path):
    packages = tmp_path / "venv" / "lib" / f"python{checkers.MAJOR}.{checkers.MINOR}" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (packages / "theirs.py").write_text("def f(a: int) -> None: ...\n")
    text = "import theirs\ntheirs.f('a')\n"
    assert [sum(check(type_checker(place), [text]).rules[0].values()) for place in (None, tmp_path / "venv")] == [1, 1]
    assert set(check(type_checker(tmp_path / "venv"), [text]).rules[0]) == {"invalid-argument-type"}
