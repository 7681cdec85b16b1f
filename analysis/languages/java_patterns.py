"""Where the variables of an `instanceof` are seen: rules 6.3.1 and 6.3.2 of the Java Language Specification, by shape.

A statement is taken not to end normally where its last one is a jump; jumps out of a loop are not looked for.
"""

from tree_sitter import Node

JUMPS = frozenset(["return_statement", "throw_statement", "break_statement", "continue_statement", "yield_statement"])
BLOCKS = frozenset(["block", "constructor_body", "switch_block_statement_group"])


def where_it_matched(test: Node) -> list[tuple[int, int]]:
    """Parts of the file, from an `instanceof` outwards as long as what it says decides."""
    parts: list[tuple[int, int]] = []
    matched = True  # whether the expression so far is true, and not false, where the pattern has matched
    node = test
    while (parent := node.parent) is not None:
        operator = _operator(parent)
        if parent.type == "parenthesized_expression":
            pass
        elif operator == "!":
            matched = not matched
        elif operator == ("&&" if matched else "||"):
            if node == parent.child_by_field_name("left"):
                _add(parts, parent.child_by_field_name("right"))
        else:
            if node == parent.child_by_field_name("condition"):
                _add_branches(parts, parent, matched)
            break
        node = parent
    return parts


def _operator(node: Node) -> str:
    if node.type not in ("binary_expression", "unary_expression"):
        return ""
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""


def _add(parts: list[tuple[int, int]], node: Node | None) -> None:
    if node is not None:
        parts.append((node.start_byte, node.end_byte))


def _add_branches(parts: list[tuple[int, int]], node: Node, matched: bool) -> None:
    """Of what the condition decides."""
    consequence, alternative = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if node.type in ("ternary_expression", "if_statement"):
        _add(parts, consequence if matched else alternative)
        other = alternative if matched else consequence
        if node.type == "if_statement" and other is not None and _jumps(other):
            _add_rest(parts, node)
    elif matched:
        _add(parts, node.child_by_field_name("body") if node.type != "do_statement" else None)
        for update in node.children_by_field_name("update"):
            _add(parts, update)
    else:
        _add_rest(parts, node)


def _add_rest(parts: list[tuple[int, int]], node: Node) -> None:
    around = node.parent
    while around is not None and around.type == "labeled_statement":
        around = around.parent
    if around is not None and around.type in BLOCKS and node.end_byte < around.end_byte:
        parts.append((node.end_byte, around.end_byte))


def _jumps(node: Node) -> bool:
    """Whether it cannot end normally, as far as its last statement tells."""
    waiting: list[Node | None] = [node]
    while waiting:
        one = waiting.pop()
        if one is not None and one.type in ("block", "synchronized_statement"):
            last = one.child_by_field_name("body") if one.type != "block" else None
            waiting.append(last or next((c for c in reversed(one.named_children) if "comment" not in c.type), None))
        elif one is not None and one.type == "if_statement":
            waiting += [one.child_by_field_name("consequence"), one.child_by_field_name("alternative")]
        elif one is None or one.type not in JUMPS:
            return False
    return True
