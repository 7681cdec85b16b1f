"""`hone eval sandbox-check` as a user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from evaluation.sandbox import Limits, open_sandbox
from evaluation.sandbox.probe import Isolation
from hone.cli.eval_sandbox import app
from hone.errors import IsolationUnavailable

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=get_args(Isolation))
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each isolation that there is, with one attack and no forgery to try."""
    try:
        open_sandbox(Limits(), workers=1, isolation=request.param).close()
    except IsolationUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    attack_with(monkeypatch, "return []")
    monkeypatch.setattr("evaluation.sandbox.trial.FORGERIES", {})
    return str(request.param)


def attack_with(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    for module in ("trial", "attacks"):
        monkeypatch.setattr(f"evaluation.sandbox.{module}.ATTACKS", {"only": body})


def test_the_isolation_that_was_asked_for_is_tried_and_named(isolation: str) -> None:
    shown = CliRunner().invoke(app, ["--isolation", isolation])
    assert shown.exit_code == 0, shown.output
    assert f"isolation: {isolation}" in shown.output
    assert "1 of 1 contained" in shown.output


def test_one_attack_that_gets_something_is_exit_code_one(isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack_with(monkeypatch, "return ['something']")
    shown = CliRunner().invoke(app, ["--isolation", isolation])
    assert shown.exit_code == 1
    assert "ESCAPED" in shown.output
    assert "0 of 1 contained" in shown.output


def test_programs_get_the_trials_and_nothing_else(isolation: str) -> None:
    (trial,) = json.loads(CliRunner().invoke(app, ["--isolation", isolation, "--json"]).stdout)
    assert (trial["name"], trial["contained"]) == ("only", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--isolation", "bubblewrap"], "install it with `sudo apt-get install --yes bubblewrap`"),
        (["--isolation", "none"], "not one of"),
    ],
)
def test_what_cannot_be_had_is_refused_and_nothing_is_run(tmp_path: Path, arguments: list[str], message: str) -> None:
    command = [sys.executable, "-c", "from hone.cli import main; main()", "eval", "sandbox-check", *arguments]
    environment = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode != 0
    assert message in shown.stderr
    assert shown.stdout == ""
