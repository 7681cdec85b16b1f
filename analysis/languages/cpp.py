"""C++. Macros are not expanded: what they hide from the grammar is not found."""

from analysis.languages.adapter import Adapter

CPP = Adapter(
    "cpp",
    (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"),
    wrappers=frozenset(["declaration", "field_declaration", "template_declaration", "type_definition"]),
)
