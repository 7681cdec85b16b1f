"""Programs written at random that end, and whose parts are all reached by some of their calls."""

import random


class Writer:
    """Writes programs at random that end: what they ask is answered by `ask`, which also raises now and then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []

    def program(self) -> str:
        """A function of everything, and calls of it."""
        self.lines = ["import contextlib, random", "class P(tuple): pass", "def f(a, ask):"]
        self.suite(1, 4, loop=False)
        self.lines += ["for seed in range(12):", "    answers = random.Random(seed)", "    steps = [0]"]
        self.lines += [
            "    def ask(*_, most=60):",
            "        steps[0] += 1",
            "        if steps[0] > most: raise MemoryError",
        ]
        self.lines += ["        if answers.random() < 0.15: raise answers.choice([KeyError, ValueError, OSError])"]
        self.lines += ["        return answers.choice([0, 1, 1, (1, 2), (2,), 7])"]
        self.lines += ["    try:", "        f(seed, ask)", "    except Exception:", "        pass"]
        return "\n".join(self.lines) + "\n"

    def name(self) -> str:
        return self.random.choice("abcde")

    def value(self) -> str:
        """An expression."""
        a, b, c = self.name(), self.name(), self.name()
        while c == a:
            c = self.name()
        return self.random.choice(
            [
                "1", f"ask({a})", f"ask({a}, {b})", f"({a}, {b})", f"({c} := ask({a}))", f"ask() and ({a} := {b})",
                f"({a} := ask()) if ask() else {b}", f"[{c} for {c} in ({a}, 2) if {b}]", f"ask() or {a}",
                f"[({a} := {c}) for {c} in (1, {b})]", f"list({c} + {a} for {c} in ask())", f"(lambda {a}=1: {a})()",
                f"0 < ask() < ({b} := {a})", f"f'{{{a}}}{{ask():{{1}}}}'", f"ask(({a} := {b}), {a})",
            ]
        )  # fmt: skip

    def suite(self, depth: int, most: int, *, loop: bool) -> None:
        """Statements, one level deeper."""
        for _ in range(self.random.randint(1, most)):
            self.statement(depth, loop=loop)

    def put(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def statement(self, depth: int, *, loop: bool) -> None:
        """One, perhaps with others in it."""
        kinds = [self.simple] * 6
        if depth < 5:
            kinds += [self.condition, self.loop, self.loop, self.attempt, self.attempt, self.opening, self.match]
        self.random.choice(kinds)(depth, loop)

    def simple(self, depth: int, loop: bool) -> None:
        a, b = self.name(), self.name()
        jumps = ["break", "continue"] if loop else ["pass"]
        lines = [f"{a} = {self.value()}", f"{a}, {b} = ask(), {b}", f"{a} += ask()", f"del {a}", "return " + a,
                 f"raise KeyError({a})", f"assert ask(), {a}", self.value(), *jumps]  # fmt: skip
        self.put(depth, self.random.choices(lines, [8, 3, 3, 1, 1, 1, 1, 4, *[1] * len(jumps)])[0])

    def condition(self, depth: int, loop: bool) -> None:
        test = self.random.choice([self.value(), "not ask()", f"ask() and not {self.name()}", "0", "1"])
        self.put(depth, f"if {test}:")
        self.suite(depth + 1, 2, loop=loop)
        if self.random.random() < 0.6:
            self.put(depth, self.random.choice(["else:", f"elif {self.value()}:"]))
            self.suite(depth + 1, 2, loop=loop)

    def loop(self, depth: int, loop: bool) -> None:
        a, b = self.name(), self.name()
        heads = [f"for {a} in (1, {b}):", f"for {a} in [ask(), ask()]:", "while ask():", f"while ({a} := ask()):"]
        self.put(depth, self.random.choice([*heads, "while 1:"]))
        self.put(depth + 1, "ask()")
        self.suite(depth + 1, 3, loop=True)
        self.perhaps(0.4, "else:", depth, loop)

    def attempt(self, depth: int, loop: bool) -> None:
        self.put(depth, "try:")
        self.suite(depth + 1, 3, loop=loop)
        caught = self.random.random() < 0.5
        if caught:
            star = "*" if self.random.random() < 0.2 else ""
            for kind in self.random.sample(["KeyError", "ValueError", "(OSError, NameError)"], 2):
                self.put(depth, f"except{star} {kind}" + self.random.choice([":", f" as {self.name()}:"]))
                if star:
                    self.put(depth + 1, f"{self.name()} = ask({self.name()})")
                else:
                    self.suite(depth + 1, 2, loop=loop)
            self.perhaps(0.4, "else:", depth, loop)
        self.perhaps(0.3 if caught else 1, "finally:", depth, loop)

    def perhaps(self, chance: float, head: str, depth: int, loop: bool) -> None:
        if self.random.random() < chance:
            self.put(depth, head)
            self.suite(depth + 1, 2, loop=loop)

    def opening(self, depth: int, loop: bool) -> None:
        first = self.random.choice(["suppress(KeyError, TypeError)", "nullcontext(1)", "nullcontext(ask())"])
        self.put(depth, f"with contextlib.{first} as {self.name()}, contextlib.nullcontext(ask()) as {self.name()}:")
        self.suite(depth + 1, 3, loop=loop)

    def match(self, depth: int, loop: bool) -> None:
        a, b = self.name(), self.name()
        self.put(depth, f"match {self.value()}:")
        patterns = [f"({a}, {b})", f"[{a}, *_] if ask({a})", f"int({a}) | str({a})", f"{b} if {b}", "_"]
        chosen = [pattern for pattern in patterns if self.random.random() < 0.6]
        for pattern in chosen or ["99"]:
            self.put(depth + 1, f"case {pattern}:")
            self.suite(depth + 2, 2, loop=loop)
