"""The evaluation's page: what stands on it, and that nothing a model wrote can be more than text."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from evaluation.findings import CheckerReport, CodeChecks, Contamination, Leaks, Overlap, Share
from evaluation.report import render, write_report
from evaluation.report_findings import findings_view
from evaluation.report_page import build_page, visible
from evaluation.stored import LossRun
from evaluation.suites.records import Excluded, Percentiles, Speed
from hone.errors import EvaluationError
from hone.files import sha256_bytes
from hone.fill_formats import FORMATS, template_of
from tests.evaluation.making import run_of

EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ page }}"
EXPECTED_TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "header", "nav", "section", "footer", "div",
    "span", "h1", "h2", "h3", "h4", "p", "b", "i", "em", "small", "strong", "a", "br", "pre", "details", "summary",
    "table", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "rect",
}  # fmt: skip


class Parsed(HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def page_of(*runs, champions=(), contaminated=frozenset()):
    return render(build_page(runs, champions, contaminated), made_at=0.0)


def evil(run):
    scores = tuple(
        msgspec.structs.replace(
            score,
            id=f"{EVIL}{score.id}",
            detail=EVIL,
            generation=EVIL,
            prompt=EVIL,
            category=EVIL,
            flaky=("pass", "fail"),
        )
        for score in run.scores
    )
    return msgspec.structs.replace(run, scores=scores, target=EVIL, excluded=(Excluded(EVIL, EVIL),))


@pytest.mark.parametrize("champions", [(), (evil(run_of("a", "pft")),)])
def test_what_a_model_wrote_is_text_and_nothing_more(champions):
    found = Parsed(page_of(evil(run_of("b", "fpt")), champions=champions))
    assert found.tags <= EXPECTED_TAGS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert EVIL in found.text


def test_the_page_fetches_nothing():
    html = page_of(run_of("b", "fp"), champions=[run_of("a", "pf")])
    assert "default-src 'none'" in html
    found = Parsed(html)
    fetching = [value for name, value in found.attributes if name in {"src", "href", "srcset", "data", "action"}]
    assert all(value.startswith(("#", "data:")) for value in fetching)
    assert "url(" not in html
    assert "@import" not in html


def test_characters_that_hide_or_reorder_text_are_named():
    assert visible("a\x00b\u202ec\u200bd\x1b[31m") == "a␀b⟨U+202E⟩c⟨U+200B⟩d␛[31m"
    assert visible("def f():\n\treturn 'é日本'") == "def f():\n\treturn 'é日本'"


def test_flipped_tasks_come_lost_first_with_both_generations_and_the_failing_assertion():
    page = build_page([run_of("b", "pfp")], [run_of("a", "fpp")], frozenset())
    lost, won = page.suites[0].tasks
    assert (lost.id, lost.outcome, lost.detail) == ("t/1", "lost", "wrong in b")
    assert (won.id, won.outcome, won.detail) == ("t/0", "won", "wrong in a")
    assert [(pane.name, pane.result, pane.lines[0].text) for pane in lost.panes] == [
        ("a", "pass", "a 1.0"),
        ("b", "fail", "b 1.0"),
    ]


def test_only_the_lines_that_differ_are_marked():
    a, b = run_of("a", "f"), run_of("b", "p")
    a = msgspec.structs.replace(a, scores=(msgspec.structs.replace(a.scores[0], generation="x = 1\nreturn x"),))
    b = msgspec.structs.replace(b, scores=(msgspec.structs.replace(b.scores[0], generation="x = 2\nreturn x"),))
    (flip,) = build_page([b], [a], frozenset()).suites[0].tasks
    assert [[line.differs for line in pane.lines] for pane in flip.panes] == [[True, False], [True, False]]


def test_generations_without_a_line_in_common_are_not_marked():
    (flip,) = build_page([run_of("b", "p")], [run_of("a", "f")], frozenset()).suites[0].tasks
    assert [[line.differs for line in pane.lines] for pane in flip.panes] == [[False], [False]]


def test_without_a_champion_the_tasks_that_failed_are_shown():
    view = build_page([run_of("b", ["pp", "pf", "ft"])], [], frozenset()).suites[0]
    assert [(task.id, task.outcome, task.panes[0].result) for task in view.tasks] == [
        ("t/1", "failed", "fail"),
        ("t/2", "failed", "fail"),
    ]
    assert view.verdict == ""


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [("f" * 8, "p" * 8, "better"), ("p" * 8, "f" * 8, "worse"), ("pf", "fp", "no difference shown")],
)
def test_the_verdict_needs_a_difference_that_was_shown(a, b, verdict):
    assert build_page([run_of("b", b)], [run_of("a", a)], frozenset()).suites[0].verdict == verdict


def test_scores_stand_by_suite_by_category_and_without_overlap():
    run = run_of("b", "pppf", contaminated=("t/3",))
    scores = tuple(
        msgspec.structs.replace(score, category=category)
        for score, category in zip(run.scores, ("lists", "lists", "text", "text"), strict=True)
    )
    (view,) = build_page([msgspec.structs.replace(run, scores=scores)], [], frozenset()).suites
    assert [(row.label, row.tasks, row.challenger.value) for row in view.rows] == [
        ("all tasks", 4, 0.75),
        ("without overlap", 3, 1.0),
        ("lists", 2, 1.0),
        ("text", 2, 0.5),
    ]
    assert view.overlapping == 1


def test_overlap_that_nobody_looked_for_is_not_called_none():
    assert "Not measured" in page_of(run_of("b", "p"))
    assert "0 of the tasks overlap" in page_of(run_of("b", "p", contaminated=()))


def shared(held, samples):
    return Share(held, samples, held / samples, 0.1, 0.9)


def test_what_was_found_beside_the_scores_stands_in_tables_with_a_column_a_run():
    clean = CheckerReport("ruff 1", shared(4, 4))
    checks = CodeChecks(shared(3, 4), clean, CheckerReport("ty", problem="ty is not installed"), 1.0)
    found = findings_view([run_of("a", "p"), run_of("b", "p", checks=checks, leaks=Leaks(4, None, ()))])
    assert [(fact.name, fact.values) for fact in found.checks] == [
        ("parses", ("–", "75.0 % [10.0, 90.0], 3 of 4")),
        ("no lint error, ruff 1", ("–", "100.0 % [10.0, 90.0], 4 of 4")),
        ("no type error, ty", ("–", "ty is not installed")),
    ]
    assert [fact.values for fact in found.leaks] == [("not looked at", "4"), ("–", "not looked for"), ("–", "0")]


def test_what_nobody_looked_for_is_not_called_clean():
    html = page_of(run_of("b", "p"))
    assert "Not looked for." in html
    assert "Not made, or nothing was written that is code." in html


def test_more_overlaps_than_a_page_shows_are_counted():
    overlaps = tuple(Overlap(f"t/{number}", "d", "words", EVIL) for number in range(40))
    html = page_of(run_of("b", "p", contamination=Contamination(40, 1, 0, overlaps), contaminated=("t/0",)))
    assert "10 more are not shown." in html
    assert EVIL in Parsed(html).text


def test_violations_and_excluded_tasks_are_listed():
    run = run_of("b", "pf", excluded=(Excluded("t/9", "its own solution fails"),))
    broke = msgspec.structs.replace(run.scores[1], result="violation", detail="it sent too much")
    html = page_of(msgspec.structs.replace(run, scores=(run.scores[0], broke)))
    assert "it sent too much" in html
    assert "its own solution fails" in html


def test_only_what_was_measured_of_cost_and_time_is_told():
    names = [fact.name for fact in build_page([run_of("b", "p", cost_usd=0.25)], [], frozenset()).suites[0].times]
    assert names == ["whole run", "cost"]


def test_flaky_verdicts_are_listed_with_all_that_was_seen():
    run = run_of("b", "pf", reruns=True)
    drawn = msgspec.structs.replace(run.scores[1], flaky=("fail", "pass", "fail"))
    html = page_of(msgspec.structs.replace(run, scores=(run.scores[0], drawn)))
    assert "fail, pass, fail" in html
    assert "What ran again had the same verdict every time" in page_of(run)


def test_flaky_verdicts_that_nobody_looked_for_are_not_called_none():
    assert "nothing was executed more than once" in page_of(run_of("b", "pf"))


def test_the_spread_between_samples_is_shown_where_there_are_several():
    (view,) = build_page([run_of("b", ["pp", "pf"])], [run_of("a", "pf")], frozenset()).suites
    assert [(fact.name, fact.values) for fact in view.details.spread] == [
        ("samples", ("–", "2")),
        ("lowest, highest", ("–", "0.500, 1.000")),
        ("mean", ("–", "0.750")),
        ("standard deviation", ("–", "0.354")),
    ]
    assert build_page([run_of("b", "pf")], [], frozenset()).suites[0].details.spread == ()


SPEED = Speed(7, Percentiles(0.5, 2.0), None, 700, 35.0, Percentiles(50.0, 60.0), in_flight=4, busy_s=20.0, retried=1)


def test_an_endpoints_speed_is_shown_as_far_as_it_was_measured():
    (view,) = build_page([run_of("b", "p", speed=SPEED)], [], frozenset()).suites
    assert [(fact.name, *fact.values) for fact in view.details.speed] == [
        ("latency", "p50 500 ms, p90 2 s"),
        ("throughput", "35.0 tokens/s"),
        ("of one request, median", "50.0 tokens/s"),
        ("completion tokens", "700"),
        ("requests", "7, at most 4 at a time"),
        ("failed before", "1"),
    ]
    assert "Speed of the endpoint" not in page_of(run_of("b", "p"))


def filled(name, results, digest=""):
    """A run of fill-in-the-middle, of which every other task has tests."""
    run = run_of(name, results, suite="fim", template_digest=digest)
    scores = tuple(
        msgspec.structs.replace(
            score,
            measures={"exact_match": 0.0, "edit_similarity": 0.25, "parses": 1.0}
            | ({} if at % 2 else {"executed": 1.0}),
        )
        for at, score in enumerate(run.scores)
    )
    return msgspec.structs.replace(run, scores=scores)


def test_filled_gaps_are_shown_by_every_measure_with_how_they_were_asked_for():
    asked = sha256_bytes(template_of(FORMATS["starcoder2"]).encode())
    runs = filled("b", "pfpf", asked), filled("a", "ffff")
    (view,) = build_page([runs[0]], [runs[1]], frozenset()).suites
    rows = [(row.label, row.tasks, row.champion.value, row.challenger.value) for row in view.details.filled]
    assert rows == [("tests pass", 2, 0.0, 1.0), ("exact match", 4, 0.0, 0.0), ("parses when joined", 4, 1.0, 1.0)]
    assert [(fact.name, fact.values) for fact in view.details.fill_facts] == [
        ("edit similarity, mean", ("0.250", "0.250")),
        ("asked by", ("–", "starcoder2")),
    ]
    assert "Gaps filled" in page_of(runs[0], champions=[runs[1]])
    assert "Gaps filled" not in page_of(run_of("b", "p"))


def test_more_flips_than_a_page_holds_are_counted():
    (view,) = build_page([run_of("b", "p" * 230)], [run_of("a", "f" * 230)], frozenset()).suites
    assert (len(view.tasks), view.tasks_left) == (200, 30)


def test_a_generation_without_text_says_so():
    run = run_of("b", "f")
    blank = msgspec.structs.replace(run.scores[0], generation="\n\n ")
    assert "nothing but white space, 3 characters" in page_of(msgspec.structs.replace(run, scores=(blank,)))


def test_a_run_without_scores_still_makes_a_page():
    assert "Nothing was scored" in page_of(run_of("b", ""))


def loss(name, *losses):
    return LossRun(name, "a model", "sha256:d", ("x.py", "y.py"), (10, 10), losses)


def test_held_out_losses_make_a_page_with_what_got_worse_first():
    html = page_of(loss("tuned", 10.0, 30.0), champions=[loss("base", 20.0, 20.0)])
    assert "held-out loss" in html
    assert html.index("y.py") < html.index("x.py")
    assert "no difference shown" in html


def test_runs_that_do_not_match_make_no_page(tmp_path):
    with pytest.raises(EvaluationError, match="different suites"):
        write_report(tmp_path / "page.html", [run_of("b", "p")], champions=[run_of("a", "p", suite="mbpp")])
    assert not (tmp_path / "page.html").exists()


def test_every_place_of_a_plot_lies_on_it(tmp_path):
    html = page_of(run_of("b", "pppp"), champions=[run_of("a", "ffff")])
    places = [float(place) for place in re.findall(r'(?:x|x1|x2|cx)="([\d.-]+)%"', html)]
    assert places
    assert all(0 <= place <= 100 for place in places)
