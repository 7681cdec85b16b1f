"""What calls give: meets parameters with arguments, solves type variables, chooses among overloads.

Attributes are looked up in `lookup`, and whether types fit is said by `fitting`.
"""

from analysis.types.arguments import Argument, paired
from analysis.types.declared import Class, Member
from analysis.types.fitting import DEEPEST, Fitting, every
from analysis.types.kinds import (
    INT,
    NONE,
    OWN,
    SELF,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    Overloaded,
    Special,
    Tuple,
    Type,
    TypeVariable,
    Union,
    element_of,
    is_unknown,
    join,
    overloaded,
    signatures_of,
    variables_of,
)
from analysis.types.lineage import Lineages, World, mapping_of
from analysis.types.lookup import Lookup
from analysis.types.stubs import Typeshed
from analysis.types.substitution import Mapping, closed, defaults, substitute

MOST_ANSWERS = 3  # of overloads that may all be meant


class Solver:
    """Answers for one file: its own classes and the standard library's."""

    def __init__(self, world: World, typeshed: Typeshed) -> None:
        self.world = world
        self.typeshed = typeshed
        self.lineages = Lineages(world)
        self._fitting = Fitting(self)
        self._lookup = Lookup(self)
        self._depth = 0

    def attribute(self, kind: Type, name: str) -> Type:
        """What `value.name` is."""
        return self._lookup.attribute(kind, name)

    def member(self, kind: Instance, name: str) -> tuple[Member, Class, Instance] | None:
        """The member of a class or its ancestors, and where it was found."""
        return self._lookup.member(kind, name)

    def bound(self, member: Member, owner: Class, inner: Instance, receiver: Instance) -> Type:
        """What a member is for a value of a class, where it was found in one of its ancestors."""
        return self._lookup.bound(member, owner, inner, receiver)

    def bind(self, kind: Type, receiver: Type) -> Type:
        """A function as the method of a value: without its first parameter."""
        return self._lookup.bind(kind, receiver)

    def fits(self, formal: Type, actual: Type, found: Mapping) -> bool | None:
        """Whether a value of `actual` may stand where `formal` is asked for; solves the variables of `formal`."""
        return self._fitting.fits(formal, actual, found)

    def call(self, callee: Type, arguments: list[Argument]) -> Type:
        """What calling this with these gives."""
        if self._depth > DEEPEST:
            return UNKNOWN
        self._depth += 1
        try:
            return self._call(callee, arguments)
        finally:
            self._depth -= 1

    def _call(self, callee: Type, arguments: list[Argument]) -> Type:
        match callee:
            case Callable():
                _, returns = self.match(callee, arguments)
                return returns
            case Overloaded():
                return self._choose(callee, arguments)
            case ClassObject():
                return self._construct(callee, arguments)
            case Instance():
                return self.call(self.attribute(callee, "__call__"), arguments)
            case Union():
                return join([self.call(one, arguments) for one in callee.members if one != NONE])
        return UNKNOWN

    def _choose(self, callee: Overloaded, arguments: list[Argument], expand: bool = True) -> Type:
        possible: list[Type] = []
        for item in callee.items:
            answer, returns = self.match(item, arguments)
            if answer is False:
                continue
            possible.append(returns)
            if answer:
                break
        if not possible and expand:
            for place, one in enumerate(arguments):
                if isinstance(one.type, Union):
                    apart = [
                        [*arguments[:place], Argument(member, one.kind), *arguments[place + 1 :]]
                        for member in one.type.members
                    ]
                    return join([self._choose(callee, given, False) for given in apart])
        if not possible:  # an error of the code, or of ours: where all give the same it does not matter
            possible = [closed(item.returns, variables_of(item)) for item in callee.items]
            return possible[0] if all(one == possible[0] for one in possible) else UNKNOWN
        distinct = list(dict.fromkeys(possible))
        if len(distinct) == 1:
            return distinct[0]
        return join(distinct) if len(distinct) <= MOST_ANSWERS else UNKNOWN

    def match(self, callee: Callable, arguments: list[Argument]) -> tuple[bool | None, Type]:
        """Whether the arguments fit, and what is then returned."""
        found: Mapping = {}
        pairs = paired(callee, arguments)
        if pairs is None:
            return False, closed(callee.returns, variables_of(callee))
        answers: list[bool | None] = [None for one in arguments if one.kind in ("*", "**")]
        late = []
        for formal, actual in pairs:
            if isinstance(formal, Callable) and not isinstance(actual, Special):
                late.append((formal, actual))  # after what its parameters are given
            else:
                answers.append(self.fits(formal, actual, found))
        answers += [self.fits(formal, actual, found) for formal, actual in late]
        returns = callee.returns
        own = variables_of(callee)
        if own:
            returns = substitute(returns, defaults(own, found))
        return every(answers), returns

    def _construct(self, callee: ClassObject, arguments: list[Argument]) -> Type:
        of = callee.of
        if isinstance(of, TypeVariable):
            return of
        if isinstance(of, Union):
            return join([self._construct(ClassObject(one), arguments) for one in of.members])
        if not isinstance(of, Instance):
            return of if isinstance(of, Tuple) else UNKNOWN
        found = self.world.find(of.name)
        if found is None or not found.parameters or any(not is_unknown(one) for one in of.arguments):
            return of
        whole = found.instance()
        for ancestor, inner in self.lineages.of(whole)[0]:
            for name in ("__new__", "__init__"):
                member = ancestor.own(name)
                if member is None or ancestor.name == "builtins.object":
                    continue
                if name == "__new__" and ancestor.own("__init__") is not None:
                    continue
                mapping: Mapping = {**mapping_of(ancestor, inner), SELF: whole}
                made = maker(substitute(member.type, mapping), whole, name)
                result = self.call(made, arguments) if made is not None else UNKNOWN
                return result if isinstance(result, Instance | Tuple) else found.bare()
        return found.bare()

    def iterated(self, kind: Type) -> Type:
        """What iterating over it gives."""
        seen: Instance | None = None
        match kind:
            case Union():
                return join([self.iterated(one) for one in kind.members if one != NONE])
            case Tuple():
                return element_of(kind.items)
            case Literal() | Instance():
                inner = Instance(kind.of) if isinstance(kind, Literal) else kind
                seen = self.lineages.seen_as(inner, "typing.Iterable")
                if seen is not None and seen.arguments and not inner.name.startswith(OWN):
                    return seen.arguments[0]
            case ClassObject(of=Instance() as of):
                found = self.world.find(of.name)
                if found is not None and found.ready().enumeration:
                    return of
        iterator = self.call(self.attribute(kind, "__iter__"), [])
        if is_unknown(iterator):
            if seen is not None and seen.arguments:
                return seen.arguments[0]
            return self.call(self.attribute(kind, "__getitem__"), [Argument(INT)]) if not is_unknown(kind) else UNKNOWN
        return self.call(self.attribute(iterator, "__next__"), [])

    def awaited(self, kind: Type) -> Type:
        """What awaiting it gives."""
        if isinstance(kind, Union):
            return join(map(self.awaited, kind.members))
        if isinstance(kind, Instance):
            seen = self.lineages.seen_as(kind, "typing.Awaitable")
            if seen is not None and seen.arguments:
                return seen.arguments[0]
            generator = self.call(self.attribute(kind, "__await__"), [])
            if isinstance(generator, Instance) and generator.name == "typing.Generator":
                return generator.arguments[2]
        return UNKNOWN

    def method(self, kind: Type, name: str, *arguments: Type) -> Type:
        """What calling a method of a value gives."""
        return self.call(self.attribute(kind, name), [Argument(one) for one in arguments])


def maker(kind: Type, whole: Instance, name: str) -> Type | None:
    """`__init__` or `__new__` as a function from arguments to the value."""
    made: list[Callable] = []
    for item in signatures_of(kind):
        parameters = item.parameters or ()
        if not parameters or parameters[0].kind in ("*", "**"):
            made.append(Callable(item.parameters, whole))
            continue
        first = parameters[0].type
        returns = item.returns if name == "__new__" else first if isinstance(first, Instance) else whole
        if name == "__new__" and is_unknown(returns):
            returns = whole
        made.append(Callable(parameters[1:], returns, "", item.rest))
    return overloaded(made)
