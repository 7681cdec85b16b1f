"""Builds a `Graph`: blocks and edges, what catches exceptions, and what is done on every way out of a statement.

The same for every language: `languages/NAME_flow.py` walks a grammar's nodes and calls it; nothing here looks at one.
"""

from collections.abc import Callable, Iterator

from analysis.flow import Block, Edge, Graph, Step

PLACED_LATER, AWAITED = -1, -2  # a block's index before it is placed: nothing leads there yet, or something does
DEEPEST_COPY = 2  # a `finally` inside so many others is not copied for every way out, or the copies would multiply
MOST_EXITS = 20  # steps that a jump adds on its way out of blocks that have to be closed

Work = Iterator["Work"]  # a generator that yields what has to be done before it goes on


def run(work: Work) -> None:
    """Does it all without recursion: code may be nested deeper than the interpreter's stack."""
    stack = [work]
    while stack:
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
        else:
            stack.append(inner)


class Around:
    """One thing around the place where the builder is. Made by the builder's methods alone."""

    __slots__ = ("ahead", "behind", "catcher", "catches", "closer", "closing", "depth", "labels", "outer", "ways")

    def __init__(self, outer: "Around | None", *, catches: Block | None = None) -> None:
        self.outer = outer
        self.depth: int = outer.depth + 1 if outer is not None else 0
        self.catches = catches  # where exceptions in it go
        self.catcher: Around | None = self if catches is not None else (outer.catcher if outer is not None else None)
        self.closing: Step | None = None  # what is done when a jump leaves it
        self.ways: dict[tuple[str, Block | None], Block] | None = None  # of a `finally`: way out → its copy
        self.closer: Around | None = outer.closer if outer is not None else None  # nearest that minds being left
        self.labels: tuple[str, ...] | None = None  # of what `break` can leave
        self.behind: Block | None = None  # where `break` goes
        self.ahead: Block | None = None  # where `continue` goes


class Builder:
    """A graph on its way. `here` is the block that steps are added to; None behind a jump, where nothing comes."""

    def __init__(self, name: str, start: int, end: int) -> None:
        self.graph = Graph(name, start, end)
        self.around: Around | None = None
        self.here: Block | None = None
        self.copying = 0  # how many `finally` bodies the builder is in
        self._exposed = False  # whether `here` has its exceptional edge
        self._exposing: set[Block] = set()  # blocks that have theirs
        self._ways: list[tuple[Block, Block, str, str]] = []
        self.exit, self.raised = Block(PLACED_LATER), Block(PLACED_LATER)
        self.start(Block(AWAITED))

    # Blocks and edges

    def block(self) -> Block:
        """A new one, to be placed when the builder comes to it."""
        return Block(PLACED_LATER)

    def start(self, block: Block) -> None:
        """Goes on in a block; where nothing leads to it, behind a jump."""
        if block.index == PLACED_LATER:
            self.here = None
            return
        block.index = len(self.graph.blocks)
        self.graph.blocks.append(block)
        self.here = block
        self._exposed = False

    def open(self) -> Block:
        """The block to add to; a new one that nothing reaches, behind a jump."""
        if self.here is None:
            self.start(Block(AWAITED))
        assert self.here is not None
        return self.here

    def fresh(self) -> Block:
        """A new block that `here` leads to: what comes is caught by something else than what came."""
        here = self.open()
        if not here.steps and not self._exposed:
            return here
        block = Block(PLACED_LATER)
        self.edge(here, block)
        self.start(block)
        return block

    def edge(self, source: Block, target: Block, kind: str = "next", condition: str = "") -> None:
        """A way from one block to another."""
        if target.index == PLACED_LATER:
            target.index = AWAITED
        self._ways.append((source, target, kind, condition))

    def go(self, target: Block, kind: str = "next") -> None:
        """Leaves `here` for a block, where there is a way from here at all."""
        if self.here is not None:
            self.edge(self.here, target, kind)
            self.here = None

    def begin(self, head: Block) -> None:
        """Goes on in a block that will be come back to; behind a jump from one that nothing reaches."""
        self.edge(self.open(), head)
        self.start(head)

    def step(self, kind: str, start: int, end: int, spans: tuple[tuple[int, int], ...], raises: bool = True) -> None:
        """Adds one."""
        here = self.here or self.open()
        here.steps.append(Step(kind, start, end, spans, raises))
        if raises and not self._exposed:
            self.expose()

    def expose(self) -> None:
        """An exception may come here."""
        here = self.open()
        if not self._exposed:
            self._exposed = True
            self._exposing.add(here)
            self.edge(here, self.catcher(), "exception")

    def interrupt(self, entry: Block) -> None:
        """An exception may come in the block in which what is around was entered, whatever its steps are."""
        if entry in self._exposing or (not entry.steps and self.catcher().index != PLACED_LATER):
            return  # it has its edge; or nothing is done in it, and what follows has one
        self.edge(entry, self.catcher(), "exception")

    def branch(self, true: Block, false: Block, condition: str, constant: bool | None = None) -> None:
        """Leaves `here` for one of two, or where the condition is known for the one that it means."""
        here = self.open()
        if constant is not False:
            self.edge(here, true, "true", condition)
        if constant is not True:
            self.edge(here, false, "false", condition)
        self.here = None

    # What is around: loops, handlers, and what is done on the way out

    def enter_loop(self, behind: Block, ahead: Block | None, labels: tuple[str, ...] = ("",)) -> Around:
        """What `break` leaves for `behind`, and `continue`, where it is a loop, for `ahead`.

        `labels` names it; the empty one stands for a jump without a label.
        """
        around = Around(self.around)
        around.labels, around.behind, around.ahead = labels, behind, ahead
        self.around = around
        return around

    def enter_handlers(self, dispatch: Block) -> Around:
        """Exceptions go to `dispatch` until it is left."""
        self.around = Around(self.around, catches=dispatch)
        return self.around

    def enter_closing(self, step: Step, dispatch: Block | None = None) -> Around:
        """Jumps out of it do `step` on their way; exceptions go to `dispatch` if there is one."""
        around = Around(self.around, catches=dispatch)
        around.closing, around.closer = step, around
        self.around = around
        return around

    def enter_finally(self) -> Around:
        """Every way out goes through a copy of what `finish_finally` does."""
        around = Around(self.around)
        around.ways, around.closer, around.catcher = {}, around, around
        self.around = around
        return around

    def leave(self, around: Around) -> None:
        """Back to what is around `around`."""
        self.around = around.outer

    def catcher(self) -> Block:
        """Where an exception goes from here."""
        around = self.around.catcher if self.around is not None else None
        if around is None:
            return self.raised
        return around.catches or self._way(around, "exception", None)

    def throw(self) -> None:
        """An exception leaves this place for sure."""
        self.expose()
        self.here = None

    def jump(self, kind: str, label: str = "") -> bool:
        """`return`, `break` or `continue`, through all that has to be done on the way; False where it has no goal."""
        if kind == "return":
            return self._jump(kind, self.exit, -1)
        around = self.around
        while around is not None:
            if around.labels is not None and label in around.labels:
                goal = around.behind if kind == "break" else around.ahead
                if goal is not None:
                    return self._jump(kind, goal, around.depth)
            around = around.outer
        return False

    def _jump(self, kind: str, goal: Block, depth: int) -> bool:
        here = self.open()
        around = self.around.closer if self.around is not None else None
        exits = 0
        while around is not None and around.depth > depth:
            if around.ways is not None:
                goal = self._way(around, kind, goal)
                break
            if around.closing is not None and exits < MOST_EXITS:
                exits += 1
                here.steps.append(around.closing)
            around = around.outer.closer if around.outer is not None else None
        self.edge(here, goal, kind)
        self.here = None
        return True

    def finish(self, around: Around | None, behind: Block) -> None:
        """The end of what a `finally` belongs to: from here through its copy, where there is one, to `behind`."""
        if self.here is not None:
            self.go(self._way(around, "next", behind) if around is not None else behind)

    def finish_finally(self, around: Around, body: Callable[[], Work]) -> Work:
        """Makes the copies of a `finally`'s body that were asked for; each goes on the way that it is for."""
        assert around.ways is not None
        self.around = around.outer
        copies: dict[Block, list[tuple[str, Block | None]]] = {}
        for way, entry in around.ways.items():
            copies.setdefault(entry, []).append(way)
        for entry, ways in copies.items():
            entry.note = "finally, on " + ", ".join({"next": "the normal way"}.get(kind, kind) for kind, _ in ways)
            self.start(entry)
            self.copying += 1
            yield body()
            self.copying -= 1
            end, exposed = self.here, self._exposed
            for kind, goal in ways if end is not None else ():
                self.here, self._exposed = end, exposed
                self._go_on(kind, goal)
            self.here = None

    def _go_on(self, kind: str, goal: Block | None) -> None:
        if goal is None:
            self.throw()
        elif kind == "next":
            self.go(goal)
        elif kind == "return":
            self._jump(kind, goal, -1)
        else:
            around = self.around
            while around is not None and goal not in (around.behind, around.ahead):
                around = around.outer
            self._jump(kind, goal, around.depth if around is not None else -1)

    def _way(self, around: Around, kind: str, goal: Block | None) -> Block:
        """The copy of a `finally` for one way out, or the one that there is where copies would multiply."""
        assert around.ways is not None
        entry = around.ways.get((kind, goal))
        if entry is None:
            shared = next(iter(around.ways.values()), None) if self.copying >= DEEPEST_COPY else None
            entry = around.ways[kind, goal] = shared or Block(PLACED_LATER)
        return entry

    # The end

    def done(self) -> Graph:
        """The graph: what falls off the end returns; blocks that only lead on are left out."""
        graph = self.graph
        self.go(self.exit)
        for last in (self.exit, self.raised):
            last.index = AWAITED
            self.start(last)
        ways = self._shortened()
        for index, block in enumerate(graph.blocks):
            block.index = index
        graph.edges = [Edge(source.index, target.index, kind, condition) for source, target, kind, condition in ways]
        graph.exit, graph.raised = self.exit.index, self.raised.index
        return graph

    def _shortened(self) -> list[tuple[Block, Block, str, str]]:
        """The ways, without those through a block that has no steps and only one way out."""
        blocks = self.graph.blocks
        empty = {block for block in blocks[1:-2] if not block.steps}
        if not empty:
            return self._ways
        onward: dict[Block, list[tuple[Block, str]]] = {block: [] for block in empty}
        for source, target, kind, _ in self._ways:
            if source in empty:
                onward[source].append((target, kind))
        ways = [(source, *_end_of(target, kind, onward), condition) for source, target, kind, condition in self._ways]
        ways = list(dict.fromkeys(ways))
        kept = {target for _, target, _, _ in ways}
        self.graph.blocks = [block for block in blocks if block not in empty or block in kept]
        gone = empty - kept
        return [way for way in ways if way[0] not in gone]


def _end_of(target: Block, kind: str, onward: dict[Block, list[tuple[Block, str]]]) -> tuple[Block, str]:
    """Where a way leads in the end, and of what kind it then is: the first that says something names it."""
    passed = set()
    while len(further := onward.get(target, [])) == 1 and target not in passed:
        passed.add(target)
        behind, how = further[0]
        target, kind = behind, how if kind == "next" else kind
    return target, kind
