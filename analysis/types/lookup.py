"""What attributes are: looks up members in a class's lineage, and binds methods to the values that they are of."""

from typing import TYPE_CHECKING

from analysis.types.annotations import value_of
from analysis.types.arguments import Argument
from analysis.types.declared import Class, Member
from analysis.types.fitting import DEEPEST, FUNCTION
from analysis.types.kinds import (
    NONE,
    OWN,
    SELF,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Overloaded,
    Tuple,
    Type,
    TypeVariable,
    Union,
    bound_of,
    join,
    overloaded,
    returns_of,
    signatures_of,
    tuple_instance,
)
from analysis.types.lineage import mapping_of, metaclass_of
from analysis.types.substitution import Mapping, substitute, substituted

if TYPE_CHECKING:
    from analysis.types.solving import Solver

PROPERTY = Instance("builtins.property")


class Lookup:
    """Answers for one file."""

    def __init__(self, solver: "Solver") -> None:
        self._solver = solver
        self._depth = 0
        self._attributes: dict[tuple[Type, str], Type] = {}

    def attribute(self, kind: Type, name: str) -> Type:
        """What `value.name` is."""
        if self._depth > DEEPEST:
            return UNKNOWN
        self._depth += 1
        try:
            return self._attribute(kind, name)
        finally:
            self._depth -= 1

    def _attribute(self, kind: Type, name: str) -> Type:
        match kind:
            case Union():
                found = [self.attribute(one, name) for one in kind.members if one != NONE or name.startswith("__")]
                return join(found)
            case Literal():
                return self._of_instance(Instance(kind.of), name)
            case Tuple():
                return self._of_instance(tuple_instance(kind), name)
            case Instance():
                return self._of_instance(kind, name)
            case ClassObject():
                return self._of_class(kind, name)
            case ModuleObject():
                return value_of(self._solver.typeshed.meaning(kind.name, name))
            case Callable() | Overloaded():
                return self._of_instance(FUNCTION, name)
            case TypeVariable():
                upper = bound_of(kind)
                return self._attribute(upper, name) if upper is not UNKNOWN else UNKNOWN
        return UNKNOWN

    def _of_instance(self, kind: Instance, name: str) -> Type:
        key = (kind, name)
        if key not in self._attributes or kind.name.startswith(OWN):
            self._attributes[key] = self._looked_up(kind, name)
        return self._attributes[key]

    def _looked_up(self, kind: Instance, name: str) -> Type:
        found = self.member(kind, name)
        if found is not None:
            return self.bound(found[0], found[1], found[2], kind)
        if name != "__getattr__" and self._solver.lineages.whole(kind):
            getter = self.member(kind, "__getattr__")
            if getter is not None:
                return returns_of(self.bound(*getter, kind))
        return UNKNOWN

    def member(self, kind: Instance, name: str) -> tuple[Member, Class, Instance] | None:
        """The member of a class or its ancestors, and where it was found."""
        for ancestor, inner in self._solver.lineages.of(kind)[0]:
            member = ancestor.own(name)
            if member is not None:
                return member, ancestor, inner
        return None

    def bound(self, member: Member, owner: Class, inner: Instance, receiver: Instance) -> Type:
        mapping: Mapping = {**mapping_of(owner, inner), SELF: receiver}
        match member.kind:
            case "method":
                return self.bind(substitute(member.type, mapping), receiver)
            case "class method":
                return self.bind(substitute(member.type, mapping), ClassObject(receiver))
            case "property":
                return returns_of(self.bind(substitute(member.type, mapping), receiver))
            case "variable":
                return self._described(substitute(member.type, mapping), receiver)
        return substitute(member.type, mapping)

    def _described(self, kind: Type, receiver: Type) -> Type:
        """What an attribute of a class gives its values: of a descriptor, such as `cached_property`, what it says."""
        if not isinstance(kind, Instance) or kind.name.startswith("builtins.") or self.member(kind, "__get__") is None:
            return UNKNOWN if kind == PROPERTY else kind
        return self._solver.call(self.attribute(kind, "__get__"), [Argument(receiver), Argument(ClassObject(receiver))])

    def _of_class(self, kind: ClassObject, name: str) -> Type:
        of = kind.of if isinstance(kind.of, Instance) else bound_of(kind.of)
        if isinstance(of, Tuple):
            of = tuple_instance(of)
        if not isinstance(of, Instance):
            return UNKNOWN
        listed, whole = self._solver.lineages.of(of)
        for ancestor, inner in listed:
            if ancestor.name == "builtins.object" and self._is_of_classes(name):
                break
            member = ancestor.own(name)
            if member is not None:
                mapping: Mapping = {**mapping_of(ancestor, inner), SELF: of}
                if member.kind == "class method":
                    return self.bind(substitute(member.type, mapping), kind)
                if member.kind == "property":
                    return UNKNOWN
                return substitute(member.type, mapping)
        if not whole:
            return UNKNOWN
        return self._of_instance(metaclass_of(listed), name)

    def _is_of_classes(self, name: str) -> bool:
        """Whether classes have an attribute of their own, whatever `object` says of that of its values."""
        found = self._solver.world.find("builtins.type")
        member = found.own(name) if found is not None else None
        return name == "__doc__" or (member is not None and member.kind in ("property", "variable"))

    def bind(self, kind: Type, receiver: Type) -> Type:
        """A function as the method of a value: without its first parameter."""
        bound = [self._bind(one, receiver) for one in signatures_of(kind)]
        return overloaded([one for one in bound if one is not None]) or UNKNOWN

    def _bind(self, kind: Callable, receiver: Type) -> Callable | None:
        if not kind.parameters:
            return kind
        first, *others = kind.parameters
        if first.kind in ("*", "keyword", "**"):
            return kind
        if first.type is not UNKNOWN:
            found: Mapping = {}
            if self._solver.fits(first.type, receiver, found) is False:
                return None
            kind = substituted(kind, found)
            others = list(kind.parameters or ())[1:]
        return Callable(tuple(others), kind.returns, kind.name, kind.rest, kind.guard, kind.exact)
