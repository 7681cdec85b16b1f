"""Numbers of Python's nodes and fields in the grammar: comparing them is faster than comparing names."""

from tree_sitter import Node

from analysis.languages.adapter import grammar_of

_GRAMMAR = grammar_of("python")
ERROR = 65535  # the number of what the grammar could not follow, in every language


def kinds(*names: str) -> frozenset[int]:
    """The numbers of nodes; some names have two."""
    found = [one for one in range(_GRAMMAR.node_kind_count) if _GRAMMAR.node_kind_for_id(one) in names]
    return frozenset(one for one in found if _GRAMMAR.node_kind_is_named(one))


def _field(name: str) -> int:
    number = _GRAMMAR.field_id_for_name(name)
    assert number is not None, name
    return number


F_ALIAS, F_ALTERNATIVE, F_ARGUMENT, F_BODY = _field("alias"), _field("alternative"), _field("argument"), _field("body")
F_CONDITION, F_CONSEQUENCE, F_DEFINITION = _field("condition"), _field("consequence"), _field("definition")
F_GUARD, F_LEFT, F_NAME, F_OPERATOR = _field("guard"), _field("left"), _field("name"), _field("operator")
F_PARAMETERS, F_RETURN_TYPE, F_RIGHT = _field("parameters"), _field("return_type"), _field("right")
F_SUBJECT, F_SUPERCLASSES, F_TYPE, F_VALUE = _field("subject"), _field("superclasses"), _field("type"), _field("value")

COMMENT, BLOCK = kinds("comment", "line_continuation"), kinds("block")
FUNCTION, DECORATED, DECORATOR = kinds("function_definition"), kinds("decorated_definition"), kinds("decorator")
ELSE_CLAUSE, FINALLY_CLAUSE = kinds("else_clause"), kinds("finally_clause")
EXCEPT_CLAUSE = kinds("except_clause")
CASE_CLAUSE, CASE_PATTERN, UNION_PATTERN = kinds("case_clause"), kinds("case_pattern"), kinds("union_pattern")
CLASS_PATTERN, KEYWORD_PATTERN = kinds("class_pattern"), kinds("keyword_pattern")
WITH_ITEM, AS_PATTERN = kinds("with_item"), kinds("as_pattern")
IDENTIFIER, DOTTED_NAME = kinds("identifier"), kinds("dotted_name")
PARENTHESIZED, TUPLE = kinds("parenthesized_expression"), kinds("tuple")
AND_OR, NOT, CHOICE = kinds("boolean_operator"), kinds("not_operator"), kinds("conditional_expression")
COMPARISON, LAMBDA, WALRUS = kinds("comparison_operator"), kinds("lambda"), kinds("named_expression")
COMPREHENSION = kinds("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
FOR_IN_CLAUSE = kinds("for_in_clause")
ASSIGNMENT = kinds("assignment")
TRUE, FALSE, NUMBER = kinds("true", "ellipsis"), kinds("false", "none"), kinds("integer", "float")
STRING, STRINGS, INTERPOLATION = kinds("string"), kinds("concatenated_string"), kinds("interpolation")
PART = kinds("attribute", "subscript")
SIGNED = kinds("unary_operator")
LITERAL = TRUE | FALSE | NUMBER | STRING


def parts_of(node: Node) -> list[Node]:
    """What a node is made of, without comments and the like, which can stand between any two parts."""
    return [child for child in node.named_children if child.kind_id not in COMMENT]
