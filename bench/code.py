"""The figures of code analysis and of the corpus, beside LibCST, datasketch, text-dedup's way and the bare parser.

    make bench-code

Speeds are in seconds of CPU time, on one core, but for the whole curation, which takes two. Some five minutes.
"""

import argparse
import gc
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import code_curate, code_decontamination, code_duplicates, code_flow, code_outline, code_scopes
from bench.report import Row, finish, write_report
from hone.layout import Layout, find_layout


def parts(layout: Layout, benchmarks: Path) -> dict[str, Callable[[], Iterator[Row]]]:
    """What is measured, by the name that chooses it."""
    return {
        "outline": code_outline.measure,
        "scopes": code_scopes.measure,
        "flow": code_flow.measure,
        "duplicates": code_duplicates.measure,
        "decontamination": lambda: code_decontamination.measure(benchmarks),
        "curate": lambda: code_curate.measure(layout, benchmarks),
    }


def main() -> None:
    """Measures, shows, writes artifacts/bench/code.json; exit code 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--benchmarks", type=Path, default=Path("../shared/benchmarks"), help="the folder of public data"
    )
    parser.add_argument("--only", metavar="PART", help="one part alone, shown and not written")
    given = parser.parse_args()
    layout = find_layout()
    known = parts(layout, given.benchmarks.resolve())
    if given.only and given.only not in known:
        parser.error(f"--only: there is no part `{given.only}`; there are {', '.join(known)}")
    rows: list[Row] = []
    for name in [given.only] if given.only else known:
        print(f"· {name}", flush=True)
        gc.collect()
        gc.freeze()  # what the bench itself has imported and left is not looked through while a part is measured
        rows += known[name]()
    if not given.only:
        write_report(layout, "code", rows)
    finish("Code and corpus", rows)


if __name__ == "__main__":
    main()
