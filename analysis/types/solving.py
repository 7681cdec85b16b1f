"""What attributes and calls give: looks up members, fits arguments to parameters, solves type variables, chooses among
overloads. `True`, `False` and None (cannot be told) say whether one type fits another.
"""

from dataclasses import dataclass

from analysis.types.annotations import value_of
from analysis.types.declared import Class, Member
from analysis.types.kinds import (
    INT,
    NEVER,
    NONE,
    OBJECT,
    SELF,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    ModuleObject,
    Overloaded,
    Special,
    Tuple,
    Type,
    TypeVariable,
    Union,
    element_of,
    is_unknown,
    join,
    members_of,
    walk,
    widen,
)  # fmt: skip
from analysis.types.lineage import Lineages, World, mapping_of
from analysis.types.stubs import Typeshed
from analysis.types.substitution import Mapping, closed, substitute, substituted

DEEPEST = 12
PROMOTED = {"builtins.float": ("builtins.int", "builtins.bool"), "builtins.complex": ("builtins.float", "builtins.int")}
FUNCTION = Instance("types.FunctionType")
MOST_ANSWERS = 3  # of overloads that may all be meant


@dataclass(frozen=True)
class Argument:
    """One argument of a call."""

    type: Type
    kind: str = ""  # "" by position, "*", "**", or the parameter's name


class Solver:
    """Answers for one file: its own classes and the standard library's."""

    def __init__(self, world: World, typeshed: Typeshed) -> None:
        self.world = world
        self._typeshed = typeshed
        self.lineages = Lineages(world)
        self._depth = 0
        self._attributes: dict[tuple[Type, str], Type] = {}

    # Attributes

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
                return value_of(self._typeshed.meaning(kind.name, name))
            case Callable() | Overloaded():
                return self._of_instance(FUNCTION, name)
            case TypeVariable():
                upper = bound_of(kind)
                return self._attribute(upper, name) if upper is not UNKNOWN else UNKNOWN
        return UNKNOWN

    def _of_instance(self, kind: Instance, name: str) -> Type:
        key = (kind, name)
        if key not in self._attributes or kind.name.startswith("@"):
            self._attributes[key] = self._looked_up(kind, name)
        return self._attributes[key]

    def _looked_up(self, kind: Instance, name: str) -> Type:
        found = self.member(kind, name)
        if found is not None:
            return self.bound(found[0], found[1], found[2], kind)
        if name != "__getattr__" and self.lineages.whole(kind):
            getter = self.member(kind, "__getattr__")
            if getter is not None:
                return returns_of(self.bound(*getter, kind))
        return UNKNOWN

    def member(self, kind: Instance, name: str) -> tuple[Member, Class, Instance] | None:
        """The member of a class or its ancestors, and where it was found."""
        for ancestor, inner in self.lineages.of(kind)[0]:
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
        """What an attribute gives that may be a descriptor, such as `cached_property`."""
        if isinstance(kind, Instance) and kind.name == "functools.cached_property":
            return kind.arguments[0] if kind.arguments else UNKNOWN
        if isinstance(kind, Instance) and kind.name in ("builtins.property", "types.DynamicClassAttribute"):
            return UNKNOWN
        return kind

    def _of_class(self, kind: ClassObject, name: str) -> Type:
        of = kind.of if isinstance(kind.of, Instance) else bound_of(kind.of)
        if isinstance(of, Tuple):
            of = tuple_instance(of)
        if not isinstance(of, Instance):
            return UNKNOWN
        listed, whole = self.lineages.of(of)
        for ancestor, inner in listed:
            if ancestor.name == "builtins.object" and name in ("__doc__", "__module__", "__class__", "__eq__"):
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
        meta = next((one.metaclass for one, _ in listed if one.metaclass is not None), None)
        return self._of_instance(meta if isinstance(meta, Instance) else Instance("builtins.type"), name)

    def bind(self, kind: Type, receiver: Type) -> Type:
        """A function as the method of a value: without its first parameter."""
        if isinstance(kind, Callable):
            return self._bind(kind, receiver) or UNKNOWN
        if isinstance(kind, Overloaded):
            items = [one for one in (self._bind(item, receiver) for item in kind.items) if one is not None]
            return Overloaded(tuple(items)) if len(items) > 1 else items[0] if items else UNKNOWN
        return UNKNOWN

    def _bind(self, kind: Callable, receiver: Type) -> Callable | None:
        if not kind.parameters:
            return kind
        first, *others = kind.parameters
        if first.kind in ("*", "keyword", "**"):
            return kind
        if first.type is not UNKNOWN:
            found: Mapping = {}
            if self.fits(first.type, receiver, found) is False:
                return None
            kind = substituted(kind, found)
            others = list(kind.parameters or ())[1:]
        return Callable(tuple(others), kind.returns, kind.name, kind.rest, kind.guard, kind.exact)

    # Fitting

    def fits(self, formal: Type, actual: Type, found: Mapping) -> bool | None:
        """Whether a value of `actual` may stand where `formal` is asked for; solves the variables of `formal`."""
        if isinstance(formal, TypeVariable):
            return self._solve(formal, actual, found)
        if is_unknown(formal) or formal == OBJECT:
            return True
        if is_unknown(actual):
            for one in walk(formal):
                if isinstance(one, TypeVariable):
                    found.setdefault(one, UNKNOWN)
            return None
        if formal == actual or actual == NEVER:
            return True
        if self._depth > DEEPEST:
            return None
        self._depth += 1
        try:
            if isinstance(actual, Union):
                return every(self.fits(formal, one, found) for one in self._apart(formal, actual))
            if isinstance(formal, Union):
                return self._one_of(formal, actual, found)
            if isinstance(actual, TypeVariable):
                upper = bound_of(actual)
                return self.fits(formal, upper, found) if upper is not UNKNOWN else None
            return self._fits(formal, actual, found)
        finally:
            self._depth -= 1

    def _apart(self, formal: Type, actual: Union) -> tuple[Type, ...]:
        """The members of `actual` that `formal` does not name already."""
        named = set(members_of(formal)) if isinstance(formal, Union) else set()
        if any(isinstance(one, TypeVariable) for one in named):
            return tuple(one for one in actual.members if one not in named) or (NEVER,)
        return actual.members

    def _one_of(self, formal: Union, actual: Type, found: Mapping) -> bool | None:
        plain = [one for one in formal.members if not isinstance(one, TypeVariable)]
        unclear = False
        for one in plain:
            trial = dict(found)
            answer = self.fits(one, actual, trial)
            if answer:
                found.update(trial)
                return True
            unclear = unclear or answer is None
        for one in formal.members:
            if isinstance(one, TypeVariable):
                return self._solve(one, actual, found)
        return None if unclear else False

    def _solve(self, variable: TypeVariable, actual: Type, found: Mapping) -> bool | None:
        if variable == actual:
            found.setdefault(variable, actual)
            return True
        actual = widen(actual)
        if is_unknown(actual):
            found[variable] = UNKNOWN
            return None
        if variable.constraints:
            for one in variable.constraints:
                if self.fits(one, actual, {}):
                    found[variable] = one if variable not in found else join([found[variable], one])
                    return True
            found.setdefault(variable, UNKNOWN)
            return None if isinstance(actual, Union) else False
        if variable.bound is not None and self.fits(variable.bound, actual, {}) is False:
            found.setdefault(variable, UNKNOWN)
            return False
        if variable in found and found[variable] != actual:
            actual = self.wider(found[variable], actual)
        found[variable] = actual
        return True

    def wider(self, one: Type, other: Type) -> Type:
        """The one that holds the other, or their union."""
        if is_unknown(one) or is_unknown(other):
            return UNKNOWN
        if not any(isinstance(part, TypeVariable) for part in walk(one)) and self.fits(one, other, {}):
            return one
        if self.fits(other, one, {}):
            return other
        return join([one, other])

    def _fits(self, formal: Type, actual: Type, found: Mapping) -> bool | None:
        match formal:
            case Literal():
                return actual == formal
            case Tuple():
                return self._fits_tuple(formal, actual, found)
            case Callable() | Overloaded():
                return self._fits_callable(formal if isinstance(formal, Callable) else formal.items[0], actual, found)
            case ClassObject():
                if isinstance(actual, ClassObject):
                    return self.fits(formal.of, actual.of, found)
                return None if isinstance(actual, Instance) and actual.name == "builtins.type" else False
            case Instance():
                return self._fits_instance(formal, actual, found)
        return None

    def _fits_tuple(self, formal: Tuple, actual: Type, found: Mapping) -> bool | None:
        if isinstance(actual, Tuple):
            if len(actual.items) != len(formal.items):
                return False
            return every([self.fits(one, other, found) for one, other in zip(formal.items, actual.items, strict=True)])
        if isinstance(actual, Instance) and actual.name == "builtins.tuple":
            return every([None, *(self.fits(one, actual.arguments[0], found) for one in formal.items)])
        return False

    def _fits_instance(self, formal: Instance, actual: Type, found: Mapping) -> bool | None:
        match actual:
            case Literal():
                actual = Instance(actual.of)
            case Tuple():
                actual = tuple_instance(actual)
            case ClassObject():
                return self._class_fits(formal, actual, found)
            case Callable() | Overloaded():
                if formal.name == "typing.Callable":
                    return True
                return self._structure(formal, FUNCTION, found)
            case ModuleObject():
                actual = Instance("types.ModuleType")
        if not isinstance(actual, Instance):
            return None
        if actual.name in PROMOTED.get(formal.name, ()):
            return True
        seen = self.lineages.seen_as(actual, formal.name)
        if seen is not None:
            pairs = zip(formal.arguments, seen.arguments, strict=False)
            return every([self.fits(one, other, found) for one, other in pairs])
        if not self.lineages.whole(actual):
            return None
        return self._structure(formal, actual, found)

    def _class_fits(self, formal: Instance, actual: ClassObject, found: Mapping) -> bool | None:
        if formal.name == "builtins.type":
            return True
        of = actual.of if isinstance(actual.of, Instance) else OBJECT
        meta = next((one.metaclass for one, _ in self.lineages.of(of)[0] if one.metaclass is not None), None)
        known = self.lineages.whole(of)
        answer = self._fits_instance(formal, meta if isinstance(meta, Instance) else Instance("builtins.type"), found)
        return answer if answer or known else None

    def _structure(self, formal: Instance, actual: Instance, found: Mapping) -> bool | None:
        """Whether a value has all that a protocol asks for."""
        protocol = self.world.find(formal.name)
        if protocol is None:
            return None
        if not protocol.ready().protocol:
            return False
        answers: list[bool | None] = []
        for ancestor, inner in self.lineages.of(formal)[0]:
            if not ancestor.ready().protocol:
                continue
            mapping: Mapping = {**mapping_of(ancestor, inner), SELF: actual}
            for name in ancestor.names():
                if name in ("__slots__", "__hash__", "__doc__"):
                    continue
                wanted = ancestor.own(name)
                given = self._of_instance(actual, name)
                if self.member(actual, name) is None:
                    return False
                if wanted is None or given is UNKNOWN:
                    answers.append(None)
                    continue
                kind = substitute(wanted.type, mapping)
                kind = self.bind(kind, UNKNOWN) if wanted.kind == "method" else kind
                kind = returns_of(kind) if wanted.kind == "property" else kind
                answers.append(self.fits(kind, given, found))
        return every(answers)

    def _fits_callable(self, formal: Callable, actual: Type, found: Mapping) -> bool | None:
        if isinstance(actual, ClassObject):
            given = [Argument(closed(substitute(one.type, found), set())) for one in formal.parameters or ()]
            made = self.call(actual, given)
            return every([None if is_unknown(made) else True, self.fits(formal.returns, made, found)])
        if isinstance(actual, Instance):
            if self.member(actual, "__call__") is None:
                return False if self.lineages.whole(actual) else None
            actual = self.attribute(actual, "__call__")
        if isinstance(actual, Overloaded):
            return self._fits_overloaded(formal, actual, found)
        if not isinstance(actual, Callable):
            return None if is_unknown(actual) else False
        return self._fits_signature(formal, actual, found)

    def _fits_overloaded(self, formal: Callable, actual: Overloaded, found: Mapping) -> bool | None:
        if formal.rest is not None:
            found[formal.rest] = Callable(None, UNKNOWN)
        if formal.parameters is not None:
            given = [Argument(substitute(one.type, found)) for one in formal.parameters]
            if not any(isinstance(part, TypeVariable) for one in given for part in walk(one.type)):
                made = self.call(actual, given)
                return every([None if is_unknown(made) else True, self.fits(formal.returns, made, found)])
        self.fits(formal.returns, UNKNOWN, found)
        return None

    def _fits_signature(self, formal: Callable, actual: Callable, found: Mapping) -> bool | None:
        wanted = formal.parameters
        taken = [one for one in actual.parameters or () if one.kind in ("positional", "positional or keyword")]
        if formal.rest is not None:
            rest = actual.parameters
            found[formal.rest] = Callable(
                rest[len(wanted or ()) :] if rest is not None else None, UNKNOWN, "", actual.rest
            )
        own = {one for one in walk(actual) if isinstance(one, TypeVariable)} - set(found)
        local: Mapping = {}
        for one, other in zip(wanted or (), taken, strict=False):
            if isinstance(one.type, TypeVariable) and one.type not in found:
                if not is_unknown(other.type) and not isinstance(other.type, TypeVariable):
                    found[one.type] = other.type
            else:
                self.fits(other.type, substitute(one.type, found), local)
        returns = closed(substitute(actual.returns, local), own - set(local)) if local or own else actual.returns
        return self.fits(formal.returns, returns, found)

    # Calls

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
                answer, returns = self.match(callee, arguments)
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
        return join(distinct) if 0 < len(distinct) <= MOST_ANSWERS else UNKNOWN

    def match(self, callee: Callable, arguments: list[Argument]) -> tuple[bool | None, Type]:
        """Whether the arguments fit, and what is then returned."""
        found: Mapping = {}
        pairs = paired(callee, arguments)
        if pairs is None:
            return False, closed(callee.returns, variables_of(callee))
        answers: list[bool | None] = []
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
            solved = {one: found[one] if one in found else one.default or UNKNOWN for one in own}
            returns = substitute(returns, solved)
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
                mapping: Mapping = {**mapping_of(ancestor, inner), SELF: whole}
                made = maker(substitute(member.type, mapping), whole, name)
                if name == "__new__" and ancestor.own("__init__") is not None:
                    continue
                result = self.call(made, arguments) if made is not None else UNKNOWN
                return result if isinstance(result, Instance | Tuple) else found.bare()
        return found.bare()

    # What values do

    def iterated(self, kind: Type) -> Type:
        """What iterating over it gives."""
        match kind:
            case Union():
                return join([self.iterated(one) for one in kind.members if one != NONE])
            case Tuple():
                return element_of(kind.items)
            case Literal() | Instance():
                inner = Instance(kind.of) if isinstance(kind, Literal) else kind
                seen = self.lineages.seen_as(inner, "typing.Iterable")
                if seen is not None and seen.arguments and not inner.name.startswith("@"):
                    return seen.arguments[0]
            case ClassObject(of=Instance()):
                found = self.world.find(kind.of.name)  # type: ignore[attr-defined]
                if found is not None and found.ready().enumeration:
                    return kind.of
        iterator = self.call(self.attribute(kind, "__iter__"), [])
        if is_unknown(iterator):
            if isinstance(kind, Instance) and seen is not None and seen.arguments:
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
    items = kind.items if isinstance(kind, Overloaded) else (kind,) if isinstance(kind, Callable) else ()
    made: list[Callable] = []
    for item in items:
        parameters = item.parameters or ()
        if not parameters or parameters[0].kind in ("*", "**"):
            made.append(Callable(item.parameters, whole))
            continue
        first = parameters[0].type
        returns = item.returns if name == "__new__" else first if isinstance(first, Instance) else whole
        if name == "__new__" and is_unknown(returns):
            returns = whole
        made.append(Callable(parameters[1:], returns, "", item.rest))
    return Overloaded(tuple(made)) if len(made) > 1 else made[0] if made else None


def paired(callee: Callable, arguments: list[Argument]) -> list[tuple[Type, Type]] | None:
    """Which parameter's type each argument meets; None where they do not fit by number or name."""
    if callee.parameters is None or callee.rest is not None:
        return []
    positional = [one for one in callee.parameters if one.kind in ("positional", "positional or keyword")]
    named = {one.name: one for one in callee.parameters if one.kind in ("keyword", "positional or keyword")}
    extra = next((one for one in callee.parameters if one.kind == "*"), None)
    others = next((one for one in callee.parameters if one.kind == "**"), None)
    pairs: list[tuple[Type, Type]] = []
    filled: set[str] = set()
    place = 0
    open_ended = False
    for one in arguments:
        if one.kind == "*":
            open_ended = True
            pairs += [(parameter.type, one.type) for parameter in positional[place:]]
            if extra is not None:
                pairs.append((extra.type, one.type))
            place = len(positional)
        elif one.kind == "**":
            open_ended = True
        elif one.kind:
            target = named.get(one.kind) or others
            if target is None or one.kind in filled:
                return None
            filled.add(one.kind)
            pairs.append((target.type, one.type))
        elif place < len(positional):
            filled.add(positional[place].name)
            pairs.append((positional[place].type, one.type))
            place += 1
        elif extra is not None:
            pairs.append((extra.type, one.type))
        elif not open_ended:
            return None
    missing = [one for one in callee.parameters if one.kind not in ("*", "**") and not one.optional]
    if not open_ended and any(one.name not in filled for one in missing if one.name):
        return None
    if not open_ended and any(not one.name for one in positional[place:] if not one.optional):
        return None
    return pairs


def every(answers: object) -> bool | None:
    """Whether all are true: False where one is false, None where one cannot be told."""
    unclear = False
    for one in answers:  # type: ignore[attr-defined]
        if one is False:
            return False
        unclear = unclear or one is None
    return None if unclear else True


def variables_of(kind: Callable) -> set[TypeVariable]:
    """The variables in a signature."""
    return {one for one in walk(kind) if isinstance(one, TypeVariable) and one != SELF}


def bound_of(variable: Type) -> Type:
    """What a type variable is at least."""
    if not isinstance(variable, TypeVariable):
        return UNKNOWN
    if variable.bound is not None:
        return variable.bound
    return UNKNOWN


def returns_of(kind: Type) -> Type:
    """What a function returns."""
    return kind.returns if isinstance(kind, Callable) else UNKNOWN


def tuple_instance(kind: Tuple) -> Instance:
    """A tuple of known length as one of any length."""
    return Instance("builtins.tuple", (element_of(kind.items),))
