"""What each block of a `Graph` does to names, and how that spreads over the ways between blocks: the core of data flow.

Sets are integers. A bit stands for a definition, in the order in which they were met, or for a variable. Method:
iteration to a fixed point (Kildall 1973), blocks in the order in which they were placed; but for loops, that is a
reverse postorder.
"""

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from analysis.flow import Graph, Step
from analysis.scopes import Occurrence, Scope, Symbol

_USES, _SETS = frozenset(["load", "update", "delete"]), frozenset(["store", "update", "delete"])  # roles

Transfer = tuple[int, int]  # what a block adds to a set, and what it keeps of it


class Effects:
    """What one block does."""

    __slots__ = ("exposed", "held", "sets", "thrown", "thrown_sets", "unsets")

    def __init__(self) -> None:
        self.exposed: list[tuple[int, int]] = []  # (start, variable) of uses that it has not defined before
        self.held = 0  # its definitions that hold at its end
        self.sets: Iterable[int] = ()  # variables that it sets or unsets
        self.unsets = 0  # variables that are unset at its end
        self.thrown = 0  # its definitions that may hold where an exception leaves it
        self.thrown_sets: Iterable[int] | None = None  # variables set or unset before any exception can; None: none can


class Ways:
    """Which blocks follow which: normally, and on an exception that something in the function catches."""

    def __init__(self, graph: Graph) -> None:
        self.reachable = graph.reachable()
        self.normal: list[list[int]] = [[] for _ in graph.blocks]
        self.caught: list[list[int]] = [[] for _ in graph.blocks]
        self.suppressed: set[tuple[int, int]] = set()
        for edge in graph.edges:
            if edge.kind != "exception":
                self.normal[edge.source].append(edge.target)
                if edge.kind == "suppress":
                    self.suppressed.add((edge.source, edge.target))
            elif edge.target != graph.raised:
                self.caught[edge.source].append(edge.target)

    def forward(
        self, entry: int, initial: int, normal: list[Transfer], caught: list[Transfer], *, suppressed: bool = True
    ) -> list[int]:
        """What holds at the beginning of each block, where `initial` does at the entry's."""
        holds = [0] * len(normal)
        holds[entry] = initial
        waiting, seen = [entry], {entry}
        changed = {entry}
        while waiting:
            block = heappop(waiting)
            changed.discard(block)
            for targets, (adds, keeps) in ((self.normal, normal[block]), (self.caught, caught[block])):
                leaves = adds | (holds[block] & keeps)
                for target in targets[block]:
                    if not suppressed and (block, target) in self.suppressed:
                        continue
                    if target not in seen or leaves | holds[target] != holds[target]:
                        seen.add(target)
                        holds[target] |= leaves
                        if target not in changed:
                            changed.add(target)
                            heappush(waiting, target)
        return holds

    def backward(self, normal: list[Transfer], caught: list[Transfer]) -> list[int]:
        """What holds at the beginning of each block, where it follows from what does at the beginning of the next."""
        before: list[list[int]] = [[] for _ in normal]
        for source, targets in [*enumerate(self.normal), *enumerate(self.caught)]:
            for target in targets:
                before[target].append(source)
        holds = [0] * len(normal)
        waiting = [-block for block in range(len(normal))]
        heapify(waiting)
        changed = set(range(len(normal)))
        while waiting:
            block = -heappop(waiting)
            changed.discard(block)
            new = 0
            for targets, (adds, keeps) in ((self.normal, normal[block]), (self.caught, caught[block])):
                new |= adds
                for target in targets[block]:
                    new |= holds[target] & keeps
            if new != holds[block]:
                holds[block] = new
                for source in before[block]:
                    if source not in changed:
                        changed.add(source)
                        heappush(waiting, -source)
        return holds


class Reader:
    """Reads blocks one after the other, and numbers the definitions that it meets."""

    def __init__(
        self, names: list[Occurrence], starts: list[int], numbers: dict[Symbol | None, int], inline: set[Scope]
    ) -> None:
        self._names, self._starts = names, starts
        self._numbers = numbers
        self._inline = inline
        self._bits: dict[int, int] = {}  # start of a definition → its bit
        self.definitions: list[Occurrence] = []
        self.of_variable = [0] * len(numbers)  # the definitions of each
        self.reached: dict[int, int] = {}  # start of a use → the definitions that reach it
        self.unset: set[int] = set()  # starts of uses that nothing can have set

    def bit(self, name: Occurrence) -> int:
        """Of a definition. A block that is copied has the same ones."""
        bit = self._bits.get(name.start)
        if bit is None:
            bit = self._bits[name.start] = 1 << len(self.definitions)
            self.definitions.append(name)
        return bit

    def read(self, steps: list[Step], *, caught: bool, throws: bool) -> Effects:
        """What the steps of a block do. Where exceptions are `caught`, what may hold when one leaves is noted as well;
        `throws`: one does at the end."""
        effects = Effects()
        current: dict[int, int] = {}  # variable → its definition that holds; 0: it is unset
        made: dict[int, int] = {}  # of those, what no exception has seen
        names, starts, numbers, inline = self._names, self._starts, self._numbers, self._inline
        for step in steps:
            raises = caught and step.raises
            if raises:
                _throw(effects, current, made)
            for start, end in step.spans:
                first = bisect_left(starts, start)
                for name in names[first : bisect_left(starts, end, first)]:
                    variable = numbers.get(name.symbol)
                    if variable is None or name.scope not in inline:
                        continue
                    if name.role in _USES:
                        if made and raises:
                            _throw(effects, current, made)
                        self._use(name.start, variable, current, effects)
                    if name.role in _SETS:
                        bit = 0 if name.role == "delete" or step.kind == "unbind" else self.bit(name)
                        current[variable] = made[variable] = bit
                        self.of_variable[variable] |= bit
        if throws:
            _throw(effects, current, made)
        effects.sets = current.keys()
        for variable, bit in current.items():
            effects.held |= bit
            if not bit:
                effects.unsets |= 1 << variable
        return effects

    def _use(self, start: int, variable: int, current: dict[int, int], effects: Effects) -> None:
        bit = current.get(variable)
        if bit is None:
            effects.exposed.append((start, variable))
        elif bit:
            self.reached[start] = self.reached.get(start, 0) | bit
        else:
            self.unset.add(start)


def _throw(effects: Effects, current: dict[int, int], made: dict[int, int]) -> None:
    """An exception may leave the block here."""
    if effects.thrown_sets is None:
        effects.thrown_sets = tuple(current)
    for bit in made.values():
        effects.thrown |= bit
    made.clear()
