"""`hone gate`, `hone registry` and `hone why` as a user runs them."""

import json

import pytest
from typer.testing import CliRunner, Result

from hone.cli import app
from hone.errors import DataError, RegistryError
from hone.records import Deployment, Endpoint, write_record


@pytest.fixture
def model_name() -> str:
    """What configs/hone.yaml names."""
    return "hone-code"


@pytest.fixture
def hone(server, monkeypatch):
    """Runs one command in the project of the test's server."""
    monkeypatch.setenv("HONE_ROOT", str(server.layout.root))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), prog_name="hone")

    return run


def test_gate_show_prints_the_verdict_and_every_reason(hone, server, judged):
    write_record(server.layout.gate / "verdict.json", judged[1])
    lines = hone("gate", "show").output.splitlines()
    assert lines[:2] == ["passed", "  pass@1 0.825 is at least 0.70"]


def test_gate_check_decides_again_and_writes_nothing(hone, server, judged):
    write_record(server.layout.evaluation / "evidence.json", judged[0])
    (server.layout.gate / "verdict.json").unlink(missing_ok=True)
    result = hone("gate", "check", "--json")
    verdict = json.loads(result.output)
    assert verdict["adapter_digest"] == judged[0].adapter_digest
    assert result.exit_code == (0 if verdict["passed"] else 1)
    assert not (server.layout.gate / "verdict.json").exists()


def test_gate_check_without_evidence_names_what_is_missing(hone, server):
    (server.layout.evaluation / "evidence.json").unlink(missing_ok=True)
    error = hone("gate", "check").exception
    assert isinstance(error, DataError)
    assert "evidence.json" in str(error)


def test_registry_list_and_show_tell_versions_verdicts_and_reasons(hone, register):
    version = register()
    assert f"hone-code {version.version}  passed" in hone("registry", "list").output.splitlines()[0]
    shown = hone("registry", "show", "champion").output
    assert "  pass@1 0.825 is at least 0.70" in shown
    assert "commit  c0ffee" in shown
    assert json.loads(hone("registry", "show", "champion", "--json").output)["version"] == version.version


def test_registry_promote_of_a_failed_version_is_refused(hone, register):
    failed = register(passed=False)
    assert isinstance(hone("registry", "promote", failed.version).exception, RegistryError)


def test_registry_download_says_where_the_checked_adapter_lies(hone, register, tmp_path):
    version = register()
    result = hone("registry", "download", version.version, str(tmp_path / "copy"))
    assert version.adapter_digest in result.output
    assert (tmp_path / "copy" / "adapter_config.json").is_file()


def test_why_walks_from_the_endpoint_to_the_commit(hone, server, register):
    version = register()
    running = Deployment(
        "d1", version.name, version.version, version.adapter_digest, "process", "http://127.0.0.1:9", "hone-d1"
    )
    write_record(server.layout.endpoint, Endpoint(generation=1, deployment=running))
    lines = hone("why").output.splitlines()
    assert lines[0].split() == ["endpoint", "http://127.0.0.1:9"]
    assert lines[-1].split() == ["commit", "c0ffee"]
    assert hone("why", running.url).output.splitlines() == lines
    server.layout.endpoint.unlink()


def test_why_without_a_deployment_says_what_to_do(hone):
    error = hone("why").exception
    assert isinstance(error, RegistryError)
    assert "hone deploy champion" in str(error)


@pytest.mark.parametrize("command", [["up"], ["down"], ["gate", "check"], ["registry", "promote"], ["why"]])
def test_every_help_carries_an_example(hone, command):
    assert "Example: hone" in " ".join(hone(*command, "--help").output.split())
