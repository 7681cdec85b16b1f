"""The main job's question to the router and its summary, on records that the stages would have written."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from hone.errors import RouterError
from hone.layout import Layout
from hone.records import Endpoint, Example, Origin, write_record
from pipelines.main_job import Answer, Summary, ask, summarise
from tests.pipelines.making import deployment, evidence, version

EXAMPLE = Example("one", "def one():\n", "    return 1\n", "one", Origin("generated"))
ANSWER = Answer("def one():\n", "    return 1\n", "hone-code:1", 12.3)


class Upstream(BaseHTTPRequestHandler):
    """Stands in for router and server: one model, whose answer repeats the prompt."""

    status = 200

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "hone-code"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = asked["model"] == "hone-code" and self.status == 200
        answer = {"choices": [{"text": asked["prompt"]}]} if known else {"error": {"message": "no such model"}}
        self._send(200 if known else 404, answer)

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("x-hone-model-version", "hone-code:7")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def router(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Handler", (Upstream,), {"status": getattr(request, "param", 200)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def summary_of(layout: Layout, *, passed: bool = True, serving: str = "2") -> Summary:
    write_record(layout.evaluation / "evidence.json", evidence())
    write_record(layout.registration, version("2", passed=passed))
    write_record(layout.endpoint, Endpoint(1, deployment(serving)))
    return summarise(layout, deployment(serving), ANSWER, seconds={"train": 3.0}, total_s=9.876, router="r", mlflow="m")


def test_the_served_model_is_asked_and_the_version_that_answered_is_kept(router: str) -> None:
    answer = ask(router, EXAMPLE, timeout_s=5)
    assert (answer.text, answer.model_version) == (EXAMPLE.prompt, "hone-code:7")


@pytest.mark.parametrize("router", [404], indirect=True)
def test_an_answer_that_is_an_error_is_passed_on_with_its_reason(router: str) -> None:
    with pytest.raises(RouterError, match="404: no such model"):
        ask(router, EXAMPLE, timeout_s=5)


def test_a_router_that_is_gone_names_the_way_out() -> None:
    with pytest.raises(RouterError, match="start it with `hone up`"):
        ask("http://127.0.0.1:1", EXAMPLE, timeout_s=5)


def test_the_summary_holds_what_the_stages_measured(layout: Layout) -> None:
    summary = summary_of(layout)
    assert (summary.base_pass_at_1, summary.tuned_pass_at_1, summary.tasks) == (0.0, 0.5, 8)
    assert (summary.verdict, summary.model_version, summary.engine) == ("passed", "hone-code:2", "process")
    assert (summary.endpoint, summary.answer_ms, summary.total_seconds) == ("http://127.0.0.1:1", 12.3, 9.88)


def test_a_refused_version_is_named_beside_the_champion_that_serves(layout: Layout) -> None:
    summary = summary_of(layout, passed=False, serving="1")
    assert (summary.verdict, summary.model_version, summary.serving_version) == ("failed", "hone-code:2", "hone-code:1")
