"""Reads types as mypy prints them, and says whether one of ours contradicts one of its.

Two types agree where a value may be of both by what the classes declare: they are the same, one's class inherits from
the other's, or one says no more than `object`. Of a union it is enough that all of its members agree with a member of
the other, one way or the other: a part of what mypy says, or more than it says, is no contradiction. `Any` and unknown
agree with all, in type arguments too; a literal agrees with its class and with itself alone; int agrees with float,
which PEP 484 lets it stand for. Of functions what they return is compared, of tuples length and items.
"""

import builtins
import re

from analysis.types.kinds import (
    AGAIN,
    ANY,
    NEVER,
    NO_LIMIT,
    NONE,
    OBJECT,
    OWN,
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
    join,
    members_of,
    signatures_of,
    tuple_instance,
    variables_of,
)
from analysis.types.solving import Solver
from analysis.types.substitution import closed

TOKEN = re.compile(
    r"""\s*(?:(?P<literal>b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_][\w.@]*(?:`-?\d+)?)|(?P<number>-?\d+)"""
    r"""|(?P<dots>\.\.\.)|(?P<arrow>->)|(?P<sign>[\[\](){},|?=:*/<>]))"""
)
PROMOTED = (
    ("builtins.int", "builtins.float"),
    ("builtins.float", "builtins.complex"),
    ("builtins.int", "builtins.complex"),
)


class Reader:
    """Reads one type; what is not understood is unknown."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = TOKEN.match(text, place)
            if match is None:
                self.tokens.append(("other", text[place]))
                place += 1
                continue
            place = match.end()
            self.tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
        self.place = 0
        self.variables: set[str] = set()  # of functions

    def peek(self) -> str:
        """The next token."""
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        """Takes the next token."""
        self.place += 1
        return self.tokens[self.place - 1] if self.place <= len(self.tokens) else ("", "")

    def union(self) -> Type:
        """Types with bars between them."""
        found = [self.one()]
        while self.peek() == "|":
            self.next()
            found.append(self.one())
        return join(found, NO_LIMIT)

    def one(self) -> Type:
        """A type without bars."""
        kind, text = self.next()
        if text == "(" and self.peek() == ")":
            self.next()
            return UNKNOWN
        if text == "(":
            inner = self.union()
            self.next()
            return inner
        if text == "def":
            return self.function()
        if kind != "name":
            return UNKNOWN
        if text == "Overload":
            return self.overload()
        if text == "Literal":
            return self.literals()
        if text in self.variables:
            return UNKNOWN
        if "`" in text:
            if self.peek() == "=":
                self.skip(("]", ",", "|"))
            return TypeVariable(text.partition("`")[0].rpartition(".")[2], "")
        arguments = self.arguments() if self.peek() == "[" else []
        if self.peek() == "?":
            self.next()
        return made(text, arguments)

    def arguments(self) -> list[Type]:
        """Types in brackets. An ellipsis is unknown, and a fallback stands alone."""
        found: list[Type] = []
        self.next()
        while self.peek() not in ("]", ""):
            kind, text = self.tokens[self.place]
            if kind == "dots":
                self.next()
                found.append(DOTS)
            elif text == "fallback":
                self.next()
                self.next()
                found.append(ClassObject(self.one()))
            elif text == "[" and kind == "sign":  # of a ParamSpec
                self.balanced()
                found.append(UNKNOWN)
            elif text == "*" and kind == "sign":
                self.next()
                self.one()
                found.append(STARRED)
            else:
                found.append(self.union())
            if self.peek() != "]":
                self.next()
        self.next()
        return found

    def literals(self) -> Type:
        """`Literal[1]?` and others."""
        found: list[Type] = []
        self.next()
        while self.peek() not in ("]", ""):
            kind, text = self.next()
            if kind == "literal":
                found.append(Literal("builtins.bytes" if text.startswith("b") else "builtins.str", repr(eval(text))))
            elif kind == "number":
                found.append(Literal("builtins.int", text))
            elif text in ("True", "False"):
                found.append(Literal("builtins.bool", text))
            elif kind == "name":  # a member of an enumeration
                found.append(made(text.rpartition(".")[0], []))
        self.next()
        if self.peek() == "?":
            self.next()
        return join(found, NO_LIMIT)

    def function(self) -> Type:
        """`def (…) -> T`, from behind the word."""
        if self.peek() == "[":
            start = self.place
            self.balanced()
            self.variables.update(one for kind, one in self.tokens[start : self.place] if kind == "name")
        self.balanced()
        if self.peek() != "->":
            return Callable(None, UNKNOWN)
        self.next()
        return Callable(None, self.union())

    def overload(self) -> Type:
        """`Overload(def …, def …)`."""
        self.next()
        found: list[Callable] = []
        while self.peek() not in (")", ""):
            inner = self.union()
            if isinstance(inner, Callable):
                found.append(inner)
            if self.peek() == ",":
                self.next()
        self.next()
        return Overloaded(tuple(found))

    def balanced(self) -> None:
        """Passes over brackets and what is in them."""
        depth = 0
        while self.place < len(self.tokens):
            _, text = self.next()
            depth += text in ("(", "[", "{")
            depth -= text in (")", "]", "}")
            if depth == 0:
                return

    def skip(self, until: tuple[str, ...]) -> None:
        """Passes over what stands before one of these."""
        while self.peek() and self.peek() not in until:
            self.next()


DOTS, STARRED = Special("..."), Special("*")
ALIASES = (Instance("types.GenericAlias"), Instance("typing._SpecialForm"))  # `list[int]` as a value: a class to us


def made(name: str, arguments: list[Type]) -> Type:
    """A type by its printed name."""
    simple = {"Any": ANY, "None": NONE, "Never": NEVER, "NoReturn": NEVER, "object": OBJECT}
    if name in simple:
        return simple[name]
    if name.startswith("one.two.three."):  # one of the file's own
        name = OWN + name.split(".", 4)[-1].partition("@")[0]
    elif "." not in name:
        if not hasattr(builtins, name):
            return UNKNOWN  # a name that mypy could not resolve
        name = f"builtins.{name}"
    if name == "builtins.tuple":
        if arguments and isinstance(arguments[-1], ClassObject):
            return arguments[-1].of
        if STARRED in arguments:
            return Instance(name, (UNKNOWN,))
        if len(arguments) == 2 and arguments[1] is DOTS:
            return Instance(name, (arguments[0],))
        return Tuple(() if arguments == [UNKNOWN] else tuple(arguments))
    if name == "builtins.type" and arguments:
        return ClassObject(arguments[0])
    if name in ("builtins.TypedDict", "builtins.Overload", "builtins.Unpack"):
        return UNKNOWN
    return Instance(name, tuple(arguments))


def read_type(text: str) -> Type:
    """A type as mypy prints it; unknown where it is not understood."""
    return UNKNOWN if "<" in text or "TypedDict" in text else Reader(text).union()


def agree(ours: Type, theirs: Type, solver: Solver) -> bool:
    """Whether the two do not contradict each other."""
    if isinstance(ours, Special) or isinstance(theirs, Special) or ours == theirs or OBJECT in (ours, theirs):
        return True
    if isinstance(ours, Union) or isinstance(theirs, Union):
        mine, others = members_of(ours), members_of(theirs)
        return all(any(agree(one, other, solver) for other in others) for one in mine) or all(
            any(agree(one, other, solver) for one in mine) for other in others
        )
    if isinstance(ours, TypeVariable) or isinstance(theirs, TypeVariable):
        return _variables(ours, theirs)
    if isinstance(ours, Literal) and isinstance(theirs, Literal):
        return ours == theirs
    ours, theirs = (Instance(one.of) if isinstance(one, Literal) else one for one in (ours, theirs))
    if isinstance(ours, ClassObject) and theirs in ALIASES:
        return True
    if isinstance(ours, Callable | Overloaded | ClassObject) and not isinstance(theirs, Instance):
        return _callables(ours, theirs, solver)
    if isinstance(ours, Tuple) and isinstance(theirs, Tuple):
        return len(ours.items) == len(theirs.items) and all(
            agree(one, other, solver) for one, other in zip(ours.items, theirs.items, strict=True)
        )
    return _instances(_plain(ours), _plain(theirs), solver)


def _variables(ours: Type, theirs: Type) -> bool:
    first, *second = [one for one in (ours, theirs) if isinstance(one, TypeVariable)]
    if second:
        return first.name == second[0].name
    return first.name == "Self" or first.bound is not None


def _callables(ours: Type, theirs: Type, solver: Solver) -> bool:
    if isinstance(ours, ClassObject) and isinstance(theirs, ClassObject):
        return agree(ours.of, theirs.of, solver)
    if not isinstance(theirs, Callable | Overloaded | ClassObject):
        return False
    returned = [[closed(one.returns, variables_of(one)) for one in _items(side)] for side in (ours, theirs)]
    return agree(join(returned[0], NO_LIMIT), join(returned[1], NO_LIMIT), solver)


def _items(kind: Type) -> tuple[Callable, ...]:
    return (Callable(None, kind.of),) if isinstance(kind, ClassObject) else signatures_of(kind)


def _plain(kind: Type) -> Type:
    match kind:
        case Tuple():
            return tuple_instance(kind)
        case ModuleObject():
            return Instance("types.ModuleType")
        case ClassObject():
            return Instance("builtins.type")
        case Callable() | Overloaded():
            return Instance("types.FunctionType")
    return kind


def _instances(ours: Type, theirs: Type, solver: Solver) -> bool:
    if not isinstance(ours, Instance) or not isinstance(theirs, Instance):
        return False
    if ours.name.rstrip(AGAIN) == theirs.name:
        theirs = Instance(ours.name, theirs.arguments)
    if (ours.name, theirs.name) in PROMOTED or (theirs.name, ours.name) in PROMOTED:
        return True
    below, above = ours, theirs
    seen = solver.lineages.seen_as(below, above.name)
    if seen is None:
        below, above = theirs, ours
        seen = solver.lineages.seen_as(below, above.name)
    if seen is None:
        fits = solver.fits(ours, theirs, {}), solver.fits(theirs, ours, {})
        return None in fits or True in fits  # protocols
    pairs = zip(seen.arguments, above.arguments, strict=False)
    return all(agree(one, other, solver) for one, other in pairs)
