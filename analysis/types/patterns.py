"""`match`: what patterns take, and the names that they give values."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.languages.python_nodes import parts_of
from analysis.types.assigning import bind, fields, store
from analysis.types.conditions import branch
from analysis.types.kinds import NEVER, NONE, UNKNOWN, ClassObject, Instance, Tuple, Type, is_unknown, join
from analysis.types.narrowing import to_class
from analysis.types.state import Environment, Key, merge

if TYPE_CHECKING:
    from analysis.types.statements import Statements

SELF_MATCHING = frozenset(f"builtins.{name}" for name in (
    "bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple",
))  # fmt: skip


def match_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`match`, case after case."""
    subjects = node.children_by_field_name("subject")
    body = node.child_by_field_name("body")
    if not subjects or body is None:
        return environment
    kinds = [walk.expressions.type(one, environment) for one in subjects]
    kind = kinds[0] if len(kinds) == 1 else Tuple(tuple(kinds))
    key = walk.expressions.key(subjects[0]) if len(subjects) == 1 else None
    after: Environment | None = None
    rest: Environment | None = environment
    for clause in body.named_children:
        if clause.type == "case_clause" and rest is not None:
            ended, rest = case(walk, clause, kind, key, rest)
            after = merge(after, ended)
    return merge(after, rest)


def case(
    walk: "Statements", clause: Node, kind: Type, key: Key | None, environment: Environment
) -> tuple[Environment | None, Environment | None]:
    """One case: what is known at its end, and where it does not match."""
    inner = dict(environment)
    subject = environment.get(key, kind) if key is not None else kind
    patterns = [child for child in clause.named_children if child.type == "case_pattern"]
    for pattern in patterns:
        met = pattern_type(walk, pattern, subject if len(patterns) == 1 else UNKNOWN, inner)
        if key is not None and len(patterns) == 1 and not is_unknown(met) and met != NEVER:
            inner[key] = met
    guard, body = clause.child_by_field_name("guard"), clause.child_by_field_name("consequence")
    now: Environment | None = inner
    if guard is not None and guard.named_children:
        now = branch(walk.expressions, guard.named_children[0], inner)[0]
    ended = walk.block(body, dict(now)) if body is not None and now is not None else now
    rest = None if guard is None and len(patterns) == 1 and takes_all(walk, patterns[0]) else environment
    return ended, rest


def takes_all(walk: "Statements", pattern: Node) -> bool:
    """Whether a pattern takes whatever there is."""
    text = walk.state.text(pattern)
    return text == "_" or text.isidentifier()


def pattern_type(walk: "Statements", node: Node, kind: Type, environment: Environment) -> Type:
    """What the value is that a pattern takes; gives the names in it their values."""
    parts = parts_of(node)
    match node.type:
        case "case_pattern":
            return pattern_type(walk, parts[0], kind, environment) if parts else kind
        case "dotted_name":
            if len(parts) == 1:
                bind(walk.expressions, parts[0], kind, environment, "match")
            return kind
        case "as_pattern":
            met = pattern_type(walk, parts[0], kind, environment)
            if len(parts) > 1:
                store(walk.expressions, parts[-1], met, environment, "match")
            return met
        case "union_pattern":
            return join([pattern_type(walk, part, kind, environment) for part in parts])
        case "class_pattern":
            return class_pattern(walk, parts, kind, environment)
        case "splat_pattern":
            if parts:
                bind(walk.expressions, parts[0], UNKNOWN, environment, "match")
            return UNKNOWN
        case "list_pattern" | "tuple_pattern":
            known = fields(walk.expressions, kind)
            for place, part in enumerate(parts):
                item = known[place] if known is not None and len(known) == len(parts) else UNKNOWN
                pattern_type(walk, part, item, environment)
            return kind
        case "dict_pattern" | "keyword_pattern":
            for part in parts:
                pattern_type(walk, part, UNKNOWN, environment)
            return kind
        case "none":
            return NONE
    return kind


def class_pattern(walk: "Statements", parts: list[Node], kind: Type, environment: Environment) -> Type:
    """`C(a, b=c)`"""
    name, *inner = parts
    target = UNKNOWN
    if name.named_children:
        target = walk.expressions.type(name.named_children[0], environment)
        for part in name.named_children[1:]:
            target = walk.expressions.attribute(target, walk.state.text(part))
    met = UNKNOWN
    if isinstance(target, ClassObject):
        met = to_class(kind, [target.of], walk.expressions.solver)
    for part in inner:
        pattern = part.named_children[0] if part.type == "case_pattern" and part.named_children else part
        if pattern.type == "keyword_pattern" and pattern.named_child_count > 1:
            given = walk.expressions.attribute(met, walk.state.text(pattern.named_children[0]))
            pattern_type(walk, pattern.named_children[1], given, environment)
        else:
            alone = len(inner) == 1 and isinstance(met, Instance) and met.name in SELF_MATCHING
            pattern_type(walk, part, met if alone else UNKNOWN, environment)
    return met
