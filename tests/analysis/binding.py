"""What a source's names are bound to, as tests state it: by the lines on which each stands."""

from itertools import pairwise

from tree_sitter import Parser

from analysis.languages import LANGUAGES


def names_of(source, language):
    """The names of a file."""
    adapter = LANGUAGES[language]
    content = source.encode() if isinstance(source, str) else source
    return adapter.names(Parser(adapter.language).parse(content), content)


def bound(source, language):
    """Each symbol as `kind name: lines`, and what nothing in the file defines as `? name: lines`."""
    content = source.encode()
    names = names_of(content, language)

    def lines(places):
        return " ".join(str(content[: one.start].count(b"\n") + 1) for one in places)

    said = [
        f"{symbol.kind} {symbol.name}: {lines(symbol.occurrences)}"
        for scope in names.root.walk()
        for symbol in scope.symbols.values()
    ]
    unknown = {}
    for one in names.occurrences:
        if one.symbol is None:
            unknown.setdefault(one.name, []).append(one)
    return said + [f"? {name}: {lines(places)}" for name, places in unknown.items()]


def assert_whole(names, size):
    """What holds for the names of every file, however broken."""
    assert all(one.start <= after.start for one, after in pairwise(names.occurrences))
    waiting = [names.root]
    while waiting:
        scope = waiting.pop()
        assert 0 <= scope.start <= scope.end <= size
        waiting += scope.children
        for child in scope.children:
            assert child.parent is scope
            assert scope.start <= child.start
            assert child.end <= scope.end
        for symbol in scope.symbols.values():
            assert symbol.scope is scope
            assert all(one.symbol is symbol for one in symbol.occurrences)
    for one in names.occurrences:
        assert one.start < one.end <= size
        assert one.symbol is None or one in one.symbol.occurrences
