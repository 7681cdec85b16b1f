"""The evaluation's page in a real browser: quiet, complete in itself, readable wide and narrow."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page

from evaluation.findings import (
    CheckerReport,
    CodeChecks,
    Contamination,
    Leaks,
    Overlap,
    Repetition,
    Secret,
    Share,
    TrainingFile,
)
from evaluation.report import write_report
from evaluation.suites.records import Percentiles, Speed, SuiteRun
from tests.evaluation.making import run_of

CARDS = ("Contamination", "Leaks", "Static checks")
HOSTILE = "<script>document.title = 'owned'</script><img src=/stolen onerror=\"document.title = 'owned'\">"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of the folder that the page lies in."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def wide(run: SuiteRun) -> SuiteRun:
    """A run whose every text is hostile, or too long for any screen."""
    scores = tuple(
        msgspec.structs.replace(
            score,
            id=f"{score.id}/{'segment' * 20}",
            category=f"category{index % 3}" * 12,
            detail=f"assert {'f(' * 60}",
            prompt=f"def solve():\n    {'long_name' * 40}",
            generation=f"{HOSTILE}\n{'x' * 600}\n{run.name}",
            flaky=("fail", "out-of-memory", "fail"),
        )
        for index, score in enumerate(run.scores)
    )
    slow = Percentiles(1234.5, 123456.7)
    speed = Speed(10**9, slow, slow, 10**12, 1e9, slow, in_flight=10**6, busy_s=1.0, retried=10**9)
    return msgspec.structs.replace(
        run,
        scores=scores,
        target=f"http://127.0.0.1/{'model' * 50}",
        reruns=True,
        speed=speed,
        contamination=contamination(scores[0].id),
        contaminated=(scores[0].id,),
        leaks=leaks(scores[0].id),
        checks=checks(),
    )


def contamination(task: str) -> Contamination:
    """One task in training data of a long name."""
    data = (TrainingFile(f"{'training' * 20}.jsonl", 12_800, "sha256:" + "a" * 64),)
    overlaps = tuple(Overlap(task, "document" * 30, kind, HOSTILE + "word" * 60) for kind in ("tree", "words"))
    return Contamination(48, 12_800, 3, overlaps, share=0.9, touched=48, data=data)


def leaks(task: str) -> Leaks:
    """A repeated text and a secret."""
    repetition = Repetition(task, 0, "source" * 40, 60, HOSTILE + "text" * 100)
    return Leaks(48, (repetition,), (Secret(task, 0, "AWS Access Key", 3),))


def checks() -> CodeChecks:
    """One checker with findings, and one that is not installed."""
    share = Share(40, 48, 0.833, 0.704, 0.913)
    lint = CheckerReport("ruff 0.17.6", share, 9, (("F821", 7), ("rule-" * 20, 2)), (f"{'task' * 40} 0",))
    return CodeChecks(share, lint, CheckerReport("ty", problem="ty is not installed; `pip install ty` adds it"), 1.0)


@pytest.fixture
def opened(tmp_path: Path, address: str, page: Page) -> tuple[Page, list[str], list[str]]:
    """The page of two such runs, open, with what it requested and what it said on the console."""
    runs = [[wide(run_of(name, results)) for name, results in pair] for pair in (
        (("challenger", "ppfptp" * 8),), (("champion", "pfpfpp" * 8),)
    )]  # fmt: skip
    write_report(tmp_path / "report.html", runs[0], champions=runs[1], contaminated={runs[0][0].scores[0].id})
    requested: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/report.html")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    return page, requested, said


def test_the_page_requests_nothing_but_itself_and_its_console_stays_empty(
    opened: tuple[Page, list[str], list[str]], address: str
) -> None:
    page, requested, said = opened
    page.wait_for_load_state("networkidle")
    assert requested == [f"{address}/report.html"]
    assert said == []


def test_what_a_model_wrote_runs_nowhere_and_is_shown(opened: tuple[Page, list[str], list[str]]) -> None:
    page, _, _ = opened
    assert page.title() == "challenger against champion · evaluation"
    assert page.evaluate("[document.scripts.length, document.images.length]") == [0, 0]
    assert HOSTILE in page.locator(".pane pre").first.inner_text()


def test_what_was_found_beside_the_scores_stands_on_the_page(opened: tuple[Page, list[str], list[str]]) -> None:
    page, _, _ = opened
    cards = {name: page.locator(".card", has=page.locator("h3", has_text=name)).first.inner_text() for name in CARDS}
    assert "1 of the tasks overlap the training data: 1 by words, 1 as code under any names." in cards["Contamination"]
    assert "On the 47 others" in cards["Contamination"]
    assert "48 share 13 words in a row" in cards["Contamination"]
    assert HOSTILE in cards["Contamination"]
    assert "AWS Access Key, line 3" in cards["Leaks"]
    assert "no lint error, ruff 0.17.6" in cards["Static checks"]
    assert "83.3 % [70.4, 91.3], 40 of 48" in cards["Static checks"]
    assert "ty is not installed" in cards["Static checks"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_readable_without_scrolling_sideways(
    opened: tuple[Page, list[str], list[str]], width: int, scheme: str
) -> None:
    page, _, _ = opened
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert _contrast(page) >= 4.5


def _contrast(page: Page) -> float:
    """Between text and paper, as WCAG 2.1 defines it."""
    found: list[list[float]] = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        ".map(color => color.match(/[\\d.]+/g).slice(0, 3).map(Number))"
    )
    lighter, darker = sorted((_luminance(colour) for colour in found), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
