"""The router behind MLflow's AI Gateway, as a provider of OpenAI's kind: docs/router/mlflow.md on a real server."""

import json
import os
import urllib.error
import urllib.request

import pytest

from hone.layout import Layout
from hone.settings import Registry, RouterSettings, Settings, Tracking
from registry.server import ensure_server, stop_server


@pytest.fixture
def mlflow(tmp_path, port, monkeypatch):
    """The address of a server that may ask an upstream on this machine."""
    for name in os.environ.keys() & {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "HONE_CONFIG", "HONE_ROOT"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS", "true")
    monkeypatch.setenv("MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES", "http,https")
    layout = Layout(root=tmp_path, artifacts=tmp_path / "artifacts")
    yield ensure_server(
        layout,
        Settings(
            tracking=Tracking(port=port), registry=Registry(model_name="hone-code"), router=RouterSettings(port=port)
        ),
    )
    stop_server(layout)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        pytest.fail(f"{url} answered {error.code}: {error.read().decode()}")


def connect(mlflow, router):
    """The three calls of docs/router/mlflow.md."""
    gateway = f"{mlflow}/api/3.0/mlflow/gateway"
    secret = {
        "secret_name": "hone",
        "secret_value": {"api_key": "unused"},
        "provider": "openai",
        "auth_config": {"api_base": f"{router.url}/v1"},
    }
    secret_id = json.loads(post(f"{gateway}/secrets/create", secret))["secret"]["secret_id"]
    model = {"name": "hone", "secret_id": secret_id, "provider": "openai", "model_name": "hone/code-generation"}
    created = json.loads(post(f"{gateway}/model-definitions/create", model))["model_definition"]
    config = {"model_definition_id": created["model_definition_id"], "linkage_type": "PRIMARY", "weight": 1}
    post(f"{gateway}/endpoints/create", {"name": "code", "model_configs": [config], "usage_tracking": False})


def test_mlflows_gateway_asks_a_route_of_the_router_whole_and_streamed(mlflow, start_router, model):
    async def talk(fake, request, writer):
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "up0"}
        if request.streams:
            writer.write(fake.stream_head())
            for delta, finish in (({"role": "assistant", "content": "def f"}, None), ({}, "stop")):
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                event = json.dumps({**chunk, "choices": [choice]}).encode()
                writer.write(b"%x\r\ndata: %s\n\n\r\n" % (len(event) + 8, event))
            writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "def f"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        writer.write(fake.response({**chunk, "object": "chat.completion", "choices": [choice], "usage": usage}))

    first = model("first", talk)
    router = start_router(first)
    connect(mlflow, router)
    url = f"{mlflow}/gateway/mlflow/v1/chat/completions"
    ask = {"model": "code", "messages": [{"role": "user", "content": "write f"}]}
    answer = json.loads(post(url, ask))
    assert (answer["choices"][0]["message"]["content"], answer["usage"]["total_tokens"]) == ("def f", 5)
    events = post(url, {**ask, "stream": True}).decode()
    assert "def f" in events
    assert "error" not in events
    assert [json.loads(request.body)["model"] for request in first.requests] == ["up", "up"]
