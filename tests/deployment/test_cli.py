"""`hone deploy …` as a person runs it: whole processes over deployments that the process engine made."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from deployment.engines import SOURCES
from hone.layout import Layout
from hone.records import Deployment

Hone = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hone(layout: Layout) -> Hone:
    """Runs `hone deploy ARGUMENTS` in the project."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", "from hone.cli import main; main()", "deploy", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=layout.root,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), "COLUMNS": "120"},
        )

    return run


def test_status_shows_what_serves_and_what_is_warm(hone: Hone, deploy_version: Callable[..., Deployment]) -> None:
    _first, second = deploy_version(1), deploy_version(2)
    shown = hone("status")
    assert shown.returncode == 0, shown.stderr
    assert f"serves  hone-code version 2: ready at {second.url}" in shown.stdout
    assert "warm    hone-code version 1: ready" in shown.stdout


def test_status_as_json_shows_the_version_before_and_after_a_rollback(
    hone: Hone, deploy_version: Callable[..., Deployment]
) -> None:
    deploy_version(1)
    deploy_version(2)
    before = json.loads(hone("status", "--json").stdout)
    rolled = hone("rollback")
    after = json.loads(hone("status", "--json").stdout)
    assert rolled.returncode == 0, rolled.stderr
    assert rolled.stdout.startswith("version 1 serves at http://127.0.0.1:")
    assert [each["current"]["deployment"]["model_version"] for each in (before, after)] == ["2", "1"]


def test_a_rollback_with_nothing_to_roll_back_to_is_one_line_and_exit_code_1(hone: Hone) -> None:
    refused = hone("rollback")
    assert refused.returncode == 1
    assert refused.stderr == "hone: nothing is deployed; deploy first (`hone deploy champion`)\n"


def test_status_of_nothing_says_how_to_deploy(hone: Hone) -> None:
    shown = hone("status")
    assert shown.returncode == 1
    assert shown.stdout == "nothing is deployed; `hone deploy champion` deploys\n"


def test_history_shows_each_step_and_who_took_it(hone: Hone, deploy_version: Callable[..., Deployment]) -> None:
    deploy_version(1)
    lines = hone("history").stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["started", "ready", "switched"]
    assert "nothing → 1" in lines[-1]
    assert "@" in lines[-1]


def test_stop_ends_everything(hone: Hone, deploy_version: Callable[..., Deployment]) -> None:
    deploy_version(1)
    assert hone("stop").stdout.endswith("stopped 1 deployment\n")
    assert hone("status").returncode == 1


def test_a_warm_rollback_imports_nothing_heavy(layout: Layout, deploy_version: Callable[..., Deployment]) -> None:
    deploy_version(1)
    deploy_version(2)
    command = """
import sys
from pathlib import Path
from hone.layout import Layout
from deployment.rollback import rollback
rollback(Layout(Path("."), Path("artifacts")), lambda: sys.exit("read the settings"))
print(sorted({"docker", "pydantic", "yaml", "structlog", "rich", "requests"} & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=layout.root,
        env={"PYTHONPATH": str(SOURCES)},
    )
    assert ran.stdout == "[]\n", ran.stderr


@pytest.mark.parametrize("verb", ["champion", "version", "rollback", "status", "history", "base-image", "stop"])
def test_every_help_carries_an_example(hone: Hone, verb: str) -> None:
    assert "hone deploy " + verb in hone(verb, "--help").stdout
