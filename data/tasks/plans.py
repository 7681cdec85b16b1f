"""Modules of a repository that import each other → the order to change them in, each after those that it imports.

Each file gives its imports on its own (`module_of`, for worker processes); the plans need those of all files. Python
alone: of no other language do the files say which file an import means.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from pydantic import Field, model_validator

from analysis.python import tree_of
from data.files import CodeFile, origin_of
from data.tasks.chance import dice
from hone.config import Config
from hone.records import Example, Origin, Record, Turn

PLAN = "plan"


class PlanConfig(Config):
    """Modules of a repository that import each other → the order in which to change them."""

    most_per_repository: int = Field(200, ge=1)
    min_files: int = Field(3, ge=2)
    max_files: int = Field(7, ge=2)

    @model_validator(mode="after")
    def _has_room(self) -> "PlanConfig":
        if self.min_files > self.max_files:
            raise ValueError("`min_files` is more than `max_files`")
        return self


class ModuleImports(Record, frozen=True):
    """One module, and the names of modules that it may mean by its imports."""

    name: str  # dotted, by its path
    path: str
    wanted: tuple[str, ...]
    origin: Origin


def module_of(file: CodeFile) -> ModuleImports | None:
    """What a Python file imports; None for other files and for those that cannot be parsed."""
    if file.language != "python" or not file.path.endswith(".py"):
        return None
    try:
        tree = tree_of(file.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    parts = file.path.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    parts = parts[:-1] if is_package else parts
    package = parts if is_package else parts[:-1]
    wanted: dict[str, None] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            wanted |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*around, *([node.module] if node.module else [])])
            wanted |= dict.fromkeys(f"{base}.{alias.name}" for alias in node.names) | {base: None}
    return ModuleImports(".".join(parts), file.path, tuple(wanted), origin_of(file, 1, file.text.count("\n") + 1))


def plans(modules: Iterable[ModuleImports], config: PlanConfig) -> Iterator[Example]:
    """Plans around modules, of those that they import directly or not. One repository's modules; cycles make none."""
    known = {module.name: module for module in sorted(modules, key=lambda one: one.path) if module.name}
    imports = _resolved(known)
    seen: set[frozenset[str]] = set()
    for name in known:
        if len(seen) == config.most_per_repository:
            return
        chosen = _neighbourhood(name, imports, config)
        group = frozenset(chosen)
        if len(group) < config.min_files or group in seen:
            continue
        inside = {one: sorted(imports[one] & group) for one in sorted(group)}
        order = order_of(inside)
        if not order:
            continue
        seen.add(group)
        yield _example(known, name, inside, order)


def order_of(imports: Mapping[str, Sequence[str]]) -> list[str]:
    """Each after all that it imports, otherwise by name; empty where they import each other in a circle."""
    sorter = TopologicalSorter(imports)
    try:
        sorter.prepare()
    except CycleError:
        return []
    order: list[str] = []
    ready = list(sorter.get_ready())
    while ready:
        ready.sort(reverse=True)
        order.append(ready.pop())
        sorter.done(order[-1])
        ready += sorter.get_ready()
    return order


def _resolved(known: Mapping[str, ModuleImports]) -> dict[str, set[str]]:
    """Which of the known modules each imports. Sources may lie below a folder, so names are met by their ends too."""
    ends: defaultdict[str, set[str]] = defaultdict(set)
    for name in known:
        ends[name].add(name)
        first, _, rest = name.partition(".")
        if first in ("src", "lib", "python") and rest:
            ends[rest].add(name)
    return {
        name: {found for wanted in module.wanted for found in ends.get(wanted, ()) if found != name}
        for name, module in known.items()
    }


def _neighbourhood(name: str, imports: Mapping[str, set[str]], config: PlanConfig) -> list[str]:
    """A module, then what it imports, then what those import, as far as there is room."""
    chosen, at = [name], 0
    size = dice(PLAN, name).randint(config.min_files, config.max_files)
    while at < len(chosen) and len(chosen) < size:
        chosen += [one for one in sorted(imports[chosen[at]]) if one not in chosen][: size - len(chosen)]
        at += 1
    return chosen


def _example(
    known: Mapping[str, ModuleImports], name: str, imports: Mapping[str, Sequence[str]], order: Sequence[str]
) -> Example:
    origin = known[name].origin
    listed = sorted(order, key=lambda one: known[one].path)
    dice(PLAN, "listed", name).shuffle(listed)
    lines = []
    for one in listed:
        needs = ", ".join(f"`{known[other].path}`" for other in imports[one])
        lines.append(f"- `{known[one].path}` imports {needs or 'none of the others'}")
    question = (
        f"An interface that all of these files of `{origin.source}` use is going to change. In which order should they "
        "be changed, so that each file comes after every file that it imports?\n\n" + "\n".join(lines)
    )
    steps = []
    for number, one in enumerate(order, start=1):
        needs = ", ".join(map(str, sorted(order.index(other) + 1 for other in imports[one])))
        steps.append(f"{number}. `{known[one].path}`: " + (f"after {needs}" if needs else "imports none of the others"))
    return Example(
        id=f"{origin.source}/{origin.path}:1#{PLAN}",
        prompt="",
        completion="",
        entry_point="",
        origin=origin,
        task=PLAN,
        turns=(Turn("user", question), Turn("assistant", "\n".join(steps))),
    )
