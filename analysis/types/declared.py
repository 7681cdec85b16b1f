"""What a name can mean where types are written, and what a class declares: records between the readers of stubs and
of sources and those who ask them."""

from collections.abc import Callable as Function
from dataclasses import dataclass, field

from analysis.types.kinds import UNKNOWN, Instance, ModuleObject, Type, TypeVariable


@dataclass(frozen=True)
class Form:
    """A special form of `typing`: `Union`, `Optional`, `Literal` …"""

    name: str


@dataclass(frozen=True)
class Alias:
    """Another name for a type; what it leaves open stands in its parameters."""

    type: Type
    parameters: tuple[TypeVariable, ...] = ()


@dataclass(frozen=True)
class Value:
    """A variable or function: no type itself, but of one."""

    type: Type


@dataclass(frozen=True)
class Member:
    """What a class says of one of its attributes."""

    kind: str  # "variable", "method", "class method", "static method", "property"
    type: Type  # of a property, what it gives


@dataclass(eq=False)
class Class:
    """One class. What is costly is worked out when it is first asked for."""

    name: str  # full
    read: Function[["Class"], None]  # sets what follows
    find: Function[[str], Member | None]  # its own attributes
    nested: Function[[str], "Meaning"] = lambda _name: None
    _ready: bool = False
    _parameters: tuple[TypeVariable, ...] = ()
    _bases: tuple[Type, ...] = ()
    whole: bool = True  # whether all of its bases are known
    protocol: bool = False
    typed_dict: bool = False
    enumeration: bool = False
    named: bool = False  # a named tuple
    metaclass: Type | None = None
    fields: Function[[], tuple[tuple[str, Type], ...] | None] = lambda: None  # of a named tuple
    names: Function[[], tuple[str, ...]] = tuple  # of its own attributes
    lasting: bool = True  # what it says of its attributes stays the same
    found: dict[str, Member | None] = field(default_factory=dict)

    def ready(self) -> "Class":
        """Itself, with its bases read."""
        if not self._ready:
            self._ready = True  # before, for classes that name themselves in their bases
            self.read(self)
        return self

    @property
    def parameters(self) -> tuple[TypeVariable, ...]:
        """Its type parameters."""
        return self.ready()._parameters

    @property
    def bases(self) -> tuple[Type, ...]:
        """Its known bases, as instances."""
        return self.ready()._bases

    def declare(self, parameters: tuple[TypeVariable, ...], bases: tuple[Type, ...]) -> None:
        """Called by `read`."""
        self._parameters, self._bases = parameters, bases

    def own(self, name: str) -> Member | None:
        """What this class itself says of an attribute."""
        if name in self.found:
            return self.found[name]
        self.found[name] = None  # an attribute that needs itself is not known
        member = self.find(name)
        if self.lasting:
            self.found[name] = member
        else:
            del self.found[name]
        return member

    def instance(self) -> Instance:
        """A value of it, within it: its parameters stand for themselves."""
        return Instance(self.name, self.parameters)

    def bare(self, default: Type = UNKNOWN) -> Instance:
        """A value of it where its parameters are not said."""
        return Instance(self.name, tuple(one.default or default for one in self.parameters))


Meaning = Class | Form | Alias | Value | TypeVariable | ModuleObject | None
