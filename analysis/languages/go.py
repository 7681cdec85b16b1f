"""Go."""

from tree_sitter import Node

from analysis.languages.adapter import Adapter, text_of
from analysis.languages.go_scopes import names


def receiver(method: Node) -> str:
    """The type that a method belongs to: `T` of `func (t *T[K]) f()`."""
    parameters = method.child_by_field_name("receiver")
    for parameter in parameters.named_children if parameters is not None else ():
        kind = parameter.child_by_field_name("type")
        while kind is not None and kind.type in ("pointer_type", "generic_type", "parenthesized_type"):
            kind = kind.child_by_field_name("type") or kind.named_child(0)
        return text_of(kind)
    return ""


GO = Adapter("go", (".go",), wrappers=frozenset(["type_declaration"]), container=receiver, names=names)
