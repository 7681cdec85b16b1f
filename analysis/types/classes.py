"""The file's own classes: their bases, and what their attributes are by their bodies and by what methods give them."""

import ast
from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.scopes import Scope, Symbol
from analysis.types.annotations import value_of
from analysis.types.declared import Class, Meaning, Member, Value
from analysis.types.kinds import (
    AGAIN,
    ANY,
    OWN,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Overloaded,
    Type,
    TypeVariable,
    join,
)
from analysis.types.members import declare, decorated
from analysis.types.written import identifiers, parsed, qualified, statement_of

if TYPE_CHECKING:
    from analysis.types.source import Source


class Classes:
    """Classes of one file, by their full names and by where they stand."""

    def __init__(self, source: "Source") -> None:
        self._source = source
        self.classes: dict[str, Class] = {}
        self.bodies: dict[str, Scope] = {}
        self.annotated: dict[tuple[str, str], Type] = {}  # attributes, by `self.x: int`
        self._class_at: dict[int, Class] = {}
        self._of_body: dict[int, Class] = {}

    def of_body(self, body: Scope) -> Class | None:
        """The class whose body a scope is."""
        return self._of_body.get(id(body))

    def class_of(self, node: Node) -> Class | None:
        """The class that a definition makes."""
        key = node.start_byte
        if key not in self._class_at:
            name = node.child_by_field_name("name")
            body = self._source.scopes.get(key)
            if name is None or body is None or body.kind != "class":
                return None
            found = Class(
                self._free_name(qualified(body)),
                read=lambda one: self._read_class(one, node, body),
                find=lambda asked: self._member(found, body, asked),
                nested=lambda asked: self._nested(body, asked),
                fields=lambda: self._fields(body),
                names=lambda: tuple(body.symbols),
                lasting=False,
            )
            self._class_at[key] = self.classes[found.name] = found
            self.bodies[found.name] = body
            self._of_body[id(body)] = found
        return self._class_at[key]

    def _read_class(self, found: Class, node: Node, body: Scope) -> None:
        listed = node.child_by_field_name("superclasses")
        written = self._source.state.text(listed) if listed is not None else ""
        tree = statement_of(f"class C{written}: ...")
        if isinstance(tree, ast.ClassDef):
            declare(found, self._source.reader(body.parent or body), tree, self._source.find)
        else:
            found.whole = False
        for child in listed.named_children if listed is not None else []:
            made = self.made_by(child, body.parent or body) if child.type == "call" else None
            if made is not None:
                found.whole = found.whole or (listed is not None and listed.named_child_count == 1)
                found.declare(found.parameters, (*found.bases, made.instance()))
                found.named = True
                found.fields = made.fields
        own = node.child_by_field_name("type_parameters")
        if own is not None:  # class C[T]
            symbols = [self._source.state.symbol(child) for child in identifiers(own)]
            variables = [self._source.symbol_meaning(one) for one in symbols if one is not None]
            parameters = tuple(one for one in variables if isinstance(one, TypeVariable))
            found.declare(parameters, found.bases)

    def made_by(self, call: Node, scope: Scope) -> Class | None:
        """The named tuple that a call makes."""
        function, listed = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or listed is None or not listed.named_children:
            return None
        called = parsed(self._source.state.text(function))
        meaning = self._source.reader(scope).named(called) if called is not None else None
        if isinstance(meaning, Value) and isinstance(meaning.type, Callable) and meaning.type.name == "namedtuple":
            made = self.named_tuple(listed.named_children)
            if isinstance(made, ClassObject) and isinstance(made.of, Instance):
                return self._source.find(made.of.name)
        return None

    def named_tuple(self, nodes: list[Node]) -> Type:
        """The class that `collections.namedtuple` makes of arguments that are written out."""
        key = nodes[0].start_byte
        if key not in self._class_at:
            written = [parsed(self._source.state.text(one)) for one in nodes[:2]]
            name, listed = (one.value if isinstance(one, ast.Constant) else None for one in (*written, None)[:2])
            if not isinstance(name, str):
                return UNKNOWN
            if isinstance(listed, str):
                fields = listed.replace(",", " ").split()
            elif len(written) > 1 and isinstance(written[1], ast.List | ast.Tuple):
                fields = [str(one.value) for one in written[1].elts if isinstance(one, ast.Constant)]
                if len(fields) < len(written[1].elts):
                    return UNKNOWN
            else:
                return UNKNOWN
            kinds = tuple((field, ANY) for field in fields)
            found = Class(
                self._free_name(name),
                read=lambda one: one.declare((), (Instance("typing.NamedTuple"),)),
                find=lambda asked: Member("variable", ANY) if asked in fields else None,
                fields=lambda: kinds,
                named=True,
            )
            self._class_at[key] = self.classes[found.name] = found
        return ClassObject(self._class_at[key].instance())

    def _free_name(self, name: str) -> str:
        """A class's full name, marked where another of the file has it."""
        full = OWN + name
        while full in self.classes:
            full += AGAIN
        return full

    def _nested(self, body: Scope, name: str) -> Meaning:
        symbol = body.symbols.get(name)
        meaning = self._source.symbol_meaning(symbol) if symbol is not None else None
        return meaning if isinstance(meaning, Class) else None

    def _fields(self, body: Scope) -> tuple[tuple[str, Type], ...]:
        declared = self._source.state.declared
        return tuple((name, declared[one]) for name, one in body.symbols.items() if one in declared)

    def _member(self, owner: Class, body: Scope, name: str) -> Member | None:
        symbol = body.symbols.get(name)
        key = (owner.name, name)
        if symbol is None:
            given = self._source.state.attributes.get(key)
            return Member("variable", given) if given is not None else None
        functions = self.functions_of(symbol)
        if functions:
            return self._method(functions, body)
        if symbol in self._source.state.declared:
            return Member("variable", self._source.state.declared[symbol])
        if symbol.kind == "class":
            return Member("class", value_of(self._source.symbol_meaning(symbol)))
        kind = self._source.state.variable(symbol)
        if owner.ready().enumeration and not name.startswith("_"):
            return Member("variable", Instance(owner.name))
        given = self._source.state.attributes.get(key)
        if given is not None:
            kind = join([kind, given])
        return Member("method" if isinstance(kind, Callable | Overloaded) else "variable", kind)

    def functions_of(self, symbol: Symbol) -> list[Node]:
        """The function definitions that give a symbol its values, where nothing else does."""
        found: list[Node] = []
        for place in symbol.definitions:
            node = self._source.root.descendant_for_byte_range(place.start, place.end)
            if node is None or node.parent is None or node.parent.type != "function_definition":
                return []
            found.append(node.parent)
        return found

    def _method(self, nodes: list[Node], body: Scope) -> Member:
        members = [self._one_method(node, body) for node in nodes]
        first = members[0]
        if len(members) == 1 or first.kind == "property":
            return first
        marked = [
            one for one, node in zip(members, nodes, strict=True) if "overload" in self._source.decorator_names(node)
        ]
        items = tuple(one.type for one in marked if isinstance(one.type, Callable))
        if len(items) > 1:
            return Member(first.kind, Overloaded(items))
        return Member(first.kind, join([one.type for one in members]))

    def _one_method(self, node: Node, body: Scope) -> Member:
        name = node.child_by_field_name("name")
        text = self._source.state.text(name) if name is not None else ""
        return decorated(text, self._source.function(node, body), self._source.decorator_names(node))

    def defining(self, owner: Instance, name: str, lineage: list[tuple[Class, Instance]]) -> str | None:
        """The class whose attribute is given a value through one of its descendants; None where the standard
        library's class says what it is."""
        found = owner.name if owner.name in self.bodies else None
        for ancestor, _ in lineage:
            if ancestor.name not in self.bodies:
                if ancestor.name != "builtins.object" and ancestor.own(name) is not None:
                    return None
                continue
            key = (ancestor.name, name)
            known = key in self._source.state.attributes or key in self._source.state.attributes_given
            if known or name in self.bodies[ancestor.name].symbols:
                found = ancestor.name
        return found
