"""Control flow of one function: basic blocks, and edges with their conditions, exceptional ones included.

The records are the same for every language; `languages/NAME_flow.py` makes them. Places are bytes, ends excluded.
"""


class Step:
    """One thing that is done: a statement, or the part of one that is done at this place (a condition, a target)."""

    __slots__ = ("end", "kind", "spans", "start")

    def __init__(self, kind: str, start: int, end: int, spans: tuple[tuple[int, int], ...]) -> None:
        self.kind = kind  # the grammar's name of the node
        self.start, self.end = start, end  # what a person would point at
        # Parts of the source in the order in which they are evaluated: of `x = y`, first `y` and then `x`. What is not
        # evaluated here (bodies of nested functions, blocks of a statement) lies in none.
        self.spans = spans


class Block:
    """Steps that are done one after the other, entered at the first and, but for exceptions, left after the last."""

    __slots__ = ("index", "steps")

    def __init__(self, index: int) -> None:
        self.index = index
        self.steps: list[Step] = []


class Edge:
    """A way from one block to another."""

    __slots__ = ("condition", "kind", "source", "target")

    def __init__(self, source: int, target: int, kind: str, condition: str = "") -> None:
        self.source, self.target = source, target  # indices of blocks
        # "next", "true", "false", "case", "loop" (back to a loop's head), "break", "continue", "return", "exception"
        self.kind = kind
        self.condition = condition  # as written, where there is one


class Graph:
    """The flow of one function, or of a module's own statements. Blocks that nothing reaches are kept."""

    __slots__ = ("blocks", "edges", "entry", "exit", "name", "raised")

    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks: list[Block] = []
        self.edges: list[Edge] = []
        self.entry = 0  # index of a block
        self.exit = 0  # where it returns: a block without steps
        self.raised = 0  # where an exception leaves it: a block without steps
