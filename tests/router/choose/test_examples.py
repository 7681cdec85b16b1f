"""The ten examples in docs/router/examples: each decision is as documented.

`HONE_WRITE_EXAMPLES=1 pytest tests/router/choose/test_examples.py` writes them anew after a change of the files.
"""

import os
from pathlib import Path

import pytest

from hone.records import Deployment, Endpoint, Evidence, PassRate, Verdict
from router.choose import Own, Snapshot, Tables, decide
from router.choose.bodies import asked_of, door_of
from router.choose.explain import explain
from router.choose.own import own_of

EXAMPLES = Path(__file__).parents[3] / "docs" / "router" / "examples"
REQUESTS = sorted(EXAMPLES.glob("*.json"))
DIGEST = "sha256:" + "7" * 64


def champion() -> Own:
    """As docs/router/examples/README.md says: version 7, passed, surely 0.77 of 400 tasks of its own."""
    deployment = Deployment("d", "hone-code", "7", DIGEST, "process", "http://127.0.0.1:9000", "handle")
    evidence = Evidence("execution", DIGEST, "", "", "namespaces", tuned=PassRate(324, 400, 0.81, 0.77, 0.85))
    return own_of(Endpoint(3, deployment), verdict=Verdict(True, (), DIGEST, "", ""), evidence=evidence)


def test_there_are_ten() -> None:
    assert len(REQUESTS) == 10


@pytest.mark.parametrize("request_file", REQUESTS, ids=lambda path: path.stem)
def test_a_decision_is_as_documented(request_file: Path, shipped: Tables) -> None:
    body = request_file.read_bytes()
    asked = asked_of(door_of(body), body)
    snapshot = Snapshot(tables=shipped, own=(champion(),))
    said = explain(asked, decide(asked, snapshot), snapshot)
    documented = request_file.with_suffix(".txt")
    if os.environ.get("HONE_WRITE_EXAMPLES"):
        documented.write_text(said, encoding="utf-8")
    assert said == documented.read_text(encoding="utf-8")


def test_evidence_of_other_bytes_does_not_count() -> None:
    deployment = Deployment("d", "hone-code", "8", "sha256:other", "process", "http://127.0.0.1:9000", "handle")
    evidence = Evidence("execution", DIGEST, "", "", "namespaces", tuned=PassRate(324, 400, 0.81, 0.77, 0.85))
    own = own_of(Endpoint(4, deployment), verdict=Verdict(True, (), DIGEST, "", ""), evidence=evidence)
    assert (own.hop.verdict, own.measured) == ("", ())
