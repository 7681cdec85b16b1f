"""Watches a Python program run, instruction by instruction: which definition gave each use of a name its value."""

import dis
import sys
from types import CodeType, FrameType
from typing import Any

from analysis import Module, parse
from analysis.scopes import Occurrence

FILE = "<traced>"
LOADS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME", "LOAD_GLOBAL", "DELETE_FAST", "DELETE_DEREF",
         "DELETE_NAME", "DELETE_GLOBAL")  # fmt: skip
STORES = ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL")


class Tracer:
    """Watches a program, and notes which definition each use has its value of, as bytes in the source."""

    def __init__(self, module: Module) -> None:
        self.lines = [0, *(at + 1 for at, byte in enumerate(module.source) if byte == ord("\n"))]
        self.places: dict[str, list[Occurrence]] = {}
        for one in module.occurrences:
            self.places.setdefault(one.name, []).append(one)
        self.values: dict[tuple[object, str], int] = {}  # (frame or what stands for it, name) → its definition
        self.codes: dict[CodeType, dict[int, dis.Instruction]] = {}
        self.frames: set[FrameType] = set()
        self.pairs: set[tuple[int, int]] = set()
        self.unbound: set[int] = set()

    def run(self, source: str) -> None:
        """Runs the program."""
        code = compile(source, FILE, "exec", dont_inherit=True)
        sys.settrace(self.trace)
        try:
            exec(code, {"__name__": "traced"})
        finally:
            sys.settrace(None)

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        """Called for every instruction before it is done."""
        if frame.f_code.co_filename != FILE:
            return None
        frame.f_trace_opcodes = True
        if event == "call" and frame not in self.frames:  # a generator is called again and again
            self.frames.add(frame)
            self.enter(frame)
        elif event == "opcode":
            self.step(frame)
        return self.trace

    def enter(self, frame: FrameType) -> None:
        """Parameters have their values, and variables of earlier calls none any more."""
        code = frame.f_code
        for name in code.co_cellvars:
            self.values.pop(("cell", name), None)
        flags = bool(code.co_flags & 4) + bool(code.co_flags & 8)
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]:
            if name != ".0":
                first = self.lines[code.co_firstlineno - 1]
                kind = "lambda" if code.co_name == "<lambda>" else "function"
                places = [
                    one.start
                    for one in self.places[name]
                    if one.start >= first and one.role == "store" and one.scope.kind == kind and is_parameter(one)
                ]
                self.values[self.key(frame, name)] = min(places)

    def key(self, frame: FrameType, name: str, kind: str = "") -> tuple[object, str]:
        """What stands for a variable: cells and globals are told apart by their names alone."""
        code = frame.f_code
        if kind.endswith("GLOBAL") or (kind.endswith("NAME") and frame.f_locals is frame.f_globals):
            return "global", name
        if kind.endswith("NAME"):
            return (frame, name) if name in frame.f_locals or kind.startswith("STORE") else ("global", name)
        if name in code.co_cellvars or name in code.co_freevars:
            return "cell", name
        return frame, name

    def step(self, frame: FrameType) -> None:
        """One instruction."""
        code = frame.f_code
        known = self.codes.get(code)
        if known is None:
            known = self.codes[code] = {one.offset: one for one in dis.get_instructions(code)}
        done = known[frame.f_lasti]
        name = done.argval
        if name not in self.places:  # `__module__` and others that are not written
            return
        if done.opname in STORES:
            following = known.get(done.offset + 2)
            if following is not None and following.opname.startswith("DELETE") and following.argval == name:
                self.values.pop(self.key(frame, name, done.opname), None)  # the end of `except … as name`
            else:
                self.values[self.key(frame, name, done.opname)] = self.place(done, ("store", "update"))
        elif done.opname in LOADS:
            if done.opname.startswith("DELETE") and known[done.offset - 2].argval == name:
                return
            key = self.key(frame, name, done.opname)
            if key in self.values:
                self.pairs.add((self.values[key], self.place(done, ("load", "update", "delete"))))
            elif key[0] is frame:
                self.unbound.add(self.place(done, ("load", "update", "delete")))
            if done.opname.startswith("DELETE"):
                self.values.pop(key, None)

    def place(self, done: dis.Instruction, roles: tuple[str, ...]) -> int:
        """Where the name stands that an instruction is about."""
        position = done.positions
        assert position is not None
        assert position.lineno
        assert position.end_lineno
        start = self.lines[position.lineno - 1] + (position.col_offset or 0)
        end = self.lines[position.end_lineno - 1] + (position.end_col_offset or 0)
        places = [one.start for one in self.places[done.argval] if one.role in roles]
        found = [place for place in places if start <= place < end]
        # Which of several alternatives in a `case` it was, the compiler does not say: the last may stand for the first.
        first, last = self.lines[position.lineno - 1], [*self.lines, end][position.end_lineno]
        return min(found) if found else min(place for place in places if first <= place < last)


def is_parameter(name: Occurrence) -> bool:
    return name.symbol is not None and name.symbol.kind == "parameter"


def traced(source: str) -> tuple[Module, Tracer]:
    """A program, and what was seen when it ran."""
    module = parse(source, "python")
    tracer = Tracer(module)
    tracer.run(source)
    return module, tracer
