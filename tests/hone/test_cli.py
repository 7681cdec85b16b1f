"""The command line answers fast, lists its nouns, and turns errors into one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from hone.cli import COMMANDS


def hone(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    root = Path(__file__).parents[2]
    shown = hone(command, "--help", cwd=root)
    assert shown.returncode == 0, shown.stderr
    verbs = hone(command, "--help", cwd=root).stdout
    assert "Example: hone" in verbs or "Commands" in verbs


def test_help_lists_every_command(tmp_path: Path) -> None:
    shown = hone("--help", cwd=tmp_path).stdout
    assert [command for command in COMMANDS if command not in shown] == []


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from hone.cli import main; sys.argv = ['hone', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'mlflow', 'docker', 'dvc', 'aiohttp'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr


def test_outside_a_project_one_line_says_so(tmp_path: Path) -> None:
    shown = hone("gate", "show", cwd=tmp_path)
    assert shown.returncode == 1
    assert "is not inside a Hone project" in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_an_unknown_command_exits_with_an_error(tmp_path: Path) -> None:
    shown = hone("deplo", cwd=tmp_path)
    assert shown.returncode == 2
    assert "deplo" in shown.stderr
