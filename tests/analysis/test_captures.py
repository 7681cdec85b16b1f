"""What is found by a language's tokens is what its query finds, in whole files and in broken ones."""

import random
import sysconfig
from pathlib import Path

from tree_sitter import Parser

from analysis.captures import by_query, by_tokens, captures_of
from analysis.languages import LANGUAGES
from tests.analysis.mutations import damaged

PYTHON = LANGUAGES["python"]
FILES = [path.read_bytes() for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))]


def places(captures):
    definitions = {
        (kind, *(part.byte_range for part in (node, name, body))) for kind, node, name, body in captures.definitions
    }
    return definitions, *([node.byte_range for node in nodes] for nodes in (captures.imports, captures.comments))


def compared(source):
    tree = Parser(PYTHON.language).parse(source)
    return places(by_tokens(tree, source, PYTHON)), places(by_query(tree, PYTHON))


def test_tokens_find_in_whole_files_what_the_query_finds():
    for source in FILES[::4]:
        found, expected = compared(source)
        assert found == expected


def test_tokens_find_in_broken_files_what_the_query_finds():
    chance = random.Random(2)
    small = [source for source in FILES if len(source) < 15_000]
    pieces = (b"def ", b"#", b"class", b"import", b"(", b"'", b"")
    for _ in range(150):
        found, expected = compared(damaged(chance.choice(small), chance, pieces, edits=20, cuts=range(31)))
        assert found == expected


def test_a_file_that_is_all_tokens_is_read_by_its_query():
    source = b"#\n" * 200_000  # by tokens it would take a minute: each is looked for among all of the others
    assert len(captures_of(Parser(PYTHON.language).parse(source), source, PYTHON).comments) == 200_000
