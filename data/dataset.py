"""Sources → one dataset folder: examples to train on and to hold out, the corpus, and where all of it is from.

The same configuration on the same sources gives the same bytes, however many workers there are. A folder is whole or
absent. docs/data.md describes its files.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from data.build import Progress, Run, cache_folder, clean, curate_sources, here, in_workers
from data.cluster import on_cluster
from data.config import DataConfig
from data.decide import decide
from data.decontamination import Sieve
from data.generated import GeneratedSource, generate
from data.reading import FETCHED, open_source
from data.sources import FileSource
from data.suites import read_suite
from data.whole import whole_examples
from data.work import Rules, trouble
from data.writing import Made, Part, write_files
from hone.errors import DataError
from hone.files import locked
from hone.records import Manifest


def build_dataset(
    config: DataConfig, out: Path, *, progress: Progress, root: Path, cache: Path | None = None
) -> Manifest:
    """Makes the dataset and puts it at `out` in the place of an earlier one; relative source paths start at `root`.

    What is known of single files is kept in `cache` (by default beside `out`), so that the next build need not find it
    again. Raises `DataError` where a source cannot be read, where no example is left to train on or to hold out, or
    where the folder cannot be written; what stood at `out` then stays.
    """
    cache = cache or out.parent / "cache" / "curation"
    try:
        with ExitStack() as held:
            held.enter_context(locked(out.with_name(f".{out.name}.lock"), what=f"building `{out}`"))
            held.enter_context(locked(cache / ".lock", what=f"building with `{cache}`"))
            return _build(config, out, progress, root, cache)
    except OSError as error:
        raise DataError(
            f"dataset `{out}` cannot be written: {trouble(error)}; free the place or name another"
        ) from error


def _build(config: DataConfig, out: Path, progress: Progress, root: Path, cache: Path) -> Manifest:
    files: list[FileSource] = [one for one in config.sources if not isinstance(one, GeneratedSource)]
    suites = tuple(read_suite(one, root) for one in config.decontaminate)
    rules = Rules(config, suites, Sieve(suites))
    folder = cache_folder(config, suites, cache)
    opened = [(source, open_source(source, root, cache / FETCHED)) for source in files]
    _check_names(["generated"] * (len(config.sources) - len(files)) + [tree.name for _, tree in opened])
    with _runner(rules) as run:
        curated = curate_sources(opened, folder, run, progress)
    waiting = iter(curated)
    parts: list[Part] = [
        _generated(one, config.seed, progress) if isinstance(one, GeneratedSource) else next(waiting)
        for one in config.sources
    ]
    decided = decide(curated, config.split_by, cache, progress)
    parts += whole_examples(curated, decided, rules, progress)
    manifest = _replace(out, lambda beside: write_files(rules, parts, decided, beside, progress))
    if curated:
        clean(folder, [place for one in curated for place in one.shards])
    return manifest


@contextmanager
def _runner(rules: Rules) -> Iterator[Run]:
    """Runs shards where the configuration says so."""
    if rules.config.engine == "ray":
        with on_cluster(rules) as run:
            yield run
    else:
        yield here(rules) if rules.config.workers == 0 else in_workers(rules, rules.config.workers)


def _generated(source: GeneratedSource, seed: int, progress: Progress) -> Made:
    progress("generating tasks", 0, 1)
    made = generate(source, seed)
    progress("generating tasks", 1, 1)
    return Made(made.train, made.heldout)


def _check_names(names: Sequence[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(f"two sources are called `{twice[0]}`; list each once, or give one another `name`")


def _replace(out: Path, write: Callable[[Path], Manifest]) -> Manifest:
    """Writes beside `out`, then puts the whole folder in its place."""
    beside, before = out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")
    for left_over in (beside, before):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        manifest = write(beside)
        if out.is_dir():
            out.rename(before)
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)
    return manifest
