"""Runs of suites, spelled in letters."""

from evaluation.suites.records import Score, SuiteRun


def run_of(name, results, *, suite="humaneval", data="sha256:data", template_digest="", **more):
    """A run whose task `i` has the results that `results[i]` spells: p(ass), f(ail) or t(imeout) for each sample."""
    words = {"p": "pass", "f": "fail", "t": "timeout"}
    scores = tuple(
        Score(
            id=f"t/{task}",
            sample=sample,
            result=words[letter],
            detail="" if letter == "p" else f"wrong in {name}",
            generation=f"{name} {task}.{sample}",
        )
        for task, letters in enumerate(results)
        for sample, letter in enumerate(letters)
    )
    return SuiteRun(name, suite, f"target of {name}", data, "namespaces", template_digest, 0.0, 1.0, scores, **more)
