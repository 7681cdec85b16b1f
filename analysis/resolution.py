"""Which file of a project an import means, and which function or class of it a call: by the names alone, pure."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.calls import Call, Imported

MOST_STEPS = 20  # from one file to the next, each passing on a name
ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", "/index.ts", "/index.tsx", "/index.js")


@dataclass(frozen=True)
class Known:
    """One file: what it defines, passes on and inherits."""

    path: str
    module: str  # its dotted name where it is Python
    defined: frozenset[str]  # qualified names
    imports: tuple[Imported, ...]
    bases: dict[str, tuple[str, ...]]


class Resolver:
    """Follows names through the files of a project."""

    def __init__(self, files: Iterable[Known]) -> None:
        self._files = {file.path: file for file in files}
        self._by_module: dict[str, str] = {}
        for file in self._files.values():
            if file.module:
                self._by_module.setdefault(file.module, file.path)
                plain = file.path.rpartition(".")[0].removesuffix("/__init__").replace("/", ".")
                self._by_module.setdefault(
                    plain, file.path
                )  # from the project's folder: packages without `__init__.py`
        self._own = {
            file.path: {one.name: one for one in file.imports if one.scope == "module" and one.name != "*"}
            for file in self._files.values()
        }
        self._stars = {
            file.path: [one.module for one in file.imports if one.name == "*"] for file in self._files.values()
        }

    def file_of(self, path: str, imported: Imported) -> str:
        """The file that an import is from; empty where that is outside the project."""
        if not self._files[path].module:
            return self._by_path(path, imported.module)
        module = self._absolute(path, imported.module)
        whole = f"{module}.{imported.item}" if imported.item not in ("", "*") else module
        return self._by_module.get(whole) or self._by_module.get(module, "")

    def callee(self, path: str, call: Call) -> tuple[str, str]:
        """The file that defines what is called, and its name there; or no file, and the name as it is imported."""
        if call.kind == "local":
            return path, call.callee
        found = None
        if call.kind == "import":
            found = self._target(path, call.callee, MOST_STEPS)
        elif call.callee.isidentifier():
            found = self._from_stars(path, call.callee, MOST_STEPS)
        return found or ("", call.callee)

    def _target(self, path: str, name: str, steps: int) -> tuple[str, str] | None:
        """What a dotted name means that stands in a file."""
        if not self._files[path].module:
            return self._target_by_path(path, name, steps)
        parts = self._absolute(path, name).split(".")
        for count in range(len(parts), 0, -1):
            at = self._by_module.get(".".join(parts[:count]))
            if at is not None:
                return self._inside(at, parts[count:], steps - 1)
        return None

    def _target_by_path(self, path: str, name: str, steps: int) -> tuple[str, str] | None:
        """Of JavaScript: `./folder/file.item`, in which the file's own name may hold a dot."""
        for imported in self._own[path].values():
            if name == imported.module or name.startswith(f"{imported.module}."):
                at = self._by_path(path, imported.module)
                if at:
                    return self._inside(at, name[len(imported.module) + 1 :].split("."), steps - 1)
        return None

    def _inside(self, path: str, parts: list[str], steps: int) -> tuple[str, str] | None:
        """What `parts` name in a file: what it defines, inherits, or passes on from another."""
        file = self._files[path]
        name = ".".join(parts)
        if steps <= 0 or not name:
            return None
        if name in file.defined:
            return path, name
        owner, _, method = name.rpartition(".")
        if owner in file.defined:
            return self._inherited(path, owner, method, steps)
        passed_on = self._own[path].get(parts[0])
        if passed_on is not None:
            return self._target(path, ".".join([passed_on.target, *parts[1:]]), steps - 1)
        return self._from_stars(path, name, steps)

    def _inherited(self, path: str, owner: str, method: str, steps: int) -> tuple[str, str] | None:
        for base in self._files[path].bases.get(owner, ()):
            if base in self._files[path].defined:
                found = self._inside(path, [*base.split("."), method], steps - 1)
            else:
                found = self._target(path, f"{base}.{method}", steps - 1)
            if found is not None:
                return found
        return None

    def _from_stars(self, path: str, name: str, steps: int) -> tuple[str, str] | None:
        for module in self._stars[path]:
            at = self._by_module.get(self._absolute(path, module))
            found = self._inside(at, name.split("."), steps - 1) if at is not None and at != path else None
            if found is not None:
                return found
        return None

    def _absolute(self, path: str, name: str) -> str:
        """A dotted name without its leading dots, each of which is a package further up."""
        dots = len(name) - len(name.lstrip("."))
        if not dots:
            return name
        package = self._files[path].module.split(".")
        if not path.endswith(("/__init__.py", "/__init__.pyi")):
            package = package[:-1]
        package = package[: len(package) - (dots - 1)]
        return ".".join([*package, *filter(None, [name[dots:]])])

    def _by_path(self, path: str, module: str) -> str:
        if not module.startswith("."):
            return ""
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
        return next((place + ending for ending in ENDINGS if place + ending in self._files), "")
