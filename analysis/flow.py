"""Control flow of one function: basic blocks, and edges with their conditions, exceptional ones included.

The records are the same for every language; `languages/NAME_flow.py` makes them. Places are bytes, ends excluded.
"""


class Step:
    """One thing that is done: a statement, or the part of one that is done at this place (a condition, a target)."""

    __slots__ = ("end", "kind", "raises", "spans", "start")

    def __init__(
        self, kind: str, start: int, end: int, spans: tuple[tuple[int, int], ...], raises: bool = True
    ) -> None:
        self.kind = kind  # the grammar's name of the node; "with_exit", "unbind" and "parameters" are of no node
        self.start, self.end = start, end  # what a person would point at
        # Parts of the source in the order in which they are evaluated: of `x = y`, first `y` and then `x`. What is not
        # evaluated here (bodies of nested functions, blocks of a statement) lies in none.
        self.spans = spans
        self.raises = raises  # whether it may: `x = 1` does not


class Block:
    """Steps that are done one after the other, entered at the first and, but for exceptions, left after the last."""

    __slots__ = ("index", "note", "steps")

    def __init__(self, index: int) -> None:
        self.index = index
        self.note = ""  # why it is there, where its steps do not say so: "finally, on return"
        self.steps: list[Step] = []


class Edge:
    """A way from one block to another."""

    __slots__ = ("condition", "kind", "source", "target")

    def __init__(self, source: int, target: int, kind: str, condition: str = "") -> None:
        self.source, self.target = source, target  # indices of blocks
        # "next", "true", "false", "case", "loop" (from a loop's end to its head), "break", "continue", "return",
        # "exception", "suppress" (goes on behind a block whose exit swallowed the exception: it may, most never do)
        self.kind = kind
        self.condition = condition  # as written, where there is one


class Graph:
    """The flow of one function, or of a module's own statements. Blocks that nothing reaches are kept."""

    __slots__ = ("blocks", "edges", "end", "entry", "exit", "name", "raised", "start")

    def __init__(self, name: str, start: int = 0, end: int = 0) -> None:
        self.name = name  # as in `Function.qualified_name`; empty for the module
        self.start, self.end = start, end  # of the function's node, without decorators
        self.blocks: list[Block] = []
        self.edges: list[Edge] = []
        self.entry = 0  # index of a block
        self.exit = 0  # where it returns: a block without steps
        self.raised = 0  # where an exception leaves it: a block without steps

    def successors(self) -> list[list[int]]:
        """For each block those that follow it, as indices."""
        following: list[list[int]] = [[] for _ in self.blocks]
        for edge in self.edges:
            following[edge.source].append(edge.target)
        return following

    def reachable(self) -> list[bool]:
        """For each block whether any way leads to it from the entry."""
        following = self.successors()
        seen = [False] * len(self.blocks)
        seen[self.entry] = True
        pending = [self.entry]
        while pending:
            for target in following[pending.pop()]:
                if not seen[target]:
                    seen[target] = True
                    pending.append(target)
        return seen
