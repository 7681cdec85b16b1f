"""The router's own OpenAPI document: its paths, what each takes at least, and how it answers. Made once."""

import functools
from typing import Any

import msgspec

Json = dict[str, Any]

STRING: Json = {"type": "string"}
POSITIVE: Json = {"type": "integer", "minimum": 1}
TOKENS: Json = {"anyOf": [STRING, {"type": "array", "minItems": 1, "items": STRING}]}


@functools.cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Hone router",
                "version": "1",
                "description": "OpenAI's and Anthropic's protocols in front of a team's own and cloud models.",
            },
            "security": [{"bearer": []}, {"x-api-key": []}, {}],
            "paths": {
                "/v1/chat/completions": _post("A chat answer, whole or streamed", _chat(), streams=True),
                "/v1/completions": _post(
                    "A completion; with `suffix`, fill-in-the-middle", _completion(), streams=True
                ),
                "/v1/embeddings": _post("Embeddings", _embeddings()),
                "/v1/messages": _post("A message, in Anthropic's protocol", _messages(["max_tokens"]), streams=True),
                "/v1/messages/count_tokens": _post("How many tokens a message has", _messages([])),
                "/v1beta/models/{model}:generateContent": _with_model(
                    _post("An answer, in Gemini's protocol", _gemini())
                ),
                "/v1/feedback": _post(
                    "What somebody thought of an answer", _feedback(), more={"404": "no such request"}
                ),
                "/v1/models": _get("The models and routes that may be named", secured=True),
                "/v1/models/{model}": _with_model(_get("One of them", secured=True)),
                "/health/live": _get("Whether the router runs"),
                "/health/ready": _get("Whether it can answer", also="503"),
                "/metrics": _get("Counters in Prometheus' form", kind="text/plain"),
                "/openapi.json": _get("This document"),
            },
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
                "schemas": {
                    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}}
                },
            },
        }
    )


def _post(told: str, body: Json, *, streams: bool = False, more: dict[str, str] | None = None) -> Json:
    content: Json = {"application/json": {"schema": {"type": "object"}}}
    if streams:
        content["text/event-stream"] = {"schema": STRING}
    errors = {
        "400": "what is wrong with the request", "401": "no valid key", "403": "not allowed with this key",
        "404": "no such model", "408": "the body did not arrive", "413": "too large", "422": "refused by the provider",
        "429": "a limit or a budget", "502": "no provider answered", "503": "nobody can be asked now",
        "504": "not in time", **(more or {}),
    }  # fmt: skip
    responses: Json = {"200": {"description": "the answer", "content": content}}
    responses |= {status: _error(said) for status, said in errors.items()}
    return {
        "post": {
            "summary": told,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": responses,
        }
    }


def _get(told: str, *, kind: str = "application/json", also: str = "", secured: bool = False) -> Json:
    responses: Json = {
        "200": {"description": "it", "content": {kind: {"schema": STRING if kind == "text/plain" else {}}}}
    }
    if also:
        responses[also] = {"description": "not now", "content": {kind: {"schema": {}}}}
    if secured:
        responses |= {"401": _error("no valid key"), "404": _error("no such model")}
    return {"get": {"summary": told, "responses": responses, **({} if secured else {"security": []})}}


def _with_model(path: Json) -> Json:
    return {
        **path,
        "parameters": [{"name": "model", "in": "path", "required": True, "schema": {**STRING, "minLength": 1}}],
    }


def _error(told: str) -> Json:
    return {"description": told, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _object(required: list[str], properties: Json) -> Json:
    return {"type": "object", "required": required, "properties": properties}


def _shared() -> Json:
    return {
        "model": {**STRING, "description": "a model, a version of ours, `hone/CAPABILITY`, or `hone/auto`"},
        "stream": {"type": "boolean"},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "max_tokens": POSITIVE,
    }


def _chat() -> Json:
    message = _object(
        ["role"], {"role": {"enum": ["system", "user", "assistant", "tool", "developer"]}, "content": STRING}
    )
    messages = {"type": "array", "minItems": 1, "items": message}
    return _object(
        ["messages"], {**_shared(), "messages": messages, "tools": {"type": "array", "items": {"type": "object"}}}
    )


def _completion() -> Json:
    return _object(["prompt"], {**_shared(), "prompt": TOKENS, "suffix": STRING})


def _embeddings() -> Json:
    return _object(["input"], {"model": STRING, "input": TOKENS})


def _messages(more: list[str]) -> Json:
    message = _object(["role", "content"], {"role": {"enum": ["user", "assistant"]}, "content": STRING})
    shared = {**_shared(), "system": STRING, "messages": {"type": "array", "minItems": 1, "items": message}}
    return _object(["messages", *more], shared)


def _gemini() -> Json:
    part = _object(["text"], {"text": STRING})
    parts = {"type": "array", "minItems": 1, "items": part}
    content = _object(["parts"], {"role": {"enum": ["user", "model"]}, "parts": parts})
    return _object(["contents"], {"contents": {"type": "array", "minItems": 1, "items": content}})


def _feedback() -> Json:
    return _object(
        ["request_id"],
        {
            "request_id": STRING,
            "verdict": {"enum": ["accepted", "rejected"]},
            "edited": STRING,
            "score": {"type": "number", "minimum": 0, "maximum": 1},
        },
    )
