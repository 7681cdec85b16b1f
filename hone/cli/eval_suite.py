"""What `hone eval run --suite …` shows of a run."""

import json
from collections import Counter
from typing import TYPE_CHECKING

from hone.cli.eval_details import details_as_json, show_details
from hone.cli.eval_findings import findings_as_json, show_findings
from hone.cli.show import say

if TYPE_CHECKING:
    from evaluation.suites.records import SuiteRun

LEFT_OUT_SHOWN = 10


def ks_of(text: str) -> tuple[int, ...]:
    """`1,10` as numbers, ascending. Raises `ConfigError`."""
    from hone.errors import ConfigError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and 1 <= int(part) <= 1000 for part in parts):
        raise ConfigError(f"`--k {text}` must be numbers from 1 to 1000, separated by commas, as in `--k 1,10`")
    return tuple(sorted({int(part) for part in parts}))


def run_as_json(run: "SuiteRun", ks: tuple[int, ...]) -> str:
    """One object: the scores, what they rest on, and where everything lies."""
    from evaluation.suites.passk import counts_of, mean_pass_at_k, pass_at_1

    counts = counts_of(run)
    first = pass_at_1(counts)
    accuracy = {name: passed / scored for name, (passed, scored) in rates(run).items()}
    return json.dumps(
        {
            "run": run.name,
            "suite": run.suite,
            "target": run.target,
            **{f"pass@{k}": mean_pass_at_k(counts, k) for k in ks},
            "pass@1_low": first.low,
            "pass@1_high": first.high,
            "tasks": len(counts),
            "samples": len(run.scores),
            "excluded": len(run.excluded),
            "excluded_tasks": {one.id: one.reason for one in run.excluded},
            "results": dict(Counter(score.result for score in run.scores).most_common()),
            **({"accuracy": accuracy} if accuracy else {}),
            **details_as_json(run),
            **findings_as_json(run, ks),
            "isolation": run.isolation,
            "data_digest": run.data_digest,
            "template_digest": run.template_digest,
            "model_digest": run.model_digest,
            "seconds": round(run.seconds, 3),
        },
        indent=2,
    )


def rates(run: "SuiteRun") -> dict[str, tuple[int, int]]:
    """Passed and scored of each category, in the suite's order; nothing where the suite has none."""
    found: dict[str, tuple[int, int]] = {}
    for score in run.scores:
        if score.category:
            passed, scored = found.get(score.category, (0, 0))
            found[score.category] = (passed + (score.result == "pass"), scored + 1)
    return found


def show_run(run: "SuiteRun", ks: tuple[int, ...], *, proof: bool) -> None:
    """A few lines for people. `proof`: no model wrote the answers."""
    from evaluation.suites.passk import counts_of, mean_pass_at_k, pass_at_1

    counts = counts_of(run)
    first = pass_at_1(counts)
    say(f"{run.suite} · {run.target} · {len(counts)} tasks, {len(run.scores)} samples")
    for k in ks:
        interval = f" [{first.low:.3f}, {first.high:.3f}]" if k == 1 else ""
        say(f"  {f'pass@{k}':<20} {mean_pass_at_k(counts, k):.3f}{interval}")
    for name, (passed, scored) in rates(run).items():
        say(f"  {name:<20} {passed / scored:.3f}  {passed} of {scored}")
    show_details(run)
    results = Counter(score.result for score in run.scores)
    for result, count in results.most_common():
        commonest = Counter(score.detail for score in run.scores if score.result == result and score.detail)
        example = f"  mostly: {commonest.most_common(1)[0][0][:90]}" if commonest and result != "fail" else ""
        say(f"  {result:<20} {count:,}{example}")
    show_findings(run, proof=proof)
    say(f"  {'left out':<20} {len(run.excluded)}")
    for one in run.excluded[:LEFT_OUT_SHOWN]:
        say(f"    {one.id}: {one.reason}")
    if len(run.excluded) > LEFT_OUT_SHOWN:
        say(f"    and {len(run.excluded) - LEFT_OUT_SHOWN} more; `--json` lists them all")
    if run.isolation:
        say(f"  {'isolation':<20} {run.isolation}")
    say(f"  {run.seconds:.1f} s; kept as `{run.name}`: `hone eval report {run.name}` shows every task")
