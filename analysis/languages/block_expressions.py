"""What expressions add to control flow in languages of nested blocks.

A condition is split at `&&`, `||`, `!` and `?:`. Elsewhere an expression is split where a part that may be passed over
calls, assigns or waits. Functions in an expression are cut out: making one evaluates nothing.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from tree_sitter import Node

from analysis.flow import Block
from analysis.flow_builder import Builder, Work

Span = tuple[int, int]
SHORT = frozenset(["&&", "||", "??"])
SHORT_ASSIGNED = frozenset(["&&=", "||=", "??="])


@dataclass(frozen=True)
class Grammar:
    """What a language calls its expressions: names of nodes."""

    functions: frozenset[str]  # whose bodies run at another time
    effects: frozenset[str]  # what does something: passing it over matters
    assignments: frozenset[str]  # what is evaluated from right to left
    choices: frozenset[str] = frozenset(["ternary_expression"])
    marks: frozenset[str] = frozenset()  # what makes an expression one that the language may have to take apart itself
    ignored: frozenset[str] = frozenset()  # what is not evaluated: types, comments
    quiet: frozenset[str] = frozenset()  # what raises nothing
    wrapping: frozenset[str] = frozenset()  # what raises if what stands in it does


class File:
    """Where a file, or a part of it, has what matters to an expression: sorted places, found once."""

    def __init__(self, grammar: Grammar, root: Node, source: bytes) -> None:
        self.grammar = grammar
        self.source = source
        self.effects: list[int] = []
        self.special: list[int] = []  # where an expression may have to be taken apart
        self.functions: list[Node] = []
        parting = grammar.assignments | grammar.choices | grammar.marks
        pending = [root]
        while pending:
            node = pending.pop()
            kind = node.type
            if kind in grammar.functions:
                self.functions.append(node)
                self.special.append(node.start_byte)
            elif kind in parting or (kind == "binary_expression" and operator(node) in SHORT):
                self.special.append(node.start_byte)
            if kind in grammar.effects:
                self.effects.append(node.start_byte)
            pending += node.named_children[::-1]


def operator(node: Node) -> str:
    """Of an expression, as written."""
    found = node.child_by_field_name("operator")
    return found.type if found is not None else ""


def parts_of(node: Node) -> list[Node]:
    """What a node is made of, without comments."""
    return [child for child in node.named_children if "comment" not in child.type]


def _any_in(places: list[int], node: Node) -> bool:
    at = bisect_left(places, node.start_byte)
    return at < len(places) and places[at] < node.end_byte


class Expressions:
    """Evaluates expressions in a builder. What `special` has work for, the language evaluates itself."""

    def __init__(self, file: File, build: Builder, special: Callable[[Node], Work | None]) -> None:
        self.source = file.source
        self.spans: list[Span] = []  # what is evaluated but stands in no step yet
        self.loud = False  # whether any of it may raise
        self._build = build
        self._file = file
        self._grammar = file.grammar
        self._special = special

    def text(self, node: Node) -> str:
        """As written."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def statement(self, node: Node) -> Work:
        """A statement that is one step."""
        if self._parted(node):
            yield self.evaluate(node)
        else:
            self.spans.append((node.start_byte, node.end_byte))
            self._listen(node)
        self.flush(node.type, node)

    def _parted(self, node: Node) -> bool:
        """Whether something in it may have to be taken apart."""
        return _any_in(self._file.special, node)

    def _matters(self, node: Node) -> bool:
        """Whether something in it does something."""
        return _any_in(self._file.effects, node)

    def _listen(self, node: Node) -> None:
        """Whether evaluating it may raise something."""
        grammar, pending = self._grammar, [node]
        while pending and not self.loud:
            one = pending.pop()
            if one.type in grammar.wrapping:
                pending += one.named_children
            elif one.type not in grammar.quiet and one.type not in grammar.ignored:
                self.loud = True

    def flush(
        self, kind: str, node: Node | None = None, *, raises: bool | None = None, head: Node | None = None
    ) -> None:
        """Makes a step of what was evaluated: of a whole `node`, if that is given. `head`: even of nothing."""
        spans, whole = tuple(self.spans), node or head
        if spans or whole is not None:
            start = min([one[0] for one in spans] + ([whole.start_byte] if whole is not None else []))
            end = max([one[1] for one in spans] + [node.end_byte if node is not None else start])
            self._build.step(kind, start, end, spans, self.loud if raises is None else raises)
        self.spans, self.loud = [], False

    def evaluate(self, node: Node) -> Work:
        """Adds an expression to what is evaluated, making steps and blocks on the way where it is split."""
        grammar, kind = self._grammar, node.type
        if kind in grammar.functions or kind in grammar.ignored:
            return
        if not node.named_child_count or not self._parted(node):
            self.spans.append((node.start_byte, node.end_byte))
            self._listen(node)
        elif (work := self._special(node)) is not None:
            yield work
        elif kind in grammar.assignments:
            yield self._assignment(node)
        elif kind == "binary_expression" and (how := operator(node)) in SHORT and self._skips(node):
            yield self._short_circuit(node, how)
        elif kind in grammar.choices and self._matters(node):
            yield self._choice(node)
        else:
            self.loud = self.loud or kind not in grammar.wrapping
            for part in parts_of(node):
                yield self.evaluate(part)

    def _skips(self, node: Node) -> bool:
        """Whether the right side does something, or may need what the left has stored."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if right is not None and self._matters(right):
            return True
        return left is not None and self._matters(left) and self._parted(left)

    def _assignment(self, node: Node) -> Work:
        """Values first, then what they are given to. `a ||= b` may do nothing."""
        build, behind = self._build, None
        if operator(node) in SHORT_ASSIGNED:
            self.flush(node.type)
            inside, behind = build.block(), build.block()
            build.branch(inside, behind, self.text(node))
            build.start(inside)
        targets = [*node.children_by_field_name("left"), *node.children_by_field_name("name")]
        values = [part for part in parts_of(node) if part not in targets]
        for part in (*values, *targets):
            yield self.evaluate(part)
        if behind is not None:
            self.flush(node.type)
            build.go(behind)
            build.start(behind)

    def _short_circuit(self, node: Node, how: str) -> Work:
        build = self._build
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        other, behind = build.block(), build.block()
        self.flush(node.type)
        if how == "??" and left is not None:
            yield self.evaluate(left)
            self.flush(left.type)
            build.branch(behind, other, f"{self.text(left)} ?? …")
        else:
            yield self.condition(left, *((other, behind) if how == "&&" else (behind, other)))
        build.start(other)
        if right is not None:
            yield self.evaluate(right)
            self.flush(right.type)
        build.go(behind)
        build.start(behind)

    def _choice(self, node: Node) -> Work:
        build = self._build
        yes, no, behind = build.block(), build.block(), build.block()
        self.flush(node.type)
        yield self.condition(node.child_by_field_name("condition"), yes, no)
        for entry, role in ((yes, "consequence"), (no, "alternative")):
            build.start(entry)
            if (part := node.child_by_field_name(role)) is not None:
                yield self.evaluate(part)
                self.flush(part.type)
            build.go(behind)
        build.start(behind)

    def condition(self, node: Node | None, true: Block, false: Block) -> Work:
        """Evaluates a condition and leaves for one of two blocks."""
        build = self._build
        if node is None:  # broken: both are possible
            build.branch(true, false, "")
            return
        pending: list[tuple[Node, Block, Block, Block | None]] = [(node, true, false, None)]
        while pending:
            node, true, false, entry = pending.pop()
            if entry is not None:
                build.start(entry)
            parts = parts_of(node)
            how = operator(node) if node.type in ("binary_expression", "unary_expression") else ""
            if how in ("&&", "||") and len(parts) == 2:
                other = build.block()
                pending.append((parts[1], true, false, other))
                pending.append((parts[0], *((other, false) if how == "&&" else (true, other)), None))
            elif how == "!" and len(parts) == 1:
                pending.append((parts[0], false, true, None))
            elif node.type in ("parenthesized_expression", "expression_statement") and len(parts) == 1:
                pending.append((parts[0], true, false, None))
            elif node.type in self._grammar.choices and len(parts) == 3:
                yes, no = build.block(), build.block()
                pending += [(parts[2], true, false, no), (parts[1], true, false, yes), (parts[0], yes, no, None)]
            else:
                yield self.evaluate(node)
                self.flush(node.type, node)
                build.branch(true, false, self.text(node), {"true": True, "false": False}.get(self.text(node)))
