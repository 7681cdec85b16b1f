"""The corpus: shares of bytes, an even mix, a bounded size, and always the same."""

from pathlib import Path

import pytest

from data.corpus import Corpus, CorpusConfig, build_corpus
from data.decontamination import Sieve
from data.library import library_documents
from data.suites import Suite, SuiteTask
from hone.config import load_config
from hone.errors import ConfigError
from tests.data.making import write

LIBRARY = set(library_documents().documents)


def generated_share(documents: tuple[str, ...]) -> float:
    sizes = [(len(document.encode()), document not in LIBRARY) for document in documents]
    return sum(size for size, generated in sizes if generated) / sum(size for size, _ in sizes)


def build(**settings: object) -> Corpus:
    return build_corpus(CorpusConfig.model_validate(settings), seed=0)


def test_the_share_holds_over_the_whole_and_in_every_part() -> None:
    corpus = build(max_bytes=2_000_000, generated_share=0.35)
    assert generated_share(corpus.documents) == pytest.approx(0.35, abs=0.01)
    size = len(corpus.documents) // 4
    for start in range(0, 4 * size, size):
        assert generated_share(corpus.documents[start : start + size]) == pytest.approx(0.35, abs=0.15)


def test_the_size_is_bounded() -> None:
    total = sum(len(document.encode()) for document in build(max_bytes=500_000).documents)
    assert 450_000 < total <= 501_000


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another() -> None:
    config = CorpusConfig(max_bytes=300_000)
    assert build_corpus(config, 1) == build_corpus(config, 1)
    assert build_corpus(config, 1).documents != build_corpus(config, 2).documents


def test_without_the_library_everything_is_generated() -> None:
    corpus = build(library=False, max_bytes=50_000)
    assert generated_share(corpus.documents) == 1
    assert [use.kind for use in corpus.sources] == ["generated"]


def test_without_a_generated_share_everything_is_library() -> None:
    corpus = build(generated_share=0, max_bytes=500_000)
    assert generated_share(corpus.documents) == 0
    assert [(use.kind, use.licence) for use in corpus.sources] == [("library", "PSF-2.0")]


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"corpus.yaml": "{library: false, generated_share: 0}"})
    with pytest.raises(ConfigError, match="leaves nothing to train on"):
        load_config(tmp_path / "corpus.yaml", CorpusConfig)


def test_a_suite_that_stands_in_the_standard_library_is_kept_out() -> None:
    suite = Suite("textbook", (SuiteTask("add", "", "def f(a, b):\n    return a + b\n"),))
    config = CorpusConfig(generated_share=0.0)
    before, after = build_corpus(config, 0), build_corpus(config, 0, Sieve([suite]))
    assert [(one.task, one.text) for one in after.overlaps] == [("add", "add")]  # of `operator`, by itself
    assert len(after.documents) == len(before.documents)
    (operator,) = [one for one in before.documents if "def add(a, b):" in one and '"Same as a + b."' in one]
    (cut,) = set(after.documents) - set(before.documents)
    assert cut.count("\n") == operator.count("\n")
    assert '"Same as a + b."' not in cut
