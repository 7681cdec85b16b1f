"""The form of every bench: rows judged by their goals, written and shown."""

import json
from pathlib import Path

import pytest

from bench.report import finish, is_met, measured, show, unmeasured, write_report
from hone.layout import Layout


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [("≤ 1.5", 1.5, True), ("≤ 1.5", 1.51, False), ("≥ 0.80", 0.8, True), ("≥ 0.80", 0.79, False), ("", 7.0, True)],
)
def test_a_goal_is_met_at_its_very_bound_and_not_beyond(goal: str, value: float, met: bool) -> None:
    assert is_met(goal, value, None) is met


def test_a_goal_with_a_times_sign_is_about_the_ratio_to_the_peer() -> None:
    assert measured("step", 900, "tokens/s", "≥ 3 ×", peer="stock", peer_value=300).met
    assert not measured("step", 900, "tokens/s", "≥ 3 ×", peer="stock", peer_value=301).met


def test_a_goal_about_the_ratio_is_not_met_without_a_peer() -> None:
    assert not measured("step", 900, "tokens/s", "≥ 3 ×").met


@pytest.mark.parametrize("goal", ["3", "< 3", "≥ 3 x", "≥ three"])
def test_a_goal_that_nobody_can_judge_is_refused(goal: str) -> None:
    with pytest.raises(ValueError, match="is not a goal"):
        is_met(goal, 3, 1)


def test_a_figure_that_could_not_be_measured_is_null_says_why_and_is_not_met() -> None:
    row = unmeasured("image", "MB", "≤ 450", "no engine answers")
    assert (row.name, row.value, row.met) == ("image (not measured: no engine answers)", None, False)


def test_a_report_is_a_list_of_eight_keys_with_null_where_there_is_no_peer(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "artifacts")
    write_report(layout, "spine", [measured("repro", 0.5, "s", "≤ 1.5", peer="dvc repro", peer_value=2.0),
                                   measured("rollback", 120, "ms", "≤ 300")])  # fmt: skip
    with_peer, alone = json.loads((tmp_path / "artifacts" / "bench" / "spine.json").read_text())
    assert with_peer == {
        "name": "repro", "value": 0.5, "unit": "s", "peer": "dvc repro", "peer_value": 2.0, "ratio": 0.25,
        "goal": "≤ 1.5", "met": True,
    }  # fmt: skip
    assert (alone["peer"], alone["peer_value"], alone["ratio"]) == (None, None, None)


def test_the_table_shows_figures_peers_and_what_is_not_met(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        "Spine",
        [measured("lost", 0, "of 2,000", "≤ 0"), measured("repro", 2.0, "s", "≤ 1.5", peer="dvc", peer_value=4.0)],
    )
    shown = capsys.readouterr().out
    assert "0 of 2,000" in shown
    assert "dvc 4" in shown
    assert "0.5 ×" in shown
    assert shown.count("NO") == 1


def test_a_bench_ends_with_exit_code_1_where_a_goal_is_not_met() -> None:
    met, unmet = measured("repro", 1.0, "s", "≤ 1.5"), measured("lost", 1, "", "≤ 0")
    finish("Spine", [met])
    with pytest.raises(SystemExit) as ended:
        finish("Spine", iter([met, unmet]))
    assert ended.value.code == 1
