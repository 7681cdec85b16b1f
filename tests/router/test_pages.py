"""The other doors and pages: models, embeddings, Anthropic's messages, feedback, cache, CORS, OpenAPI, reloading."""

import json
import ssl
import subprocess
import time
from pathlib import Path

import anthropic
import pytest
from google import genai
from google.genai.types import HttpOptions

from hone.errors import RouterError
from hone.layout import Layout
from hone.settings import load_settings
from router.client import read_health
from router.money.database import Database
from router.money.keys import Key
from router.money.stored_keys import create
from router.options import options_of

POLL_S = 0.02
REPOSITORY = Path(__file__).parents[2]
CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "write f"}], "temperature": 0}'
STREAM = CHAT[:-1] + b', "stream": true}'


def chat(router, body=CHAT, **headers):
    return router.ask("/v1/chat/completions", body=body, headers=headers)


def test_our_deployment_leads_the_list_of_models(start_router, model):
    router = start_router(model("cloud"))
    router.point_to(model("v1"), "7")
    listed = [each["id"] for each in router.ask("/v1/models", body=None).json["data"]]
    assert listed[:3] == ["hone-code", "hone-code:7", "hone/auto"]
    assert listed[-2:] == ["m0", "both"]
    assert router.ask("/v1/models/m0", body=None).json["owned_by"] == "p0"
    assert router.ask("/v1/models/nobody", body=None).status == 404


def test_embeddings_pass_through(start_router, model):
    async def embed(fake, request, writer):
        data = [{"object": "embedding", "index": 0, "embedding": [0.1]}]
        writer.write(fake.response({"object": "list", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}}))

    router = start_router(model("first", embed))
    reply = router.ask("/v1/embeddings", body=b'{"model": "both", "input": "def f():"}')
    assert reply.json["data"][0]["embedding"] == [0.1]


def test_the_anthropic_sdk_talks_to_a_provider_of_openais_protocol(start_router, model):
    router = start_router(model("first"))
    client = anthropic.Anthropic(base_url=router.url, api_key="unused", max_retries=0)
    messages = [{"role": "user", "content": "write f"}]
    answer = client.messages.create(model="both", max_tokens=9, messages=messages)
    assert answer.content[0].text == "first"
    assert client.messages.count_tokens(model="both", messages=messages).input_tokens > 0
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        client.messages.create(model="both", max_tokens=9, messages=[])


def test_the_google_sdk_talks_to_a_provider_of_openais_protocol(start_router, model):
    router = start_router(model("first"))
    client = genai.Client(api_key="unused", http_options=HttpOptions(base_url=router.url))
    assert client.models.generate_content(model="both", contents="write f").text == "first"
    with pytest.raises(genai.errors.ClientError, match="nobody"):
        client.models.generate_content(model="nobody", contents="write f")


def test_a_request_that_cannot_be_read_names_the_field(start_router, model):
    router = start_router(model("first"))
    reply = chat(router, b'{"model": "both", "messages": 3}')
    assert (reply.status, reply.json["error"]["param"]) == (400, "messages")
    assert chat(router, b"{").status == 400


def test_feedback_is_stored_for_a_request_and_refused_for_none(start_router, model):
    router = start_router(model("first"))
    request_id = chat(router).headers["x-hone-request-id"]
    given = {"request_id": request_id, "verdict": "accepted"}
    assert router.ask("/v1/feedback", body=json.dumps(given).encode()).json == {"stored": True}
    unknown = router.ask("/v1/feedback", body=b'{"request_id": "x", "verdict": "accepted"}')
    assert (unknown.status, unknown.json["error"]["code"]) == (404, "unknown_request")
    assert router.ask("/v1/feedback", body=b'{"request_id": "x"}').status == 400


def test_the_same_deterministic_request_is_answered_from_the_cache(start_router, model):
    fake = model("first")
    router = start_router(fake, cache_bytes=2**20)
    for body in (CHAT, STREAM):
        first, second = chat(router, body), chat(router, body)
        assert (first.headers.get("x-hone-cache"), second.headers["x-hone-cache"]) == (None, "hit")
        assert first.body == second.body
    assert len(fake.requests) == 2
    assert "x-hone-cache" not in chat(router, CHAT.replace(b'"temperature": 0', b'"temperature": 1')).headers


def test_a_router_with_keys_lets_nobody_else_in(start_router, model):
    router = start_router(model("first"))
    database = Database(f"sqlite:///{router.layout.artifacts / 'router' / 'router.db'}")
    _, token = create(database, Key(id="", name="ci"))
    while chat(router).status != 401:
        time.sleep(POLL_S)
    assert chat(router, Authorization=f"Bearer {token}").status == 200
    assert chat(router, **{"X-Api-Key": token}).status == 200
    wrong = chat(router, Authorization="Bearer hone-wrong")
    assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
    assert "hone-wrong" not in wrong.body.decode()
    assert router.ask("/v1/models", body=None).status == 401
    assert router.ask("/health/live", body=None).status == 200


def test_a_providers_new_key_is_sent_within_moments(start_router, model, tmp_path):
    first = model("first")
    key = tmp_path / "key"
    key.write_text("old\n")
    router = start_router(first, world={"keys": {"p0": str(key)}})
    body = b'{"model": "both", "messages": [{"role": "user", "content": "hi"}]}'

    def sent():
        assert router.ask("/v1/chat/completions", body=body).status == 200
        return first.requests[-1].headers["authorization"]

    assert sent() == "Bearer old"
    key.write_text("new and longer\n")
    until = time.monotonic() + 20
    while (last := sent()) != "Bearer new and longer" and time.monotonic() < until:
        time.sleep(0.05)
    assert last == "Bearer new and longer"


def test_a_changed_configuration_is_in_force_within_moments(start_router, model, write_config):
    first, second = model("first"), model("second")
    router = start_router(first)
    write_config(router.layout.root, second)
    while chat(router).json["choices"][0]["message"]["content"] != "second":
        time.sleep(POLL_S)


def test_a_bad_file_keeps_the_old_configuration_and_says_why(start_router, model):
    router = start_router(model("first"))
    (router.layout.root / "configs" / "catalog.yaml").write_text("models: 3\n")
    while not (health := read_health(router.url)).problem:
        time.sleep(POLL_S)
    assert "catalog.yaml:1" in health.problem
    assert chat(router).status == 200
    assert router.metric("hone_router_config_stale") == 1
    assert "catalog.yaml:1" in router.terminate()


def test_pages_of_other_origins_are_kept_out_unless_they_are_named(start_router, model):
    closed, opened = start_router(model("a")), start_router(model("b"), cors_origins=("https://a.example",))
    origin = {"Origin": "https://a.example"}
    assert "access-control-allow-origin" not in chat(closed, **origin).headers
    assert chat(opened, **origin).headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in chat(opened, Origin="https://b.example").headers


def test_the_openapi_document_lists_every_door(new_router):
    paths = new_router.ask("/openapi.json", body=None).json["paths"]
    assert {"/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/feedback"} <= set(paths)


def test_several_workers_share_the_port_and_one_that_is_killed_comes_back(start_router, model):
    router = start_router(model("first"), workers=2)
    found = set()
    while len(found) < 2:
        found.add(read_health(router.url).pid)
    victim = found.pop()
    subprocess.run(["kill", "-9", str(victim)], check=True)
    while len(found) < 2 or victim in found:
        if (health := read_health(router.url)) is not None and health.pid != victim:
            found.add(health.pid)
    assert chat(router).status == 200
    router.terminate()
    assert router.process.returncode in (0, -15)


def test_it_speaks_tls_where_it_has_a_certificate(start_router, model, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    router = start_router(model("first"), tls_cert=str(cert), tls_key=str(key))
    context = ssl.create_default_context(cafile=str(cert))
    connection = router.connect_tls(context)
    connection.request("POST", "/v1/chat/completions", CHAT)
    assert connection.getresponse().status == 200


def test_half_a_certificate_is_refused(tmp_path):
    settings = load_settings(Layout(root=REPOSITORY, artifacts=tmp_path))
    half = settings.model_copy(update={"router": settings.router.model_copy(update={"tls_cert": "a.pem"})})
    with pytest.raises(RouterError, match="belong together"):
        options_of(Layout(root=tmp_path, artifacts=tmp_path), half)
