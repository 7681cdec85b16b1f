"""What type inference says of a file: the types of its names, of what its functions return, and of any expression."""

from analysis.syntax import Place
from analysis.types.kinds import UNKNOWN, Type
from analysis.types.printing import show
from hone.records import Record


class TypedName(Record, frozen=True):
    """A place that gives a name its value, or declares it."""

    name: str
    scope: str  # the qualified name of the function or class around it; empty for the module
    place: Place
    type: str  # `unknown` where nothing is known
    # Where it comes from: "literal", "container", "operator", "annotation", "definition", "import", "constructor …",
    # "call …", "typeshed …", "attribute …", "item", "loop", "with", "narrowing" …; empty where it is unknown
    source: str


class TypedReturn(Record, frozen=True):
    """What a function returns when it is called; of a coroutine, what awaiting it gives, in `Coroutine`."""

    function: str  # its qualified name
    place: Place
    type: str
    source: str  # "annotation", "return statements", "no return", "yield"; empty where it is unknown


class Typed(Record, frozen=True):
    """An expression's type."""

    type: Type
    source: str

    def __str__(self) -> str:
        return show(self.type)


NOTHING = Typed(UNKNOWN, "")


class Types:
    """The types of a file, in the order of its lines."""

    __slots__ = ("_expressions", "names", "returns")

    def __init__(
        self,
        names: tuple[TypedName, ...] = (),
        returns: tuple[TypedReturn, ...] = (),
        expressions: dict[tuple[int, int], Typed] | None = None,
    ) -> None:
        self.names = names
        self.returns = returns
        self._expressions = expressions or {}

    def at(self, start: int, end: int) -> Typed | None:
        """The type of the expression that stands between these bytes, as far as the code there is reached.

        None where no expression does; its type is `kinds.UNKNOWN` where nothing is known.
        """
        return self._expressions.get((start, end))
