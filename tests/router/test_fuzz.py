"""The router's doors, tried with what its own OpenAPI document allows and forbids: no 500, no hang, no surprise."""

import json

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

from tests.router.conftest import FakeModel, RunningRouter, write_world

CASES = 2000
SEED = 4
TIMEOUT_S = 60  # a request that takes this long hangs
SHARES = {
    "POST /v1/chat/completions": 500,
    "POST /v1/messages": 400,
    "POST /v1/completions": 250,
    "POST /v1beta/models/{model}:generateContent": 250,
    "POST /v1/embeddings": 200,
    "POST /v1/messages/count_tokens": 195,
    "POST /v1/feedback": 130,
    "GET /v1/models/{model}": 70,
    "GET /v1/models": 1,  # pages can be asked in one way only
    "GET /health/live": 1,
    "GET /health/ready": 1,
    "GET /metrics": 1,
    "GET /openapi.json": 1,
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """A router with one healthy provider."""
    fake = FakeModel("first")
    root = tmp_path_factory.mktemp("fuzzed")
    write_world(root, fake)
    router = RunningRouter(root)
    yield router
    router.terminate()
    fake.end()


def operations(router):
    schema = schemathesis.openapi.from_dict(router.ask("/openapi.json", body=None).json)
    schema.config.update(base_url=router.url)
    return {one.ok().label: one.ok() for one in schema.get_all_operations()}


def test_every_operation_has_its_share_of_the_cases(fuzzed):
    assert sum(SHARES.values()) == CASES
    assert set(SHARES) == set(operations(fuzzed))


@pytest.mark.parametrize("label", SHARES)
def test_no_request_makes_the_router_fail_or_hang(fuzzed, label):
    operation = operations(fuzzed)[label]
    documented = set(operation.definition.raw["responses"])
    session = requests.Session()
    tried = 0

    def attempt(case):
        nonlocal tried
        tried += 1
        response = case.call(session=session, timeout=TIMEOUT_S)
        assert str(response.status_code) in documented - {"500"}, (case.as_curl_command(), response.text)
        if response.headers["content-type"] == "application/json":
            json.loads(response.content)

    modes = [GenerationMode.POSITIVE]
    if label.startswith("POST"):  # without a body nothing is forbidden
        modes.append(GenerationMode.NEGATIVE)
    for mode in modes:
        examples = settings(
            max_examples=-(-SHARES[label] // len(modes)),
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what fails stands in the message; making it smaller takes long
            suppress_health_check=list(HealthCheck),
        )
        seed(SEED)(examples(given(case=operation.as_strategy(generation_mode=mode))(attempt)))()
    assert tried >= SHARES[label]
    assert "fault of the router" not in fuzzed.log.read_text()
    assert fuzzed.metric("hone_router_in_flight") <= 1  # this one
