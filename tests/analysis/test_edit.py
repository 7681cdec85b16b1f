"""A module after an edit is what a parse of the new source gives."""

import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import LANGUAGES, language_of, parse
from hone.errors import AnalysisError

SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").iterdir() if language_of(path.name) in LANGUAGES)
LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = [*SAMPLES, LIBRARY / "bisect.py", LIBRARY / "queue.py", LIBRARY / "contextlib.py"]
WRITTEN = st.sampled_from(
    [
        "",
        "x",
        "\n",
        "    ",
        "(",
        ")",
        "'",
        '"""',
        "#",
        "\t",
        "é",
        "\r\n",
        "def f():\n    pass\n",
        "class A:",
        "{",
        "}",
        ";",
    ]
)


def nodes(module):
    found, waiting = [], [module._tree.root_node]
    while waiting:
        node = waiting.pop()
        found.append((node.type, node.byte_range, node.start_point, node.end_point))
        waiting += node.children
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FILES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), WRITTEN), min_size=1, max_size=4)
)
def test_edits_of_real_files_give_the_tree_of_the_new_source(path, edits):
    module = parse(path.read_bytes(), language_of(path.name))
    expected = module.source
    for share, removed, text in edits:
        start = round(share * len(expected))
        end = min(len(expected), start + removed)
        expected = expected[:start] + text.encode() + expected[end:]
        module = module.edit(start, end, text)
    whole = parse(expected, module.language)
    assert module.source == expected
    assert nodes(module) == nodes(whole)
    assert (module.syntax, module.errors) == (whole.syntax, whole.errors)


def test_the_module_before_stays_as_it_was():
    before = parse("def f(): pass\n", "python")
    after = before.edit(4, 5, "other")
    assert [function.name for function in after.syntax.functions] == ["other"]
    assert [function.name for function in before.syntax.functions] == ["f"]


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (2, 1), (0, 15), (15, 15)])
def test_a_place_that_the_source_does_not_have_is_refused(start, end):
    with pytest.raises(AnalysisError, match="does not lie in a source of 14 bytes"):
        parse("def f(): pass\n", "python").edit(start, end, "")
