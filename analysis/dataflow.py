"""Data flow over a `Graph`: which definition of a name reaches which use, and where a name's value is still needed.

The same for every language. Followed are the names that the function binds, with those of class bodies that run in it.
What nested functions do with them may happen at any time: their uses may see every definition, their definitions may
reach every use. Names of comprehensions and lambdas live inside one step: every definition of one reaches every use.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property

from analysis.effects import Effects, Reader, Transfer, Ways
from analysis.flow import Graph
from analysis.scopes import Names, Occurrence, Scope, Symbol

_LOOSE = ("comprehension", "lambda", "types")  # scopes whose names are not followed step by step
_RUNS = ("class", "block", "comprehension", "types")  # scopes whose code runs where it stands


class Places:
    """A file's names in the order in which they stand, and the scopes of its functions by where they begin."""

    def __init__(self, names: Names, source: bytes) -> None:
        self.source = source
        self.names = names.occurrences
        self.starts = [one.start for one in names.occurrences]
        self.root = names.root
        self.scopes = {scope.start: scope for scope in names.root.walk() if scope.kind == "function"}

    def at(self, start: int) -> Occurrence:
        """The name that begins there."""
        return self.names[bisect_left(self.starts, start)]

    def scope_of(self, graph: Graph) -> Scope | None:
        """The scope of a graph's function; None where broken code has none."""
        return self.scopes.get(graph.start) if graph.name else self.root


class DataFlow:
    """Definitions and uses of a function's own names.

    A definition is a place where a name gets a value; a use is one where it is read or deleted. An update is both.
    """

    def __init__(self, graph: Graph, places: Places) -> None:
        self.graph = graph
        self._places = places
        inline, loose, later = _parts(places.scope_of(graph), places.source)
        followed = [one for one in inline if one.kind not in _LOOSE]
        self.variables = [symbol for one in followed for symbol in one.symbols.values()]
        numbers: dict[Symbol | None, int] = {symbol: number for number, symbol in enumerate(self.variables)}
        self._ways = ways = Ways(graph)
        self._reader = reader = Reader(places.names, places.starts, numbers, set(inline))
        self._effects = [
            reader.read(block.steps, caught=bool(ways.caught[place]), throws=not ways.normal[place])
            if ways.reachable[place]
            else Effects()
            for place, block in enumerate(graph.blocks)
        ]
        self._reached = reader.reached  # start of a use → the definitions that reach it
        if any(effects.exposed for effects in self._effects):
            self._join_blocks()
        self._read_later: set[int] = set()  # variables that code which runs later reads
        self._later_definitions: set[Symbol] = set()  # what such code defines
        if later:
            self._join_later(set(inline))
        for scope in loose:
            for symbol in scope.symbols.values():
                self._join(symbol.occurrences, symbol.occurrences)

    @property
    def definitions(self) -> list[Occurrence]:
        """All that the graph reaches, and those of code that runs later."""
        return self._reader.definitions

    def definitions_of(self, use: Occurrence) -> list[Occurrence]:
        """Those that may have given a name its value where it is used."""
        return self._listed(self._reached.get(use.start, 0))

    def uses_of(self, definition: Occurrence) -> list[Occurrence]:
        """Where the value that a definition gives may be used."""
        return self._uses.get(definition.start, [])

    def chains(self) -> Iterator[tuple[Occurrence, Occurrence]]:
        """Every definition with every use that it may reach."""
        for start, reaching in self._reached.items():
            use = self._places.at(start)
            for definition in self._listed(reaching):
                yield definition, use

    def reaching(self, block: int) -> list[Occurrence]:
        """Definitions that may hold where a block begins."""
        return self._listed(self._holding[block])

    def live(self, block: int) -> list[Symbol]:
        """Variables whose values may still be used when a block begins."""
        if not self._ways.reachable[block]:
            return []
        return [self.variables[number] for number in _bits(self._needed[block])]

    @cached_property
    def unused(self) -> list[Occurrence]:
        """Definitions of a function's variables whose values nothing uses: dead stores, in the order of the file.

        Not of parameters, imports, functions and classes, and not of names that begin with `_`.
        """
        used = 0
        for reaching in self._reached.values():
            used |= reaching
        found = [self.definitions[number] for number in range(len(self.definitions)) if not used >> number & 1]
        return sorted((one for one in found if _is_variable(one)), key=lambda one: one.start)

    @cached_property
    def unbound(self) -> list[Occurrence]:
        """Uses of a function's variables that may have no value then, in the order of the file.

        A block that swallows exceptions is not thought to do so here. Names of a module or a class are not asked
        about: what they lack may be a builtin, or a global.
        """
        numbers = range(len(self.variables))
        nowhere = sum(1 << number for number in numbers if self.variables[number].kind != "parameter")
        normal = [(one.unsets, ~_set(one.sets)) for one in self._effects]
        caught = [(one.unsets, ~_set(one.thrown_sets or ())) for one in self._effects]
        unset = self._ways.forward(self.graph.entry, nowhere, normal, caught, suppressed=False)
        starts = set(self._reader.unset)
        for block, effects in enumerate(self._effects):
            starts.update(start for start, variable in effects.exposed if unset[block] >> variable & 1)
        found = [self._places.at(start) for start in sorted(starts)]
        later = self._later_definitions
        return [one for one in found if _in_function(one) and one.symbol not in later]

    # How it is computed

    @cached_property
    def _holding(self) -> list[int]:
        """Definitions that may hold where each block begins."""
        of_variable = self._reader.of_variable
        normal: list[Transfer] = []
        caught: list[Transfer] = []
        for one in self._effects:
            ended = 0
            for variable in one.sets:
                ended |= of_variable[variable]
            normal.append((one.held, ~ended))
            ended = 0
            for variable in one.thrown_sets or ():
                ended |= of_variable[variable]
            caught.append((one.thrown, ~ended))
        return self._ways.forward(self.graph.entry, 0, normal, caught)

    @cached_property
    def _needed(self) -> list[int]:
        """Variables that are live where each block begins."""
        normal, caught = [], []
        for one in self._effects:
            needs = _set(variable for _, variable in one.exposed)
            normal.append((needs, ~_set(one.sets)))
            caught.append((0, ~_set(one.thrown_sets or ())))
        always = _set(self._read_later)
        return [needed | always for needed in self._ways.backward(normal, caught)]

    @cached_property
    def _uses(self) -> dict[int, list[Occurrence]]:
        found: dict[int, list[Occurrence]] = {}
        for definition, use in self.chains():
            found.setdefault(definition.start, []).append(use)
        return found

    def _join_blocks(self) -> None:
        reached, of_variable = self._reached, self._reader.of_variable
        for holding, effects in zip(self._holding, self._effects, strict=True):
            for start, variable in effects.exposed:
                if reaching := holding & of_variable[variable]:
                    reached[start] = reached.get(start, 0) | reaching

    def _join_later(self, inline: set[Scope]) -> None:
        """What code does that runs at any time after it was made."""
        for number, symbol in enumerate(self.variables):
            later = [one for one in symbol.occurrences if one.scope not in inline]
            if not later:
                continue
            own = [one for one in symbol.occurrences if one.scope in inline]
            defining = [one for one in later if _defines(one)]
            using = [one for one in later if _uses(one)]
            if using:
                self._read_later.add(number)
                self._join([*own, *defining], using)
            if defining:
                self._later_definitions.add(symbol)
                self._join(defining, own)

    def _join(self, defining: Iterable[Occurrence], using: Iterable[Occurrence]) -> None:
        """Lets each definition reach each use."""
        reaching = 0
        for one in defining:
            if _defines(one):
                reaching |= self._reader.bit(one)
        for one in using:
            if _uses(one):
                self._reached[one.start] = self._reached.get(one.start, 0) | reaching

    def _listed(self, definitions: int) -> list[Occurrence]:
        return [self._reader.definitions[number] for number in _bits(definitions)]


def _parts(scope: Scope | None, source: bytes) -> tuple[list[Scope], list[Scope], bool]:
    """Scopes whose code runs where it stands; those of them and others whose names are not followed; whether code in
    it runs later."""
    inline: list[Scope] = []
    loose: list[Scope] = []
    later = False
    waiting = [scope] if scope is not None else []
    while waiting:
        one = waiting.pop()
        inline.append(one)
        if one.kind in _LOOSE:
            loose.append(one)
        for inner in one.children:
            generates = inner.kind == "comprehension" and source[inner.start : inner.start + 1] == b"("
            if inner.kind in _RUNS and not generates:
                waiting.append(inner)
            elif inner.kind != "annotation":
                later = True
                loose += [each for each in inner.walk() if each.kind in _LOOSE] if inner.kind in _LOOSE else []
    return inline, loose, later


def _set(numbers: Iterable[int]) -> int:
    found = 0
    for number in numbers:
        found |= 1 << number
    return found


def _bits(numbers: int) -> Iterator[int]:
    while numbers:
        lowest = numbers & -numbers
        yield lowest.bit_length() - 1
        numbers ^= lowest


def _defines(name: Occurrence) -> bool:
    return name.role in ("store", "update")


def _uses(name: Occurrence) -> bool:
    return name.role in ("load", "update", "delete")


def _in_function(name: Occurrence) -> bool:
    return name.symbol is not None and name.symbol.scope.kind == "function"


def _is_variable(name: Occurrence) -> bool:
    symbol = name.symbol
    return symbol is not None and symbol.kind == "variable" and _in_function(name) and not name.name.startswith("_")
