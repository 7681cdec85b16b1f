"""A class's ancestors, each with what its type parameters stand for, in the order in which attributes are looked up."""

from typing import Protocol

from analysis.types.declared import Class
from analysis.types.kinds import UNKNOWN, Instance, Tuple, Type, TypeVariable, tuple_instance
from analysis.types.substitution import substitute


class World(Protocol):
    """Whoever knows classes by their full names."""

    def find(self, full_name: str) -> Class | None:
        """A class, or None where there is none such."""


class Lineages:
    """Ancestors, worked out once for each class."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, tuple[tuple[Instance, ...], bool]] = {}

    def of(self, kind: Instance) -> tuple[list[tuple[Class, Instance]], bool]:
        """Classes and what they are within this one, itself first; and whether these are all."""
        general, whole = self._general(kind.name)
        found = self._world.find(kind.name)
        if found is None:
            return [], False
        mapping = mapping_of(found, kind)
        listed: list[tuple[Class, Instance]] = []
        for one in general:
            ancestor = self._world.find(one.name)
            if ancestor is not None:
                inner = substitute(one, mapping)
                listed.append((ancestor, inner if isinstance(inner, Instance) else one))
        return listed, whole

    def _general(self, name: str) -> tuple[tuple[Instance, ...], bool]:
        if name in self._known:
            return self._known[name]
        found = self._world.find(name)
        if found is None:
            return (), False
        self._known[name] = ((found.instance(),), False)  # for a class that inherits from itself
        ordered: list[Instance] = [found.instance()]
        whole = found.whole
        for base in found.bases:
            one = as_instance(base)
            listed, known = self.of(one)
            whole = whole and known
            ordered += [inner for _, inner in listed if inner.name != "builtins.object"]
        last = {one.name: place for place, one in enumerate(ordered)}
        kept = [one for place, one in enumerate(ordered) if last[one.name] == place]
        if name != "builtins.object":
            kept.append(Instance("builtins.object"))
        self._known[name] = (tuple(kept), whole)
        return self._known[name]

    def seen_as(self, kind: Instance, name: str) -> Instance | None:
        """A value of a class as one of its ancestor: `list[int]` as `Iterable[int]`. None where it is none."""
        if kind.name == name:
            return kind
        general, _ = self._general(kind.name)
        for one in general:
            if one.name == name:
                found = self._world.find(kind.name)
                inner = substitute(one, mapping_of(found, kind)) if found is not None else one
                return inner if isinstance(inner, Instance) else None
        return None

    def whole(self, kind: Instance) -> bool:
        """Whether all of its ancestors are known."""
        return self._general(kind.name)[1]


def mapping_of(found: Class, kind: Instance) -> dict[TypeVariable, Type]:
    """What a class's parameters stand for in a value of it."""
    parameters = found.parameters
    if not parameters:
        return {}
    arguments = kind.arguments
    return {one: arguments[place] if place < len(arguments) else UNKNOWN for place, one in enumerate(parameters)}


def fields_of(found: Class, kind: Instance) -> list[Type]:
    """What the fields of a named tuple are in a value of it."""
    mapping = mapping_of(found, kind)
    return [substitute(one, mapping) for _, one in found.fields() or ()]


def metaclass_of(lineage: list[tuple[Class, Instance]]) -> Instance:
    """The class of the class that a lineage begins with."""
    meta = next((one.metaclass for one, _ in lineage if one.metaclass is not None), None)
    return meta if isinstance(meta, Instance) else Instance("builtins.type")


def as_instance(kind: Type) -> Instance:
    """A base class as an instance: a tuple of known length is a `tuple` too."""
    if isinstance(kind, Tuple):
        return tuple_instance(kind)
    return kind if isinstance(kind, Instance) else Instance("builtins.object")
