"""`hone router explain` as a user meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HONE = [
    sys.executable,
    "-c",
    "import sys; from hone.cli import main; sys.argv[0] = 'hone'; main()",
    "router",
    "explain",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "configs").mkdir()
    for name in ("providers", "catalog", "routes"):
        shutil.copy(ROOT / "configs" / f"{name}.yaml", tmp_path / "configs")
    (tmp_path / "request.json").write_text('{"model": "hone/planning", "messages": [{"role": "user", "content": "x"}]}')
    return tmp_path


def explain(project: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [*HONE, *arguments],
        cwd=project,
        input=stdin,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_is_explained_with_this_machines_keys(project: Path) -> None:
    done = explain(project, "request.json", ANTHROPIC_API_KEY="sk-secret")
    assert done.returncode == 0, done.stderr
    assert "asks     1  anthropic/claude-sonnet-5-5" in done.stdout
    assert "no key: the environment variable `OPENAI_API_KEY` is not set" in done.stdout
    assert "sk-secret" not in done.stdout


def test_a_route_that_trims_says_how_many_turns_go(project: Path) -> None:
    path = project / "configs" / "routes.yaml"
    path.write_text(path.read_text().replace("  debugging:\n", "  debugging:\n    trim_oldest: true\n", 1))
    turns = [{"role": "user", "content": "word " * 2_000_000}, {"role": "user", "content": "last"}]
    (project / "request.json").write_text(json.dumps({"model": "hone/debugging", "messages": turns}))
    done = explain(project, "request.json", "--every-key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note      1 oldest turns were left out, so that the rest fits" in done.stdout


def test_stdin_is_explained_as_json_for_programs(project: Path) -> None:
    body = (project / "request.json").read_text()
    done = explain(project, "-", "--json", "--every-key", stdin=body)
    decision = json.loads(done.stdout)
    assert [hop["model"] for hop in decision["hops"]][:2] == ["claude-sonnet-5-5", "gpt-6.1-sol"]
    assert decision["capability"] == "planning"


def test_a_request_that_nobody_can_answer_exits_with_one(project: Path) -> None:
    done = explain(project, "request.json")
    assert done.returncode == 1
    assert "refused   503 no_provider: nobody can be asked for `hone/planning`" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["absent.json"], "", "hone: `absent.json` cannot be read: no such file or directory\n"),
        (["-"], "{", "hone: what came from stdin is not a request: Input data was truncated\n"),
        (["-"], "[]", "hone: what came from stdin is not a request: Expected `object`, got `array`\n"),
        (
            ["-", "--door", "chatt"],
            "{}",
            "hone: there is no door `chatt`; "
            "there are chat, completions, embeddings, messages, count_tokens, generate\n",
        ),
    ],
)
def test_what_is_no_request_is_said_in_one_line(project: Path, arguments: list[str], stdin: str, message: str) -> None:
    done = explain(project, *arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (1, message)


def test_a_wrong_file_is_named_with_its_line(project: Path) -> None:
    routes = project / "configs" / "routes.yaml"
    routes.write_text(routes.read_text().replace("models: [claude-sonnet-5-5, gpt-6.1-sol,", "models: [claude-sonet,"))
    done = explain(project, "request.json")
    assert done.returncode == 1
    assert "there is no model `claude-sonet` in the catalog; did you mean `claude-sonnet" in done.stderr
