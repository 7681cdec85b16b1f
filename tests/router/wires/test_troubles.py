"""What the providers' real errors mean, and how the client sees them."""

import json

import pytest

from router.refusal import Refusal
from router.wires import Listed, answer_for, error_body, models_body, problem_of
from tests.router.wires.conftest import ask, hop


def openai(message, kind="invalid_request_error", code=None, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def gemini(code, status, message, *details):
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
PER_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
CASES = [
    # OpenAI
    (400, openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
                 code="context_length_exceeded", param="messages"), "context", 400),
    (400, openai("'temperature' does not support 0.2", code="unsupported_value", param="temperature"),
     "client", 400),
    (400, openai("max_tokens is too large: 99999. At most 16384 are supported."), "client", 400),
    (401, openai("Incorrect API key provided: sk-abc123*********xyz", code="invalid_api_key"), "auth", 502),
    (403, openai("Country, region, or territory not supported", "request_forbidden"), "auth", 502),
    (404, openai("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"),
     "missing", 404),
    (429, openai("Rate limit reached for gpt-4o. Please try again in 1m2.5s.", "tokens", "rate_limit_exceeded"),
     "rate", 429),
    (429, openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota",
                 "insufficient_quota"), "quota", 503),
    (500, openai("The server had an error while processing your request.", "server_error"), "transient", 502),
    (503, openai("The engine is currently overloaded, please try again later", "server_error"), "transient", 503),
    # Anthropic
    (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context", 400),
    (400, anthropic("invalid_request_error",
                    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"), "context", 400),
    (400, anthropic("invalid_request_error", "Your credit balance is too low."), "quota", 503),
    (400, anthropic("invalid_request_error", "messages.0.content: Field required"), "client", 400),
    (401, anthropic("authentication_error", "invalid x-api-key"), "auth", 502),
    (402, anthropic("billing_error", "There is an issue with your billing"), "quota", 503),
    (403, anthropic("permission_error", "Your API key does not have permission"), "auth", 502),
    (404, anthropic("not_found_error", "model: claude-9"), "missing", 404),
    (413, anthropic("request_too_large", "Request exceeds the maximum size"), "context", 400),
    (429, anthropic("rate_limit_error", "This request would exceed your organization's rate limit"), "rate", 429),
    (500, anthropic("api_error", "Internal server error"), "transient", 502),
    (504, anthropic("timeout_error", "timed out"), "transient", 504),
    (529, anthropic("overloaded_error", "Overloaded"), "transient", 529),
    # Gemini
    (400, gemini(400, "INVALID_ARGUMENT",
                 "The input token count (1200000) exceeds the maximum number of tokens (1048576)."), "context", 400),
    (400, gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", BAD_KEY), "auth", 502),
    (400, gemini(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name \"foo\""), "client", 400),
    (403, gemini(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"), "auth", 502),
    (404, gemini(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta"), "missing", 404),
    (429, gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", RETRY), "rate", 429),
    (429, gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", PER_DAY), "quota", 503),
    (429, [gemini(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted", RETRY)], "rate", 429),
    (503, gemini(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), "transient", 503),
    (504, gemini(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."), "transient", 504),
    # Groq, DeepSeek, vLLM, llama.cpp, Ollama, FastAPI
    (413, openai("Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000",
                 "tokens", "rate_limit_exceeded"), "context", 400),
    (400, openai("Please reduce the length of the messages.", code="context_length_exceeded"), "context", 400),
    (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "quota", 503),
    (422, openai("Failed to deserialize the JSON body"), "client", 422),
    (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.",
           "type": "BadRequestError", "param": None, "code": 400}, "context", 400),
    (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
     "missing", 404),
    (400, {"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it",
                     "type": "exceed_context_size_error"}}, "context", 400),
    (404, {"error": "model 'x' not found"}, "missing", 404),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, "client", 422),
    (500, {"detail": "Internal Server Error"}, "transient", 502),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "trouble", "shown"), CASES)
def test_each_provider_s_errors_are_told_apart(status, body, trouble, shown):
    problem = problem_of(status, json.dumps(body).encode())
    assert (problem.trouble, problem.status) == (trouble, shown)
    assert problem.message


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(408, "transient"), (409, "transient"), (502, "transient"), (418, "client"), (405, "missing"), (429, "rate")],
)
@pytest.mark.parametrize("body", [b"", b"<html><h1>Bad gateway</h1></html>", b"\xff\xfe", b"null", b"{", b"[]", b"5"])
def test_an_error_without_a_known_body_is_judged_by_its_status(status, trouble, body):
    problem = problem_of(status, body)
    assert problem.trouble == trouble
    assert str(status) in problem.message
    assert "<html>" not in problem.message


def test_waiting_times_are_read_from_the_body():
    def wait(body):
        return problem_of(429, json.dumps(body).encode()).retry_after_s

    assert wait(gemini(429, "RESOURCE_EXHAUSTED", "slow down", RETRY)) == 34.5
    assert wait(openai("Please try again in 1m2.5s.")) == 62.5
    assert wait(openai("Please try again in 250ms.")) == 0.25
    assert wait(openai("Please wait.")) == 0


@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcdef123456", "gsk_abcdef123456", "AIzaSyA-abcdef123456", "Bearer abc.def.ghi", "sk-ant-api03-xyz"],
)
@pytest.mark.parametrize("status", [400, 401, 500])
def test_no_credential_comes_through(secret, status):
    body = json.dumps(openai(f"the key {secret} is odd")).encode()
    for door, wire in (("chat", "openai"), ("messages", "openai"), ("chat", "gemini")):
        answered = answer_for(ask(door), hop(wire), status, body)
        assert secret.removeprefix("Bearer ").encode() not in answered.body
        assert answered.problem is not None
        assert secret not in answered.problem.message


def test_what_a_provider_says_of_our_credentials_stays_with_us():
    problem = problem_of(401, json.dumps(anthropic("authentication_error", "key of workspace 7 was revoked")).encode())
    assert "workspace" not in problem.message
    assert "credentials" in problem.message


def test_the_client_s_own_mistake_keeps_its_name_and_parameter():
    body = json.dumps(openai("no such thing", code="unsupported_value", param="temperature")).encode()
    error = json.loads(answer_for(ask("chat"), hop("openai"), 400, body).body)["error"]
    assert (error["message"], error["type"]) == ("no such thing", "invalid_request_error")
    assert (error["param"], error["code"]) == ("temperature", "unsupported_value")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"),
        (404, "not_found_error"), (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"),
        (502, "api_error"), (504, "timeout_error"), (529, "overloaded_error"),
    ],
)  # fmt: skip
def test_anthropic_s_clients_get_anthropic_s_error_types(status, kind):
    body = json.loads(error_body("messages", Refusal(status, "some_code", "because")))
    assert body == {"type": "error", "error": {"type": kind, "message": "because"}}


def test_one_list_of_models_serves_both_kinds_of_clients():
    from anthropic.types import ModelInfo
    from openai.types import Model

    body = json.loads(models_body([Listed("hone/auto", created=1_700_000_000), Listed("gpt-4o", "openai")]))
    assert [Model.model_validate(one).id for one in body["data"]] == ["hone/auto", "gpt-4o"]
    assert [ModelInfo.model_validate(one).display_name for one in body["data"]] == ["hone/auto", "gpt-4o"]
    assert (body["first_id"], body["last_id"], body["has_more"]) == ("hone/auto", "gpt-4o", False)
    assert json.loads(models_body([]))["data"] == []
