"""A conversation that fits no window, at a route that may leave out its oldest turns."""

import json
import time

from hone.files import write_atomic

POLL_S = 0.05
LONG = "word " * 200
TURNS = [("user", LONG), ("assistant", LONG), ("user", LONG), ("assistant", LONG), ("user", "last")]


def ask(router, name):
    messages = [{"role": role, "content": content} for role, content in TURNS]
    body = json.dumps({"model": name, "messages": messages, "max_tokens": 50}).encode()
    return router.ask("/v1/chat/completions", body=body)


def test_oldest_turns_are_left_out_only_where_the_route_says_so_and_the_client_is_told(start_router, model):
    first = model("first")
    router = start_router(first)
    refused = ask(router, "hone/debugging")
    assert (refused.status, refused.json["error"]["code"]) == (400, "context_length_exceeded")
    path = router.layout.root / "configs" / "routes.yaml"
    routes = json.loads(path.read_bytes())
    routes["routes"]["debugging"]["trim_oldest"] = True
    write_atomic(path, json.dumps(routes).encode())
    until = time.monotonic() + 20
    while (reply := ask(router, "hone/debugging")).status != 200 and time.monotonic() < until:
        time.sleep(POLL_S)
    assert reply.status == 200
    assert reply.headers["x-hone-note"] == "2 oldest turns were left out, so that the rest fits"
    sent = json.loads(first.requests[-1].body)["messages"]
    assert [(turn["role"], turn["content"]) for turn in sent] == TURNS[2:]
    assert ask(router, "hone/planning").status == 400
    assert ask(router, "both").status == 400
